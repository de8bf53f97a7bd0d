"""What is fetched from a container that has ended: whatever its tar says."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import library

from ipycontainers import exchange
from ipycontainers.client import Connection
from ipycontainers.errors import Invalid, NotFound
from ipycontainers.exchange import collect, shell, unpack
from ipycontainers.interpreter import FILE_FOLDER

FOLDER = exchange.FOLDER


def _tar(**files: Any) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, given in files.items():
            entry = tarfile.TarInfo(name if "/" in name else f"saved/{name}")
            content = given if isinstance(given, bytes) else b""
            entry.size = len(content)
            for field, value in given.items() if isinstance(given, dict) else ():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _fetch(**tars: bytes) -> Callable[[str], Any]:
    """An engine that answers with these; ``saved`` is what lies in that folder."""
    asked = {shell.SAVED if path == "saved" else path: data for path, data in tars.items()}

    @contextlib.contextmanager
    def fetch(path: str) -> Iterator[Any]:
        if path not in asked:
            raise NotFound(path)
        yield io.BytesIO(asked[path])

    return fetch


def _value(node: Any, **head: Any) -> bytes:
    return json.dumps({"kind": "value", "meta": {"tree": node}, **head}).encode() + b"\n"


def test_nothing_saved_is_unset() -> None:
    found = collect(_fetch(), ["a", "b"])
    assert (found.values, found.unset) == ({}, ("a", "b"))
    assert collect(_fetch(saved=b""), ["a"]).unset == ("a",)


def test_names_that_were_not_asked_for_are_left_alone() -> None:
    tar = _tar(a=_value(1), b=_value(2), **{"../c": _value(3), "saved/deep/d": _value(4)})
    found = collect(_fetch(saved=tar), ["a", "d"])
    assert {name: unpack(one) for name, one in found.values.items()} == {"a": 1, "d": 4}


LINK: dict[str, Any] = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
HOSTILE = {
    "no tar": b"\xff" * 2000,
    "half a tar": _tar(a=_value("x" * 5000))[:1500],
    "no head": _tar(a=b"x" * 100_000),
    "a head that is none": _tar(a=b"[]\n"),
    "a head of deep brackets": _tar(a=b"[" * 60_000 + b"\n"),
    "a kind that is none": _tar(a=_value(1, kind="file", meta={"suffix": ".npy"})),
    "a meta that is none": _tar(a=_value(1, meta=7)),
    "a path outside the folder": _tar(**{"saved/a": b"@/etc/shadow"}),
    "a path that climbs": _tar(**{"saved/a": b"@" + FOLDER.encode() + b"/.."}),
    "a path that goes deeper": _tar(**{"saved/a": b"@" + FOLDER.encode() + b"/x/../../etc/shadow"}),
    "a value larger than the limit": _tar(a=_value(1) + bytes(2000)),
    "values beyond the limit": _tar(a=_value(1) + bytes(900), b=_value(1) + bytes(900)),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_answer_is_an_error(what: str) -> None:
    said = _refusal(HOSTILE[what], 1000 if "limit" in what else 10**6)
    assert said
    assert "Traceback" not in said


def _refusal(tar: bytes, limit: int) -> str:
    try:
        return "".join(collect(_fetch(saved=tar), ["a", "b"], limit=limit).refused.values())
    except Invalid as error:
        return error.message


def test_one_bad_variable_leaves_the_others_alone() -> None:
    path = f"{FOLDER}/c.json"
    tar = _tar(a=b"[]\n", b=_value(1), c=b"@" + path.encode(), d=b"@/etc/shadow", e=b"-")
    found = collect(_fetch(**{"saved": tar, path: _tar(**{"x/c.json": LINK})}), list("abcde"))
    assert list(found.values) == ["b"]
    assert sorted(found.refused) == ["a", "c", "d"]
    assert found.unset == ("e",)


def test_a_link_or_a_device_is_no_value() -> None:
    tar = _tar(a=LINK, b={"type": tarfile.CHRTYPE}, c={"type": tarfile.LNKTYPE, "linkname": "x"})
    assert collect(_fetch(saved=tar), ["a", "b", "c"]).unset == ("a", "b", "c")


def test_a_file_that_is_a_link_is_an_error() -> None:
    path = f"{FOLDER}/a.json"
    tars = {"saved": _tar(**{"saved/a": b"@" + path.encode()}), path: _tar(**{"x/a.json": LINK})}
    assert "is no file" in collect(_fetch(**tars), ["a"]).refused["a"]


def test_a_file_larger_than_the_limit_is_an_error() -> None:
    for name in ("a.bin", "a.unknown"):
        path = f"{FOLDER}/{name}"
        tar = _tar(**{f"x/{name}": bytes(3 << 20)})
        tars = {"saved": _tar(**{"saved/a": b"@" + path.encode()}), path: tar}
        assert (
            "-o a: all values together have more than"
            in collect(_fetch(**tars), ["a"], limit=1 << 20).refused["a"]
        )


# --- on an engine -----------------------------------------------------------------------------

Once = Callable[..., Any]


def test_a_shell_cannot_hand_out_files_of_the_host(once: Once) -> None:
    text = (
        "ln -s /etc /.ipycontainers/values/folder\n"
        "ln -s /proc/1/environ /.ipycontainers/values/secret.txt\n"
        "rm -r /.ipycontainers/saved; ln -s /etc /.ipycontainers/saved\n"
    )
    ran = once("busybox", "shell", text, {}, ["folder", "secret", "passwd"])
    assert (ran.values, ran.unset) == ({}, ("folder", "secret", "passwd"))


def test_an_output_has_a_limit(once: Once) -> None:
    text = "head -c 3000000 /dev/zero > /.ipycontainers/values/a.bin"
    assert once("busybox", "shell", text, {}, ["a"]).values["a"] == bytes(3_000_000)
    ran = once("busybox", "shell", text, {}, ["a"], limit=1 << 20)
    assert "-o a: all values together have more than" in ran.refused["a"]


def test_another_user_gives_values_back_too(once: Once) -> None:
    text = "v=$(id -u); echo '[2]' > $numbers"
    ran = once("busybox", "shell", text, {"numbers": [1]}, ["v", "numbers"], User="1234")
    assert ran.values == {"v": "1234", "numbers": [2]}
    ran = once("python", "python", "w = v", {"v": 1.5}, ["w"], User="1234")
    assert ran.values == {"w": 1.5}


def test_a_read_only_container_gives_values_back_too(once: Once) -> None:
    host = {"NetworkMode": "none", "ReadonlyRootfs": True}
    volume = {FILE_FOLDER: {}}
    text = "v=$x; echo '[2]' > $numbers"
    ran = once("busybox", "shell", text, {"x": 1, "numbers": [1]}, ["v", "numbers"],
               HostConfig=host, Volumes=volume)  # fmt: skip
    assert ran.values == {"v": "1", "numbers": [2]}


@pytest.mark.parametrize("kind", ["shell", "python"])
def test_an_array_of_some_megabytes_comes_back(once: Once, kind: str) -> None:
    np = library("numpy")
    value = np.arange(1_000_000).reshape(1000, 1000)
    image = {"shell": "busybox", "python": "python"}[kind]
    back = once(image, kind, ":" if kind == "shell" else "", {"v": value}, ["v"]).values["v"]
    assert (np.asarray(back) == value).all()


# --- Connection.get_archive --------------------------------------------------------------------


def test_an_archive_is_read_before_while_and_after_a_container_runs(
    engine: Connection, images: Any
) -> None:
    body = {"Image": images.busybox, "Cmd": ["sh", "-c", "echo $$ > /pid; read x; echo 2 > /two"]}
    created = engine.create({**body, "OpenStdin": True, "HostConfig": {"NetworkMode": "none"}})
    try:
        assert _content(engine, created.id, "/etc/passwd").startswith(b"root:")
        with engine.attach(created.id, stdin=True) as attachment:
            engine.start(created.id)
            assert _content(engine, created.id, "/etc/passwd").startswith(b"root:")
            attachment.write(b"go on\n")
            engine.wait(created.id)
        assert _content(engine, created.id, "/two") == b"2\n"
        with pytest.raises(NotFound):
            engine.get_archive(created.id, "/no/such")
        with pytest.raises(NotFound):
            engine.get_archive("nosuchcontainer", "/")
    finally:
        engine.remove(created.id)


def _content(engine: Connection, container_id: str, path: str) -> bytes:
    data = io.BytesIO()
    with engine.get_archive(container_id, path) as stream:
        while piece := stream.read(1000):
            data.write(piece)
    data.seek(0)
    with tarfile.open(fileobj=data) as tar:
        (entry,) = tar
        content = tar.extractfile(entry)
        assert content
        return content.read()
