"""The command ``ipycontainers``: what is asked on a terminal, not in a notebook.

    ipycontainers doctor [--json] [--engine SETTING]
    ipycontainers engine start | stop | status | logs
    ipycontainers image from-host PROGRAM… [--name NAME] [--cmd COMMAND]
    ipycontainers image stand-in NAME…
    ipycontainers course images | student | instructor | nav …
    ipycontainers nbval-sanitize

Each verb is one function that takes the parsed arguments and returns the exit status.

Knows: arguments, columns of text. Does not know: how an engine runs containers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import ContainerError

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

INTERPRETER = (
    "the words after IMAGE; else the cell's #! line; else the image's own default command,",
    "when that is a known interpreter (python, node, bash, sh, R, julia …); else /bin/sh",
)
TITLES = {
    "versions": "Versions",
    "engine": "How it runs containers",
    "isolation": "Isolation, as the engine reports it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Called by the installed command. The exit status is for the shell."""
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.verb(parsed)
    except ContainerError as error:
        print(error.message, file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    from .course import command as course

    parser = argparse.ArgumentParser(
        prog="ipycontainers", description="Run notebook cells in containers."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = verbs.add_parser(
        "doctor",
        help="say which engine cells run on, and what mends it when there is none",
        description="Says which engine is used and why. Exits with 0 only if a cell could run.",
    )
    doctor.add_argument("--json", action="store_true", help="print the same as JSON")
    doctor.add_argument(
        "--engine",
        metavar="SETTING",
        help="an address, the name of a docker context, docker, or podman",
    )
    doctor.set_defaults(verb=_doctor)
    _add_engine(verbs)
    _add_image(verbs)
    course.add(verbs)
    what = "print the path of the file that nbval is given by --nbval-sanitize-with"
    verbs.add_parser("nbval-sanitize", help=what, description=what).set_defaults(verb=_sanitize)
    return parser


def _sanitize(_: argparse.Namespace) -> int:
    print(Path(__file__).with_name("nbval.cfg"))
    return 0


def _add_engine(verbs: Verbs) -> None:
    engine = verbs.add_parser("engine", help="our own engine, for where there is no Docker")
    actions = engine.add_subparsers(required=True, metavar="ACTION")
    for name, verb, what in (
        ("start", _engine_start, "start it, if it does not run"),
        ("stop", _engine_stop, "end it; containers go on, and the next one finds them"),
        ("status", _engine_status, "say whether it runs; exits with 0 only if it does"),
        ("logs", _engine_logs, "print what it has printed"),
    ):
        actions.add_parser(name, help=what, description=what).set_defaults(verb=verb)


def _add_image(verbs: Verbs) -> None:
    image = verbs.add_parser("image", help="images of our own engine")
    actions = image.add_subparsers(required=True, metavar="ACTION")
    what = "make an image of programs of this machine, with the libraries that they need"
    made = actions.add_parser("from-host", help=what, description=what)
    made.add_argument("programs", nargs="+", metavar="PROGRAM", help="a name, path or package")
    made.add_argument("--name", default="host", help="of the image (default: host)")
    made.add_argument("--cmd", default="", help="what a container runs when no command is given")
    made.set_defaults(verb=_image_from_host)
    what = "where cells run on our own engine, make the images that it lacks, without a registry"
    stand_in = actions.add_parser("stand-in", help=what, description=what)
    stand_in.add_argument("names", nargs="+", metavar="NAME", help="busybox, python, with a tag")
    stand_in.set_defaults(verb=_image_stand_in)


def _engine_start(_: argparse.Namespace) -> int:
    from .client import embedded
    from .engine import places

    pid = embedded.start()
    print(f"the engine listens at {places.socket()} (pid {pid})")
    print(f"for docker and other clients: export DOCKER_HOST=unix://{places.socket()}")
    return 0


def _engine_stop(_: argparse.Namespace) -> int:
    from .client import embedded

    print("stopped" if embedded.stop() else "it does not run")
    return 0


def _engine_status(_: argparse.Namespace) -> int:
    from .client import connect, embedded
    from .engine import places

    pid = embedded.pid_of(places.socket())
    if pid is None:
        print("it does not run; `ipycontainers engine start` starts it")
        return 1
    with connect(embedded.SOURCE, start=False) as connection:
        info = connection.info()
        rows = {
            "socket": str(places.socket()),
            "pid": str(pid),
            "data": str(info["DockerRootDir"]),
            "launcher": connection.launcher,
            "containers": f"{info['Containers']}, of which {info['ContainersRunning']} run",
            "images": str(info["Images"]),
        }
    _show("\n".join(_table(rows)))
    return 0


def _engine_logs(_: argparse.Namespace) -> int:
    from .engine import places

    try:
        _show(places.log().read_text(encoding="utf-8", errors="replace").rstrip("\n"))
    except FileNotFoundError:
        print(f"there is no {places.log()}: it was never started", file=sys.stderr)
        return 1
    return 0


def _image_from_host(parsed: argparse.Namespace) -> int:
    import shlex

    from .engine import places
    from .oci import from_host

    layout = places.layout()
    command = shlex.split(parsed.cmd)
    image = from_host.build(layout, parsed.programs, name=parsed.name, cmd=command)
    print(f"{parsed.name}: {image.size / 1e6:.1f} MB, {image.id}")
    return 0


def _image_stand_in(parsed: argparse.Namespace) -> int:
    from .client import is_own
    from .engine import places
    from .oci import stand_in

    if not is_own():
        return 0  # another engine pulls what it lacks
    layout = places.layout()
    for name in parsed.names:
        image = stand_in.ensure(layout, name)
        if image:
            print(
                f"{name}: made of programs of this machine ({image.size / 1e6:.1f} MB); "
                "it is not the image of Docker Hub"
            )
    return 0


def _doctor(parsed: argparse.Namespace) -> int:
    from .client.doctor import examine

    report = examine(parsed.engine)
    report["interpreter"] = " ".join(INTERPRETER)
    _show(json.dumps(report, indent=2) if parsed.json else "\n".join(_lines(report)))
    return 0 if report["ok"] else 1


def _show(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head`: enough was read; nothing more may be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield "Tried, in this order"
    yield from _tried(report["tried"])
    if report["chosen"]:
        yield ""
        yield f"Chosen: {report['chosen']['source']} at {report['chosen']['address']}"
        yield f"        {report['chosen']['why']}"
    for section, title in TITLES.items():
        if report.get(section):
            yield ""
            yield title
            yield from _table(report[section])
    yield ""
    yield "Which program reads a cell's body"
    yield from (f"  {line}" for line in INTERPRETER)
    yield ""
    yield from _verdict(report)


def _tried(attempts: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if not attempts:
        yield "  nothing: see the last lines"
    source = max((len(attempt["source"]) for attempt in attempts), default=0)
    address = max((len(attempt["address"]) for attempt in attempts), default=0)
    for attempt in attempts:
        place = re.escape(attempt["address"].removeprefix("unix://"))
        # The column before has the place, and the last lines say what it means.
        message = re.sub(f"^(unix://)?{place}:? ", "", attempt["message"])
        message = re.sub(f" (at|on) (unix://)?{place}(: .*)?", "", message)
        yield (
            f"  {attempt['source']:{source}}  {attempt['address']:{address}}  "
            f"{message or attempt['outcome']}"
        )


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        yield f"  {name:{width}}  {value}"


def _verdict(report: Mapping[str, Any]) -> Iterator[str]:
    if report["ok"]:
        yield "Result: cells can run."
        return
    yield f"Result: no cell can run: {report['error']}"
    if report["hint"]:
        yield "To mend it:"
        yield f"    {report['hint']}"


if __name__ == "__main__":
    sys.exit(main())
