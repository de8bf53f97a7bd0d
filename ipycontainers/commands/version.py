"""version: what this package is, and what the engine says of itself.

Knows: /version. Does not know: what else there is to ask.
"""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .call import Call
from .columns import tabulated
from .console import Console, failed, refusals
from .inspections import BAD_TEMPLATE
from .result import Result, Text
from .template import Record, Template, TemplateError
from .template_functions import json
from .typed import typed

Json = Mapping[str, Any]
TYPE = "system.versionInfo"
# What a row is called, and the engine's own name of it; the rest goes by its own name.
ROWS = (
    ("Version", "Version"),
    ("API version", "ApiVersion"),
    ("Go version", "GoVersion"),
    ("Git commit", "GitCommit"),
    ("Built", "BuildTime"),
    ("OS/Arch", "Os"),
    ("Experimental", "Experimental"),
)
ENGINE = "Engine"  # the part that is told of row by row
OSES = {"darwin": "darwin", "win32": "windows"}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "AMD64": "amd64"}


def version(call: Call, console: Console) -> Result:
    """docker version."""
    with refusals():
        server = console.daemon.get("version")
    told = {"Client": _client(console), "Server": server}
    given = call.text("format")
    if not given:
        return Text(_drawn(told["Client"], server), told)
    if given == "json":
        return Text(json(told), told)
    record = Record(told, {name: _part(name) for name in told}, TYPE)
    return Text(filled(console, given, record, name="version"), told)


def filled(console: Console, given: str, value: Any, *, name: str = "") -> str:
    """What a template makes of what an engine says of itself. Raises CommandFailed."""
    try:
        template = Template(given, name=name)
    except TemplateError as error:
        raise failed(f"template parsing error: {error}", BAD_TEMPLATE) from error
    try:
        return template.of(value)
    except TemplateError as error:
        console.out("\n")  # so does the command, which has begun its line by then
        raise failed(str(error)) from error


def _part(name: str) -> Callable[[Json], Any]:
    def part(told: Json) -> Any:
        made = typed(told[name])
        made.type = "*types.Version" if name == "Server" else "system.clientVersion"
        return made

    return part


def _client(console: Console) -> Json:
    from ipycontainers import __version__

    return {
        "Platform": {"Name": "ipycontainers"},
        "Version": __version__,
        "ApiVersion": console.daemon.version,
        "DefaultAPIVersion": console.daemon.version,
        "PythonVersion": platform.python_version(),
        "Os": OSES.get(sys.platform, "linux"),
        "Arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "Context": console.daemon.address,
    }


def _drawn(client: Json, server: Json) -> str:
    text = (
        f"Client: {client['Platform']['Name']}\n Version:\t{client['Version']}\n"
        f" API version:\t{client['ApiVersion']}\n Python version:\t{client['PythonVersion']}\n"
        f" OS/Arch:\t{client['Os']}/{client['Arch']}\n Engine:\t{client['Context']}\n"
    )
    name = (server.get("Platform") or {}).get("Name") or ""
    text += f"\nServer:{' ' + name if name else ''}\n"
    parts = list(server.get("Components") or ())
    if not any(part["Name"] == ENGINE for part in parts):
        told = {"Experimental": "false", **server}
        parts.append({"Name": ENGINE, "Version": server.get("Version"), "Details": told})
    for part in parts:
        rows = _rows if part["Name"] == ENGINE else _details
        text += f" {part['Name']}:\n  Version:\t{part['Version']}\n"
        text += rows(part.get("Details") or {})
    return tabulated(text, least=20, padding=1)


def _details(details: Json) -> str:
    return "".join(f"  {key}:\t{value}\n" for key, value in sorted(details.items()))


def _rows(details: Json) -> str:
    rows = []
    for title, key in ROWS[1:]:
        value = str(details.get(key) or "")
        if key == "ApiVersion":
            value = f"{value} (minimum version {details.get('MinAPIVersion', '')})"
        elif key == "BuildTime":
            value = _day(value)
        elif key == "Os":
            value = f"{value}/{details.get('Arch', '')}"
        rows.append(f"  {title}:\t{value}\n")
    return "".join(rows)


def _day(built: str) -> str:
    """2023-05-18T08:38:34.000000000+00:00 → Thu May 18 08:38:34 2023."""
    try:
        moment = datetime.datetime.fromisoformat(built[:19])
    except ValueError:
        return built
    return f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S %Y}"
