"""The command ``ipycontainers``: what is asked on a terminal, not in a notebook.

    ipycontainers doctor [--json] [--engine SETTING]

Each verb is one function that takes the parsed arguments and returns the exit status.

Knows: arguments, columns of text. Does not know: engines.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
    status: int = parsed.verb(parsed)
    return status


def _parser() -> argparse.ArgumentParser:
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
    return parser


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
