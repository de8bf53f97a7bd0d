"""What %%dockerfile sends is what the docker command sends: the query, and a folder's files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from engine.build.listener import Sent, listening
from engine.docker_command import DEBIAN
from support import require

from ipycontainers.building.build import Order
from ipycontainers.building.context import Context
from ipycontainers.building.options import parse
from ipycontainers.building.plan import Plan, Text
from ipycontainers.errors import Invalid
from ipycontainers.options import expand, split

TEXT = "FROM scratch\n"
# What has no meaning without its value, or is docker's own book-keeping.
NEUTRAL = {"0", "", "{}", "[]", "null", "default"}


def by_docker(words: list[str], folder: Path) -> Sent:
    require(os.access(DEBIAN, os.X_OK), "docker", f"no {DEBIAN} here")
    with listening() as (address, sent):
        own = {"DOCKER_HOST": address, "HOME": str(folder), "PATH": os.environ["PATH"], "V": "env"}
        subprocess.run(
            [DEBIAN, "build", *words],
            input=TEXT.encode(),
            env=own,
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
    return sent[-1]


def order(words: list[str], context: Context) -> Order:
    text = Text.of(TEXT)
    return Order(parse(words), text, Plan.of(text), context)


def query(path: str) -> dict[str, Any]:
    asked = parse_qs(urlsplit(path).query)
    told = {name: sorted(values) for name, values in asked.items()}
    told.pop("dockerfile", None)  # docker's is a random name
    if "buildargs" in told:
        told["buildargs"] = [json.loads(told["buildargs"][0])]
    return {name: values for name, values in told.items() if not NEUTRAL & set(map(str, values))}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-t", "lab"],
        ["-t", "lab:1", "--tag", "team/lab"],
        ["--build-arg", "A=1", "--build-arg", "B=", "--build-arg", "V", "--build-arg", "NO"],
        ["--target", "two", "--no-cache", "--pull"],
        ["--platform", "linux/arm64"],
        ["--no-cache=false", "--pull=true"],
    ],
)
def test_the_query_is_docker_builds(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("V", "env")
    monkeypatch.delenv("NO", raising=False)
    ours = order(words, Context()).parameters
    told = {
        key: [value] if isinstance(value, str) else sorted(value) for key, value in ours.items()
    }
    told.pop("dockerfile")
    if "buildargs" in told:
        told["buildargs"] = [json.loads(str(told["buildargs"][0]))]
    # A failed step's container goes, which docker build leaves.
    assert told.pop("forcerm") == ["1"]
    told.pop("version")
    theirs = query(by_docker([*words, "-"], tmp_path).path)
    theirs.pop("version", None)
    assert told == theirs


def test_the_command_that_is_shown_has_what_was_typed() -> None:
    line = "-t lab --build-arg 'A={word} b' --no-cache --context . --save x"
    told = parse(expand(split(line), {"word": "secret"}))
    assert told.arguments() == {"A": "secret b"}
    assert told.docker_command("FROM x\nEOF\n") == (
        "docker build -t lab --build-arg 'A={word} b' --no-cache -f - . <<'EOF0'\nFROM x\nEOF\nEOF0"
    )


def described(body: bytes, name: str) -> dict[str, Any]:
    """Of each entry what an engine may look at; the Dockerfile under one name."""
    found = {}
    # docker leaves the end of its archive out.
    with tarfile.open(fileobj=io.BytesIO(body + bytes(2048))) as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            content = file.read().replace(name.encode(), b"NAME") if file else b""
            is_ours = entry.name == name
            shown = ("NAME",) if is_ours else (entry.name.rstrip("/"),)
            # The two that docker writes itself have the time of that moment.
            when = 0 if is_ours or entry.name == ".dockerignore" else int(entry.mtime)
            is_plain = not entry.issym() and entry.name != ".dockerignore"
            mode = entry.mode & 0o7777 if is_plain else 0
            digest = hashlib.sha256(content).hexdigest()
            found[shown] = (entry.type, mode, entry.uid, entry.gid, when, entry.linkname, digest)
    return found


@pytest.mark.parametrize("ignore", [None, "*.log\nsecret\n!keep.log\n", "*\n!a\n", "Dockerfile*\n"])
def test_the_context_is_docker_builds(ignore: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "secret" / "deep").mkdir(parents=True)
    for name in ("a", "b.log", "keep.log", "secret/deep/x", "Dockerfile", "é ü"):
        (folder / name).write_text(name * 300)
    (folder / "a").chmod(0o751)
    (folder / "link").symlink_to("a")
    (folder / "hard").hardlink_to(folder / "a")
    (folder / ("n" * 120)).touch()
    os.mkfifo(folder / "fifo")
    if ignore is not None:
        (folder / ".dockerignore").write_text(ignore)
    theirs = by_docker(["-f", "-", str(folder)], tmp_path)
    name = parse_qs(urlsplit(theirs.path).query)["dockerfile"][0]
    context = Context.of(folder)
    ours = b"".join(context.archive(TEXT))
    own = context.dockerfile_name(TEXT)
    assert described(ours, own) == described(theirs.body, name)


def test_bytes_of_a_name_that_are_no_text_arrive(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text("1")
    sent = io.BytesIO(b"".join(Context.of(tmp_path).archive(TEXT)))
    with tarfile.open(fileobj=sent) as archive:
        assert os.fsdecode(b"caf\xe9") in archive.getnames()


def test_a_socket_is_left_out_and_told(tmp_path: Path) -> None:
    """docker-py#1407"""
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "s"))
        context = Context.of(tmp_path)
    assert (context.sockets, [one.path for one in context.found]) == (("s",), [])


def test_what_cannot_be_read_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    """In the words of the docker command."""
    setpriv = shutil.which("setpriv")
    require(os.getuid() or setpriv, "user", "needs setpriv, since root reads all")
    lacking = "-dac_override,-dac_read_search"
    words = [str(setpriv), "--bounding-set", lacking] if os.getuid() == 0 else []
    program = (
        "import sys; from pathlib import Path; from ipycontainers.building.context import Context\n"
        "try: Context.of(Path(sys.argv[1]))\nexcept Exception as error: print(error)"
    )

    def said() -> str:
        command = [*words, sys.executable, "-c", program, str(tmp_path)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    (tmp_path / "f").touch(mode=0)
    assert said() == f"no permission to read from '{tmp_path}/f'"
    (tmp_path / "d").mkdir(mode=0)
    assert said() == f"can't stat '{tmp_path}/d'"
    (tmp_path / ".dockerignore").write_text("f\nd\n")
    assert said() == ""
    (tmp_path / "d").chmod(0o700)


def test_the_biggest_names_come_first(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name, count in (("a", 10), ("d/x", 30), ("d/y", 40), ("c", 20), ("b", 20)):
        (tmp_path / name).write_bytes(bytes(count))
    context = Context.of(tmp_path)
    assert context.biggest(3) == [("d/", 70), ("b", 20), ("c", 20)]
    assert (context.size, context.files) == (120, 5)


def test_a_file_that_shrinks_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    context = Context.of(tmp_path)
    (tmp_path / "a").write_bytes(bytes(10))
    with pytest.raises(Invalid, match="became smaller"):
        list(context.archive(TEXT))


def test_what_goes_before_it_is_sent_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    context = Context.of(tmp_path)
    (tmp_path / "a").unlink()
    with pytest.raises(Invalid, match="/a: No such file"):
        list(context.archive(TEXT))
    with pytest.raises(Invalid, match="/Gone: No such file"):
        list(Context.of(tmp_path).own("Gone"))


@pytest.mark.parametrize(("made", "why"), [(None, "no such folder"), ("file", "no folder")])
def test_what_is_no_folder_is_refused(made: str | None, why: str, tmp_path: Path) -> None:
    if made:
        (tmp_path / "x").touch()
    with pytest.raises(Invalid, match=why):
        Context.of(tmp_path / "x")


def test_a_wrong_pattern_names_its_file(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("[a")
    with pytest.raises(Invalid, match=r"\.dockerignore"):
        Context.of(tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lab"], "given by -t"),
        (["-t", "lab", "."], "--context"),
        (["-f", "x"], "is the cell"),
        (["--squash"], "does not take"),
        (["--tagg", "x"], "no option --tagg"),
        (["--append"], "none is named"),
        (["--append", "-t", "x", "--pull"], "nothing for --pull"),
        (["--append", "-t", "x", "--target", "y"], "nothing for --target"),
        (["--build-arg", "=1"], "no name before ="),
        (["-t"], "wants a value"),
    ],
)
def test_a_wrong_line_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(words)
    assert message in refused.value.message + refused.value.hint
