"""Files of layers as text, and what layers changed of it; diff judges."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from layers import file, hard_link, tar

from ipycontainers.oci.texts import FileText, Passage, difference, text


def shown(content: bytes) -> FileText:
    return text("/f", 0, len(content), content)


def test_the_wanted_files_are_taken_and_what_is_short_beside_them() -> None:
    made = [file("a", b"1"), file("./etc//b", b"2" * 3000), hard_link("etc/c", "a")]
    beside = [file("etc/d", b"3"), file("etc/e", b"4" * 100_000), file("etc/f/g", b"5")]
    stream = io.BytesIO(tar(*made, *beside))
    taken = Passage(frozenset({"/etc/b", "/etc/c", "/etc/none"}), limit=1000).take(stream, b"")
    assert taken == {"/etc/b": b"2" * 1000, "/etc/d": b"3"}


def test_text_is_shown() -> None:
    assert shown("Ra\u00edz\n".encode()) == FileText("/f", 0, 6, "Ra\u00edz\n")
    assert shown(b"") == FileText("/f", 0, 0, "")


@pytest.mark.parametrize("cut", range(1, 5))
def test_text_that_is_cut_within_a_letter_is_text(cut: int) -> None:
    content = ("a" * 9 + "\U0001f4e6").encode()
    found = text("/f", 0, 100, content[: 9 + cut])
    assert (found.is_cut, found.binary) == (True, "")
    assert found.text == ("a" * 9 + ("\U0001f4e6" if cut == 4 else ""))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"\x7fELF\x02\x01", "ELF program or library"),
        (b"a\0b", "binary"),
        (b"\xff\xfe", "no UTF-8"),
        (b"\x89PNG\r\n", "PNG"),
        (b"caf\xe9 and more text", "no UTF-8"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, named: str) -> None:
    found = shown(content)
    assert (found.text, found.binary) == (None, named)
    assert difference(shown(b"x"), found) is None


def by_diff(folder: Path, old: bytes, new: bytes) -> list[str]:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    command = ["diff", "-u", "old", "new"]
    said = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return said.stdout.decode().split("\n")[2:-1]


@pytest.mark.skipif(not shutil.which("diff"), reason="no diff here: apt-get install diffutils")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "a\nb\n"),
        ("a\nb\n", ""),
        ("a\n", "a\n"),
        ("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nX\ne\nf\ng\n"),
        (
            "".join(f"{n}\n" for n in range(40)),
            "".join(f"{n}\n" for n in range(40) if n not in (3, 30)),
        ),
        ("x\n" * 9, "x\n" * 10),
        ("1\n2\n3\n", "0\n1\n2\n3\n4\n"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a\nb", "c\nb"),
        ("a", "b"),
        ("a\fb\x1cc\u2028d\n", "a\fb\nc\u2028d\n"),
    ],
)
def test_a_difference_is_as_diff_prints_it(tmp_path: Path, old: str, new: str) -> None:
    lines = difference(shown(old.encode()), shown(new.encode()))
    assert lines == by_diff(tmp_path, old.encode(), new.encode())


def test_a_file_that_was_not_there_is_all_new() -> None:
    assert difference(None, shown(b"a\nb\n")) == ["@@ -0,0 +1,2 @@", "+a", "+b"]
    assert difference(shown(b"a\n"), None) == ["@@ -1 +0,0 @@", "-a"]


def test_what_is_too_different_is_not_compared() -> None:
    numbers = random.Random(1)
    old, new = ("".join(f"{numbers.random()}\n" for _ in range(6000)).encode() for _ in range(2))
    began = time.monotonic()
    assert difference(shown(old), shown(new)) is None
    assert time.monotonic() - began < 1
    changed = old + b"one more\n"
    assert difference(shown(old), shown(changed))[-1] == "+one more"
