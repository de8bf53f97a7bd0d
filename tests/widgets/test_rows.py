"""The rows of a tree are what is open or found, each as plain data, whatever its name."""

from __future__ import annotations

import json

import pytest

from ipycontainers.oci.changes import Entry
from ipycontainers.oci.tree import Tree
from ipycontainers.widgets.drawing import printable, visible
from ipycontainers.widgets.rows import cells, found, key, opened_at_first, path_of, rows


def entry(path: str, kind: str = "file", change: str = "added", size: int = 1, **more: object):
    values = {"mode": 0o644, "uid": 0, "gid": 42, **more}
    return Entry(path, change, kind, 0 if kind == "directory" else size, **values)  # type: ignore[arg-type]


def tree(*entries: Entry) -> Tree:
    return Tree({one.path: one for one in entries})


ETC = tree(
    entry("/bin", "symlink", target="usr/bin"),
    entry("/etc", "directory", "", mode=0o755),
    entry("/etc/passwd", size=100, change="changed"),
    entry("/etc/shadow", size=50, change="removed"),
    entry("/etc/ssl", "directory", ""),
    entry("/etc/ssl/passwd.pem", size=30, change=""),
    entry("/var", "directory", ""),
)


def names(shown: list) -> list[str]:
    return [key(row.entry.path) for row in shown]


def test_what_is_open_is_shown_from_top_to_bottom() -> None:
    assert names(rows(ETC)) == ["bin", "etc", "var"]
    assert names(rows(ETC, {"etc"})) == [
        *("bin", "etc", "etc/passwd", "etc/shadow", "etc/ssl", "var"),
    ]
    assert [row.level for row in rows(ETC, {"etc", "etc/ssl"})] == [1, 1, 2, 2, 2, 3, 1]


def test_a_search_shows_what_is_found_and_the_folders_around_it() -> None:
    shown = rows(ETC, find="PASSWD")
    assert names(shown) == ["etc", "etc/passwd", "etc/ssl", "etc/ssl/passwd.pem"]
    assert found(shown, "PASSWD") == 2
    assert names(rows(ETC, find="ssl/pass")) == ["etc", "etc/ssl", "etc/ssl/passwd.pem"]
    assert rows(ETC, find="nothing") == []


@pytest.mark.parametrize("find", ["caf\\xe9", "caf"])
def test_a_name_is_found_as_it_is_shown(find: str) -> None:
    tree = Tree({path: Entry(path, "", "file", 1, 0o644, 0, 0) for path in ("/caf\udce9", "/b")})
    shown = rows(tree, find=find)
    assert names(shown) == ["caf\\xe9"]
    assert found(shown, find) == 1


def test_changes_only_leaves_out_what_an_older_layer_has() -> None:
    shown = rows(ETC, {"etc", "etc/ssl"}, changed=True)
    assert names(shown) == ["bin", "etc", "etc/passwd", "etc/shadow"]


def test_a_row_says_what_ls_says() -> None:
    bin_, etc, passwd, shadow, *_ = (cells(ETC, row) for row in rows(ETC, {"etc"}))
    assert (bin_["mode"], bin_["target"], bin_["folder"]) == ("lrw-r--r--", "usr/bin", False)
    assert (etc["mode"], etc["room"], etc["open"]) == ("drwxr-xr-x", "130B", True)
    assert (passwd["room"], passwd["owner"], passwd["change"]) == ("100B", "0:42", "changed")
    assert (shadow["room"], shadow["owner"], shadow["mode"]) == ("", "", "")


def test_as_much_is_open_at_first_as_fits() -> None:
    assert opened_at_first(ETC) == ["etc", "etc/ssl"]
    assert opened_at_first(ETC, fits=6) == ["etc"]
    assert opened_at_first(ETC, fits=1) == []
    many = tree(*(entry(f"/f/{number}") for number in range(1000)))
    assert opened_at_first(many) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("café", "café"),
        ("caf\udce9", "caf\\xe9"),
        ("a\nb", "a\\nb"),
        ("a\\nb", "a\\\\nb"),
        ("\x85", "\\u0085"),
        ("\udc85", "\\x85"),
        ("txt\u202egpj", "txt\\u202egpj"),
        ("<img src=x>", "<img src=x>"),
    ],
)
def test_a_name_can_be_read_and_named_again(name: str, shown: str) -> None:
    """R45"""
    assert visible(name) == shown
    one = tree(entry(f"/{name}"))
    (row,) = rows(one)
    plain = cells(one, row)
    assert (plain["key"], plain["name"]) == (shown, shown)
    json.dumps(plain, ensure_ascii=False).encode()
    assert path_of(one, shown) == f"/{name}"
    assert path_of(one, "other") == ""


def test_a_text_keeps_its_backslashes() -> None:
    assert printable("a \\\x1b[31m") == "a \\\\x1b[31m"
