"""Images on their way: docker pull, push, load, save, import, export.

Files are written beside their place and renamed, so that a save that is interrupted leaves none, as
docker's does. Of single layers the view of a pull tells, and no line, since their order varies.

Knows: the requests, what docker prints of them. Does not know: how a pull is shown.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ipycontainers.client import PullProgress, logins
from ipycontainers.errors import CommandFailed

from . import reports
from .console import failed, refusals
from .names import is_bare, named
from .result import Lines

if TYPE_CHECKING:
    from ipycontainers.oci.reference import Reference

    from .call import Call
    from .console import Console, Watch

TERMINAL = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
PIECE = 1 << 20
ALL_TAGS = "tag can't be used with --all-tags/-a"


def pull(call: Call, console: Console) -> Lines | None:
    """``docker pull [-a] [-q] [--platform P] NAME``; an interrupt stops it at the engine."""
    text, all_tags = call.arguments[0], call.has("all-tags")
    reference = named(text)
    if all_tags and not is_bare(text):
        raise failed(ALL_TAGS)
    name = reference.name if all_tags else reference.full
    say = _nowhere if call.has("quiet") else console.out
    if is_bare(text) and not all_tags:
        say("Using default tag: latest\n")
    fetch(console, reference, call.text("platform"), say, all_tags=all_tags)
    if call.has("quiet"):
        return Lines([name])
    console.out(f"{name}\n")
    return None


def fetch(
    console: Console,
    reference: Reference,
    platform: str,
    say: Callable[[str], object],
    *,
    all_tags: bool = False,
) -> None:
    """Pull it; what is told of the whole image goes to ``say``. Raises CommandFailed."""
    tag = "" if all_tags else str(reference.digest or reference.tag)
    query: dict[str, Any] = {"fromImage": reference.familiar_name, "tag": tag, "platform": platform}
    headers = logins.header(reference.name)
    path = ("images", "create")
    with (
        console.pulling(str(reference)) as watch,
        refusals(),
        console.daemon.stream("POST", *path, headers=headers, **query) as stream,
    ):
        reports.follow(stream.lines(), say, heard=_seen(watch), layers=False)


def _seen(watch: Watch) -> Callable[[reports.Json], None] | None:
    return (lambda line: watch(PullProgress.parse(line))) if watch else None


def push(call: Call, console: Console) -> Lines | None:
    """``docker push [-a] [-q] NAME``"""
    text, all_tags, quiet = call.arguments[0], call.has("all-tags"), call.has("quiet")
    reference = named(text)
    if all_tags and not is_bare(text):
        raise failed(ALL_TAGS)
    say = _nowhere if quiet else console.out
    if is_bare(text) and not all_tags:
        say("Using default tag: latest\n")
    path = ("images", reference.familiar_name, "push")
    headers, tag = logins.header(reference.name), "" if all_tags else reference.tag
    with (
        console.pushing(str(reference)) as watch,
        refusals(),
        console.daemon.stream("POST", *path, headers=headers, tag=tag) as stream,
    ):
        reports.follow(stream.lines(), say, heard=_seen(watch), layers=False)
    return Lines([reference.name if all_tags else reference.full]) if quiet else None


def load(call: Call, console: Console) -> None:
    """``docker load [-i FILE]``, or of what --stdin gives."""
    with source(call, console, call.text("input"), "load") as file, refusals():
        body = pieces(file)
        with console.daemon.stream("POST", "images", "load", body=body, quiet="1") as stream:
            reports.follow(stream.lines(), console.out)


def save(call: Call, console: Console) -> None:
    """``docker save -o FILE IMAGE…``"""
    _download(call, console, "save image", "images", "get", names=call.arguments)


def export(call: Call, console: Console) -> None:
    """``docker export -o FILE CONTAINER``"""
    _download(call, console, "export container", "containers", call.arguments[0], "export")


def _download(
    call: Call, console: Console, what: str, *path: str, names: tuple[str, ...] = ()
) -> None:
    if not call.text("output"):
        raise CommandFailed(TERMINAL, "-o FILE names one", exit_code=1)
    with (
        written(console, call.text("output"), what) as file,
        refusals(),
        console.daemon.stream("GET", *path, names=names) as stream,
    ):
        for piece in reports.received(stream.pieces()):
            file.write(piece)


def import_(call: Call, console: Console) -> Lines:
    """``docker import FILE|URL|- [REPOSITORY[:TAG]]``: the new image's id."""
    given, *name = call.arguments
    query: dict[str, Any] = {
        "message": call.text("message"),
        "platform": call.text("platform"),
        "changes": call.texts("change"),
        "fromSrc": given if "://" in given else "-",
    }
    if name:
        named(name[0])
        query["repo"] = name[0]  # with its tag, as docker sends it
    said: list[str] = []
    with contextlib.ExitStack() as opened:
        body = None
        if "://" not in given:
            path = "" if given == "-" else given
            body = pieces(opened.enter_context(source(call, console, path, "import")))
        opened.enter_context(refusals())
        stream = console.daemon.stream("POST", "images", "create", body=body, **query)
        reports.follow(opened.enter_context(stream).lines(), said.append)
    return Lines.of("".join(said))


def _nowhere(_: str) -> None:
    """What -q leaves out."""


@contextlib.contextmanager
def source(call: Call, console: Console, path: str, verb: str) -> Iterator[IO[bytes]]:
    """The file of that path, or what --stdin gives."""
    if path:
        try:
            file = (console.folder / path).expanduser().open("rb")
        except OSError as error:
            raise failed(f"open {path}: {(error.strerror or '').lower()}") from error
        with file:
            yield file
        return
    data = console.given(call)
    if data is None:
        raise CommandFailed(
            f"requested {verb} from stdin, but stdin is empty",
            "--stdin NAME_OR_FILE gives it what is in a variable or a file",
            exit_code=1,
        )
    yield io.BytesIO(data)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """What is in a file, a piece at a time."""
    while piece := file.read(PIECE):
        yield piece


@contextlib.contextmanager
def written(console: Console, name: str, what: str) -> Iterator[IO[bytes]]:
    """A file that is there, whole, when the block has ended well; else what was there before."""
    path = (console.folder / name).expanduser()
    if wrong := unfit(path, name):
        raise failed(f"failed to {what}: {wrong}")
    if path.is_dir():
        raise failed(f'failed to {what}: invalid output path: "{name}" must be a file')
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(made).replace(path)
    except OSError as error:
        Path(made).unlink(missing_ok=True)
        raise failed(f"write {name}: {(error.strerror or '').lower()}") from error
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def unfit(path: Path, name: str) -> str:
    """Why that can be no output, in docker's words: what is there and is no file, such as
    /dev/null, is never replaced by one. "" where it can."""
    if not path.parent.is_dir():
        return f'invalid output path: directory "{Path(name).parent}" does not exist'
    if path.is_file() or path.is_dir() or not path.exists():
        return ""
    kind = "a device" if path.is_block_device() or path.is_char_device() else "an irregular file"
    return f'invalid output path: "{name}" must be a directory or a regular file: got {kind}'
