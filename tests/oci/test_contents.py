"""An image's contents as data, rows, text and a check."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from layers import Entry, Made, file, folder, hard_link, image_archive, link, tar

from ipycontainers.errors import CheckFailed, Invalid
from ipycontainers.oci import saved
from ipycontainers.oci.contents import Contents, compare

HOSTILE = "<img src=x onerror=alert(1)>"


def image(*layers: list[Entry], name: str = "test:1", **config: Any) -> Contents:
    made = Made([tar(*layer) for layer in layers], config=config)
    return saved.read(io.BytesIO(image_archive(made)), name, hashed=True)


def test_data_has_the_documented_shape() -> None:
    history = [
        {"created_by": "COPY a /"},
        {"created_by": "USER me", "empty_layer": True},
        {"created_by": "RUN rm"},
    ]
    contents = image([folder("d", mode=0o700), file("a", b"12")], [file(".wh.a")], history=history)
    first, empty, second = contents.layers
    assert contents.data == {
        "image": "test:1",
        "config": {"Cmd": ["sh"]},
        "layers": [
            {
                "digest": first.digest,
                "diff_id": first.diff_id,
                "size": 2,
                "created_by": "COPY a /",
                "empty": False,
                "files": [
                    {"path": "/a", "change": "added", "kind": "file", "size": 2, "mode": 0o644},
                    {
                        "path": "/d",
                        "change": "added",
                        "kind": "directory",
                        "size": 0,
                        "mode": 0o700,
                    },
                ],
            },
            {
                "digest": "",
                "diff_id": "",
                "size": 0,
                "created_by": "USER me",
                "empty": True,
                "files": [],
            },
            {
                "digest": second.digest,
                "diff_id": second.diff_id,
                "size": 0,
                "created_by": "RUN rm",
                "empty": False,
                "files": [
                    {"path": "/a", "change": "removed", "kind": "file", "size": 2, "mode": 0o644}
                ],
            },
        ],
        "wasted_bytes": 2,
        "efficiency": 0.0,
    }
    assert json.loads(json.dumps(contents.data)) == contents.data
    assert not empty.files


def test_data_is_text_that_utf8_can_hold() -> None:  # R45
    history = [{"created_by": "half \ud83d, " + HOSTILE}]
    contents = image(
        [file("caf\udce9", b"1"), file("a\nb", b"2"), file(HOSTILE, b"3")],
        history=history,
        config={"Labels": {"l": "\ud800", "\udfff": "x"}},
    )
    data = contents.data
    json.dumps(data, ensure_ascii=False).encode()
    assert [it["path"] for it in data["layers"][0]["files"]] == [
        f"/{HOSTILE}",
        "/a\nb",
        "/caf\\xe9",
    ]
    assert data["layers"][0]["created_by"] == "half ?, " + HOSTILE
    assert len({row["path"] for row in contents.rows()}) == 3


def test_rows_have_owners_and_targets() -> None:
    contents = image([file("a", b"1", uid=5, gid=6), link("l", "a"), hard_link("h", "a")])
    rows = {row["path"]: row for row in contents.rows()}
    assert rows["/a"] == {
        "layer": 0,
        "created_by": "",
        "path": "/a",
        "change": "added",
        "kind": "file",
        "size": 1,
        "mode": 0o644,
        "uid": 5,
        "gid": 6,
        "target": "",
    }
    assert (rows["/l"]["target"], rows["/h"]["target"]) == ("a", "/a")


def test_a_summary_says_what_is_wasted_most() -> None:
    layers = [[file("log", b"x" * 1000)]] * 3 + [[file(".wh.log"), file("new", b"y")]]
    assert image(*layers).summary().splitlines() == [
        "test:1: 3.001kB in 4 layers, 5 changes",
        "efficiency 0.0%, 3kB wasted",
        "  /log: 3kB removed and rewritten 3 times",
    ]


def test_a_summary_is_of_few_lines_and_of_visible_letters() -> None:
    names = [f"f{number}\n\u202eevil" for number in range(8)]
    contents = image([file(name, b"1") for name in names], [file(f".wh.{name}") for name in names])
    lines = contents.summary().splitlines()
    assert len(lines) == 8
    assert lines[2] == "  /f0\\n\\u202eevil: 1B removed"
    assert lines[-1] == "  and 3 files more"


def test_a_check_passes_at_its_limits() -> None:
    contents = image([file("a", b"1234")], [file("a", b"1")])
    assert (contents.efficiency, contents.wasted_bytes) == (0.2, 4)
    contents.check(lowest_efficiency=0.2, highest_wasted_bytes=4)
    image([file("a", b"1")]).check(lowest_efficiency=1, highest_wasted_bytes=0)


def test_a_check_that_fails_says_by_how_much_and_which_files() -> None:
    contents = image([file("a", b"1234")], [file("a", b"1")])
    with pytest.raises(CheckFailed) as failed:
        contents.check(lowest_efficiency=0.9, highest_wasted_bytes=3)
    assert failed.value._render_traceback_() == [
        "CheckFailed: test:1: its efficiency is 0.2000, below 0.9; 4 bytes are wasted, over 3",
        "  hint: /a: 4B rewritten",
    ]
    with pytest.raises(CheckFailed, match=r"^test:1: 4 bytes are wasted, over 3$"):
        contents.check(highest_wasted_bytes=3)


@pytest.mark.parametrize(
    "limits", [{}, {"lowest_efficiency": 90}, {"highest_wasted_bytes": -1}], ids=str
)
def test_a_check_of_nothing_or_of_what_cannot_be_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        image([file("a", b"1")]).check(**limits)


# --- two images ---------------------------------------------------------------------------------


def test_two_images_share_the_layers_from_the_oldest_on() -> None:
    base, same = [file("base", b"1")], [file("same", b"2")]
    one = image(base, same, [file("a", b"1"), file("b", b"1"), file("c", b"1", mode=0o600)])
    other = image(base, same, [file("a", b"2"), file("c", b"1"), file("d", b"1")])
    found = compare(one, other)
    assert found.shared == 2
    assert [(it.path, it.change) for it in found.files] == [
        ("/a", "changed"),  # of the same size
        ("/b", "removed"),
        ("/c", "changed"),
        ("/d", "added"),
    ]
    assert compare(one, one).files == ()
    assert compare(image(same, base), image(base, same)).shared == 0


def test_two_images_differ_in_what_their_containers_get() -> None:
    config = {"Cmd": ["a"], "Env": ["A=1", "B=2", "C="], "User": "", "Labels": {"l": "\ud800"}}
    one = image([], config=config)
    config = {"Cmd": ["b"], "Env": ["B=2", "A=2"], "Volumes": {"/v": {}}, "Labels": None}
    # As dockerd has it of an image that was committed.
    config |= {"Hostname": "f02ab1c2d3e4", "Image": "sha256:1b2c", "AttachStdout": True}
    other = image([], config=config, os="plan9")
    assert compare(one, other).config == (
        ("Cmd", ["a"], ["b"]),
        ("Env A", "1", "2"),
        ("Env C", "", None),
        ("Labels l", "?", None),
        ("Platform", "linux/amd64", "plan9/amd64"),
        ("Volumes /v", None, {}),
    )
    assert compare(one, one).config == ()


def test_what_two_images_have_in_layers_of_their_own_does_not_differ() -> None:
    found = compare(
        image([file("a", b"1")], [file("b", b"2")]), image([file("b", b"2"), file("a", b"1")])
    )
    assert (found.shared, found.files) == (0, ())


# --- trees --------------------------------------------------------------------------------------


def test_a_layers_tree_has_the_folders_on_the_way() -> None:
    contents = image(
        [folder("usr", mode=0o700), folder("usr/lib"), file("usr/lib/a", b"12"), file("b", b"3")],
        [file("usr/lib/c", b"4567"), file("usr/lib/.wh.a")],
    )
    tree = contents.layer_tree(1)
    assert [(it.path, it.change, it.mode) for it in tree.inside()] == [("/usr", "", 0o700)]
    assert [(it.path, it.change) for it in tree.inside("/usr/lib")] == [
        ("/usr/lib/a", "removed"),
        ("/usr/lib/c", "added"),
    ]
    assert (tree.bytes("/"), tree.bytes("/usr"), tree.count("/usr/lib")) == (4, 4, 1)


def test_the_tree_of_all_marks_what_its_last_layer_did() -> None:
    contents = image(
        [folder("d"), file("d/a", b"12"), file("d/b", b"3"), file("c", b"4")],
        [file("d/a", b"123"), file("d/.wh.b"), file("d/e", b"5")],
        [file("f", b"6")],
    )
    tree = contents.tree(1)
    assert {it.path: it.change for it in tree.inside("/d")} == {
        "/d/a": "changed",
        "/d/b": "removed",
        "/d/e": "added",
    }
    assert tree.entry("/c").change == ""
    assert (tree.bytes(), tree.bytes("/d"), tree.bytes("/d/a"), tree.bytes("/d/b")) == (5, 4, 3, 0)
    last = contents.tree()
    assert [(it.path, it.change) for it in last.inside()] == [
        ("/c", ""),
        ("/d", ""),
        ("/f", "added"),
    ]
    assert "/d/b" not in last


def test_a_search_finds_parts_of_paths_in_any_case() -> None:
    tree = image([file("etc/Passwd"), file("etc/group"), file("a/passwd-")]).tree()
    assert [it.path for it in tree.search("PASS")] == ["/a/passwd-", "/etc/Passwd"]
    assert len(tree.search("etc/", most=1)) == 1
    assert tree.search("nothing") == []
