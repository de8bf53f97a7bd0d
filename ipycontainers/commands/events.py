"""events: what happens, as it happens, until a time or an interrupt.

Knows: the lines of /events. Does not know: what they mean.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Mapping
from typing import Any

from . import filters
from .call import Call
from .console import Console, failed, refusals
from .inspections import BAD_TEMPLATE
from .template import Template, TemplateError
from .typed import typed

Json = Mapping[str, Any]
_AGE = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|s|m|h)")
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def events(call: Call, console: Console) -> None:
    """docker events."""
    given = call.text("format")
    try:
        template = Template("{{json .}}" if given == "json" else given) if given else None
    except TemplateError as error:
        raise failed(f"Error parsing format: {error}", BAD_TEMPLATE) from error
    query: dict[str, Any] = {
        "since": _moment(call.text("since")),
        "until": _moment(call.text("until")),
        "filters": filters.query(call.texts("filter")),
    }
    with refusals(), console.daemon.stream("GET", "events", **query) as stream:
        for event in stream.lines():
            console.out(_line(event, template))


def _line(event: Json, template: Template | None) -> str:
    if template is None:
        return f"{_drawn(event)}\n"
    try:
        return f"{template.of(typed(event))}\n"
    except TemplateError as error:
        raise failed(str(error)) from error


def _drawn(event: Json) -> str:
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    words = [date(int(event.get("timeNano") or int(event.get("time") or 0) * 10**9))]
    words += [
        str(event.get("Type") or ""),
        str(event.get("Action") or ""),
        str(actor.get("ID") or ""),
    ]
    text = " ".join(words)
    if not attributes:
        return text
    return f"{text} ({', '.join(f'{key}={attributes[key]}' for key in sorted(attributes))})"


def date(nanoseconds: int) -> str:
    """2026-11-26T13:38:00.123456789Z, in this machine's zone."""
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).astimezone()
    offset = moment.strftime("%z")
    zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09}{zone}"


def _moment(text: str) -> str:
    """What --since and --until mean, as the API wants it: seconds since 1970.

    A number of seconds, an age such as 10m, or a date, which without a zone is of this machine's.
    """
    if not text:
        return ""
    parts = _AGE.findall(text.lstrip("-+"))
    if parts and "".join(number + unit for number, unit in parts) == text.lstrip("-+"):
        age = sum(float(number) * SECONDS[unit] for number, unit in parts)
        now = time.time()
        return f"{now + age if text[0] == '-' else now - age:.9f}"
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return text
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise failed(f'failed to parse value as time or duration: "{text}"') from error
    return f"{moment.timestamp():.9f}"
