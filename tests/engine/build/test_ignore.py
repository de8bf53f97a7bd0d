"""Which paths a .dockerignore leaves out: what the docker command then does not send."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import subprocess
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest
from engine.build.listener import listening
from engine.docker_command import DEBIAN
from hypothesis import given, settings
from hypothesis import strategies as st
from support import require

from ipycontainers.engine.build.ignore import Ignore
from ipycontainers.errors import Invalid

NAMES = {
    "": "Dockerfile .dockerignore a a.log b.log keep.log [x] sp~ace ace é.txt .hidden",
    "d": "a a.log keep.log e/a e/a.log e/f/a.log .git/config",
    "node_modules": "x keep/y keep.txt",
    "src": "node_modules/z main.c main.o lib/deep.o lib/deep.c a.b/c.d",
    ".": "v1/x v2/x v10/x build/out/o build/in/i",
}
PATHS = [
    posixpath.normpath(f"{folder}/{name}").lstrip("/").replace("~", " ")
    for folder, names in NAMES.items()
    for name in names.split()
]
TEXTS = [
    "*.log\n!keep.log\n",
    "*.log\n!keep.log\na*\nkeep.log\n!a\n",
    "**/*.log\n!d/keep.log\n!**/f/*.log\n",
    "d\n!d/e/a\n",
    "d/*\n!d/e/f\n",
    "d/**\n!d/e/**/*.log\n",
    "**/node_modules\n!node_modules/keep\n",
    "node_modules\n!node_modules/keep.txt\n  !  node_modules/keep  \n",
    "/a\n/d/\n./src//lib/\n../x\nv1/../v2\n",
    "v[1-9]\nv[^1]\n[ab].log\n\\[x\\]\n",
    "v?\n?.log\n*.t?t\nsp\\ ace\nsp ace\n",
    "**\n!src/**/*.c\n!d\n",
    "*\n!src\nsrc/lib\n!src/lib/*.o\n",
    "*/a\n*/*/a\n**/.git\n.h*\n",
    "# a\n\n #b.log\n!a\n.\n/\n\t a.log \t\r\n",
    "\ufeffa.log\nbuild/**/o\n**/in/**\nsrc/a.b\n",
    "Dockerfile\n.dockerignore\n",
    "d/e**\nsrc/**.o\n**log\n",
    "a\nA.LOG\n!a\na\n",
]


def sent(text: str, paths: list[str]) -> set[str]:
    ignored = Ignore.parse(text)
    return {path for path in paths if not ignored.leaves_out(path)}


def names(context: BinaryIO) -> set[str]:
    with tarfile.open(fileobj=context) as archive:
        return {member.name for member in archive if member.isfile()}


def test_the_docker_command_sends_what_is_not_left_out(tmp_path: Path) -> None:
    require(os.access(DEBIAN, os.X_OK), "docker", f"no {DEBIAN} here")
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    with listening() as (address, contexts):
        command = [DEBIAN, "build", "-q", str(tmp_path)]
        own = {"DOCKER_HOST": address, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        for text in TEXTS:
            (tmp_path / ".dockerignore").write_text(text, encoding="utf-8")
            subprocess.run(command, env=own, check=True, capture_output=True, timeout=60)
            theirs = names(io.BytesIO(contexts[-1].body))
            # The command always sends these two; the engine is to hide them.
            own_files = {"Dockerfile", ".dockerignore"}
            assert sent(text, PATHS) - own_files == theirs - own_files, text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Dockerfile\n.dockerignore\n", ["Dockerfile", ".dockerignore"]),
        ("*\n", ["Dockerfile", ".dockerignore"]),
        ("*\n!Dockerfile\n", [".dockerignore"]),
        ("**/Docker*\n", ["Dockerfile"]),
        ("", []),
    ],
)
def test_files_of_the_build_itself_can_be_left_out(text: str, hidden: list[str]) -> None:
    ignored = Ignore.parse(text)
    assert [name for name in ("Dockerfile", ".dockerignore") if ignored.leaves_out(name)] == hidden


def test_a_folder_that_is_left_out_is_not_looked_into() -> None:
    assert sent("x\n!**/y\n", ["x/y", "z/y"]) == {"z/y"}
    assert sent("x\n!x/z\n", ["x/y", "x/z", "x/z/a"]) == {"x/z", "x/z/a"}


def test_signs_of_regular_expressions_are_text() -> None:
    """Also + and (, which the docker command of 20.10 took for such signs by mistake."""
    assert sent("x+y\n(a|b)\n{2}$^.\n", ["x+y", "xxy", "(a|b)", "a", "{2}$^."]) == {"xxy", "a"}


def test_the_context_itself_cannot_be_left_out() -> None:
    assert not any(map(Ignore.parse("**\n.\n/\n").leaves_out, ("", ".", "/", "a/..")))


@pytest.mark.parametrize(
    "text", ["!", "a\n!\n", "[", "[a", "[]", "a[^]", "[a-]", "[-a]", "\\", "a\\"]
)
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Ignore.parse(text)


def test_many_stars_take_little_time() -> None:
    ignored = Ignore.parse("**/a*" * 200 + "/**b\n" + "*a" * 300 + "b\n" + "[a-z]**" * 100 + "0")
    assert not ignored.leaves_out("a/" * 20 + "a" * 100)


@given(st.text(st.sampled_from("ab/*?[]^-\\!#. \n\r\té"), max_size=30), st.text(max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str, path: str) -> None:
    with contextlib.suppress(Invalid):
        Ignore.parse(text).leaves_out(path)
