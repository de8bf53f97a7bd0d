"""What layers change and waste, of layers that are made here entry by entry."""

from __future__ import annotations

import io
import tarfile

import pytest
from layers import Entry, file, folder, hard_link, link, special, tar

from ipycontainers.errors import Invalid, UnsafeLayer
from ipycontainers.oci import listing
from ipycontainers.oci.changes import Bound, Stack, Waste, by_path, efficiency
from ipycontainers.oci.tree import state

Layer = list[Entry]


def stacked(*layers: Layer) -> tuple[list[dict[str, str]], Stack]:
    """Of each layer the change of each path, in order; and the stack."""
    stack, told = Stack(), []
    for layer in layers:
        files = stack.put(listing.read(io.BytesIO(tar(*layer)), "it", Bound()))
        told.append({entry.path: entry.change for entry in files})
    return told, stack


def final(*layers: Layer) -> dict[str, str]:
    """Each path of the last layer's tree with its kind."""
    stack = Stack()
    files = [stack.put(listing.read(io.BytesIO(tar(*one)), "it", Bound())) for one in layers]
    return {path: entry.kind for path, entry in sorted(state(files).items())}


def test_files_are_added_changed_and_removed() -> None:
    told, stack = stacked(
        [folder("etc"), file("etc/a", b"1"), file("etc/b", b"22"), file("etc/c", b"333")],
        [folder("etc"), file("etc/a", b"111"), file("etc/.wh.b"), file("etc/d", b"4")],
    )
    assert told[0] == dict.fromkeys(["/etc", "/etc/a", "/etc/b", "/etc/c"], "added")
    assert told[1] == {
        "/etc": "changed",
        "/etc/a": "changed",
        "/etc/b": "removed",
        "/etc/d": "added",
    }
    assert sorted(stack.wasted) == [
        Waste("/etc/a", 1, 0, "rewritten", 1),
        Waste("/etc/b", 2, 0, "removed", 1),
    ]


def test_a_removed_folder_takes_all_that_is_in_it() -> None:
    told, stack = stacked(
        [folder("a"), folder("a/b"), file("a/b/c", b"12"), file("a/d", b"345"), file("e", b"6")],
        [file(".wh.a")],
    )
    assert told[1] == dict.fromkeys(["/a", "/a/b", "/a/b/c", "/a/d"], "removed")
    assert sum(waste.size for waste in stack.wasted) == 5
    assert final([folder("a"), file("a/b")], [file(".wh.a")]) == {}


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_an_opaque_folder_hides_what_is_older_wherever_its_mark_stands(first: bool) -> None:
    mark, rest = file("a/.wh..wh..opq"), [folder("a"), file("a/new", b"1"), file("a/b", b"2")]
    layer = [mark, *rest] if first else [*rest, mark]
    told, stack = stacked([folder("a"), file("a/b", b"333"), file("a/old", b"44")], layer)
    assert told[1] == {"/a": "changed", "/a/b": "changed", "/a/new": "added", "/a/old": "removed"}
    assert sorted(stack.wasted) == [
        Waste("/a/b", 3, 0, "rewritten", 1),
        Waste("/a/old", 2, 0, "removed", 1),
    ]


def test_a_whiteout_spares_what_its_own_layer_brings() -> None:
    told, _ = stacked([file("a", b"1")], [file("a", b"2"), file(".wh.a")])
    assert told[1] == {"/a": "changed"}


def test_a_whiteout_of_nothing_is_ignored() -> None:  # dive#258
    told, stack = stacked(
        [file("a", b"1")], [file(".wh.b"), file("c/.wh.d"), file("e/.wh..wh..opq")]
    )
    assert (told[1], stack.wasted) == ({}, [])


def test_marks_that_hide_no_file_are_ignored() -> None:  # R45
    marks = [file(name) for name in (".wh.", ".wh..", ".wh...", ".wh..wh.plnk", ".wh..wh.aufs")]
    told, stack = stacked([file("etc/c", b"a")], marks)
    assert (told[1], stack.wasted) == ({}, [])


def test_a_file_that_is_rewritten_in_five_layers_is_wasted_four_times() -> None:
    layers = [[file("log", b"x" * 100 * number)] for number in range(1, 6)]
    _, stack = stacked(*layers)
    assert [waste.size for waste in stack.wasted] == [100, 200, 300, 400]
    assert {(waste.reason, waste.by - waste.layer) for waste in stack.wasted} == {("rewritten", 1)}
    [(path, size, them)] = by_path(stack.wasted)
    assert (path, size, len(them)) == ("/log", 1000, 4)
    assert efficiency(1500, 1000) == pytest.approx(1 / 3)


def test_the_first_of_two_entries_of_one_name_is_wasted() -> None:
    told, stack = stacked([file("a", b"12345"), file("a", b"1")])
    assert told == [{"/a": "added"}]
    assert stack.wasted == [Waste("/a", 5, 0, "rewritten", 0)]


def test_what_comes_twice_in_a_layer_is_judged_by_the_layers_below() -> None:
    told, _ = stacked([file("a", b"1")], [file("a", b"2"), file("a", b"3")])
    assert told[1] == {"/a": "changed"}
    below = [folder("d"), file("d/a", b"1")]
    told, stack = stacked(below, [folder("d"), file("d/a", b"22"), file("d", b"3")])
    assert told[1] == {"/d": "changed", "/d/a": "removed"}
    assert [(waste.size, waste.layer) for waste in stack.wasted] == [(1, 0), (2, 1)]


def test_a_file_and_a_folder_can_take_each_others_place() -> None:
    told, stack = stacked(
        [folder("a"), file("a/b", b"12"), file("c", b"345")],
        [file("a", b"6"), folder("c"), file("c/d", b"7")],
    )
    assert told[1] == {"/a": "changed", "/a/b": "removed", "/c": "changed", "/c/d": "added"}
    assert sorted(stack.wasted) == [
        Waste("/a/b", 2, 0, "removed", 1),
        Waste("/c", 3, 0, "rewritten", 1),
    ]


def test_empty_files_and_the_same_content_elsewhere_are_no_waste() -> None:
    _, stack = stacked([file("a"), file("b", b"same")], [file("a"), file("c", b"same")])
    assert stack.wasted == []


# --- hard links (R42) ---------------------------------------------------------------------------


def test_a_file_lives_on_by_its_other_name() -> None:
    told, stack = stacked([file("A", b"x"), hard_link("Z", "A")], [file(".wh.A")])
    assert (told[1], stack.wasted) == ({"/A": "removed"}, [])
    _, stack = stacked([file("A", b"x"), hard_link("Z", "A")], [file(".wh.A")], [file(".wh.Z")])
    assert stack.wasted == [Waste("/A", 1, 0, "removed", 2)]


def test_a_link_to_a_lower_layers_file_is_one_more_name() -> None:
    told, stack = stacked([file("a", b"xyz")], [hard_link("b", "a")], [file(".wh.a")])
    assert (told[1], stack.wasted) == ({"/b": "added"}, [])


def test_a_link_has_the_mode_and_the_owner_of_its_file() -> None:
    stack = Stack()
    made = tar(file("a", mode=0o4755, uid=7, gid=8), hard_link("b", "a"))
    _, entry = stack.put(listing.read(io.BytesIO(made), "it", Bound()))
    assert (entry.path, entry.mode, entry.uid, entry.gid) == ("/b", 0o4755, 7, 8)


def test_a_link_that_is_replaced_leaves_the_first_file() -> None:
    told, stack = stacked(
        [file("abc", b"1"), hard_link("lnk", "abc")], [file("def", b"22"), hard_link("lnk", "def")]
    )
    assert told[1] == {"/def": "added", "/lnk": "changed"}
    assert stack.wasted == []


def test_a_file_whose_name_becomes_a_link_lives_on() -> None:
    _, stack = stacked(
        [file("bin/git", b"g"), hard_link("core/git", "bin/git")],
        [link("bin/git", "../core/git")],
    )
    assert stack.wasted == []


def test_a_linked_files_bytes_count_once() -> None:
    listed = listing.read(
        io.BytesIO(tar(file("a", b"123"), hard_link("b", "a"), hard_link("c", "b"))), "it", Bound()
    )
    assert listed.size == 3
    assert [(entry.path, entry.size, entry.target) for entry in listed.entries] == [
        ("/a", 3, ""),
        ("/b", 0, "/a"),
        ("/c", 0, "/b"),
    ]


@pytest.mark.parametrize("target", ["a", "missing"])
def test_a_link_to_itself_or_to_nothing_does_no_harm(target: str) -> None:
    _, stack = stacked([file("a", b"1")], [hard_link("a", target)])
    assert len(stack.wasted) == (target == "missing")


# --- names --------------------------------------------------------------------------------------


def test_absolute_names_and_the_root_itself_are_taken_as_they_are_meant() -> None:  # R41
    told = final(
        [
            folder("./"),
            folder("/"),
            folder("/usr/"),
            file("/usr/a", b"1"),
            link("/usr/l", "/usr/a"),
            hard_link("usr/h", "/usr/a"),
            file("./etc//c", b"2"),
        ]
    )
    assert told == {
        "/etc": "directory",
        "/etc/c": "file",
        "/usr": "directory",
        "/usr/a": "file",
        "/usr/h": "hard link",
        "/usr/l": "symlink",
    }


@pytest.mark.parametrize(
    "entry",
    [file("../../evil"), hard_link("e", "../../etc/passwd"), file("a/../../b"), file("x\0y" * 3)],
    ids=["climbs", "links", "climbs later", "cut by a zero"],
)
def test_what_leads_outside_is_refused_by_its_name(entry: Entry) -> None:  # R41
    if "\0" in entry[0].name:
        entry[0].pax_headers = {"path": entry[0].name}
    with pytest.raises(UnsafeLayer):
        stacked([entry])


def test_a_link_that_leads_outside_ends_at_the_root() -> None:  # R41
    assert final([link("up", "../../.."), file("up/evil", b"x")]) == {
        "/evil": "file",
        "/up": "symlink",
    }


def test_within_a_layer_links_lead_on_and_to_a_lower_layer_they_do_not() -> None:
    within = [link("lib", "usr/lib"), file("lib/a", b"1")]
    assert final(within) == {
        "/lib": "symlink",
        "/usr": "directory",
        "/usr/lib": "directory",
        "/usr/lib/a": "file",
    }
    above = final([folder("usr"), link("lib", "usr")], [file("lib/a", b"1")])
    assert above == {"/lib": "directory", "/lib/a": "file", "/usr": "directory"}


def test_a_loop_of_links_is_refused() -> None:
    with pytest.raises(UnsafeLayer, match="too many links"):
        stacked([link("a", "b"), link("b", "a"), file("a/c")])


def test_odd_names_are_kept_byte_for_byte() -> None:  # R45
    names = ["caf\udce9", "a\nb", "d/" + "e" * 150, "Ra\u00edz.pem", "<img src=x onerror=alert(1)>"]
    told, _ = stacked([file(name, b"1") for name in names])
    assert set(told[0]) == {"/d", *(f"/{name}" for name in names)}


def test_kinds_modes_and_owners_are_those_of_the_tar() -> None:  # R18
    listed = listing.read(
        io.BytesIO(
            tar(
                file("shadow", b"x", mode=0o640, gid=42),
                folder("netif", uid=192, gid=192),
                file("su", b"s", mode=0o4755, uid=1000),
                special("fifo", tarfile.FIFOTYPE),
                special("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
                special("disk", tarfile.BLKTYPE),
            )
        ),
        "it",
        Bound(),
    )
    assert [(it.kind, it.mode, it.uid, it.gid) for it in listed.entries] == [
        ("file", 0o640, 0, 42),
        ("directory", 0o755, 192, 192),
        ("file", 0o4755, 1000, 0),
        ("fifo", 0o644, 0, 0),
        ("character device", 0o644, 0, 0),
        ("block device", 0o644, 0, 0),
    ]


# --- bounds -------------------------------------------------------------------------------------


def test_no_more_is_kept_than_is_allowed() -> None:
    many = io.BytesIO(tar(*(file(f"f{number}") for number in range(11))))
    with pytest.raises(Invalid, match="more than"):
        listing.read(many, "it", Bound(entries=10))
    long = io.BytesIO(tar(*(file("n" * 200 + str(number)) for number in range(11))))
    with pytest.raises(Invalid, match="longer names"):
        listing.read(long, "it", Bound(text=2000))


def test_folders_that_nobody_wrote_down_count_too() -> None:
    bound = Bound(entries=20)
    listed = listing.read(io.BytesIO(tar(file("/".join("abcdefghijklmnopqrstuv")))), "it", bound)
    with pytest.raises(Invalid, match="more than"):
        Stack(bound).put(listed)


def test_folders_are_no_deeper_than_can_be_made() -> None:
    with pytest.raises(UnsafeLayer, match="deeper"):
        stacked([file("a/" * 300 + "b")])
