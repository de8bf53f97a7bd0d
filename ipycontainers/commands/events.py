"""events: what happens, as it happens, until a time or an interrupt.

Knows: the lines of /events. Does not know: what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from . import filters
from .call import Call
from .columns import rfc3339
from .console import Console, failed, refusals
from .inspections import BAD_TEMPLATE
from .moments import timestamp
from .template import Template, TemplateError
from .typed import GoStruct, typed

Json = Mapping[str, Any]


def events(call: Call, console: Console) -> None:
    """docker events."""
    given = call.text("format")
    try:
        template = Template("{{json .}}" if given == "json" else given) if given else None
    except TemplateError as error:
        raise failed(f"Error parsing format: {error}", BAD_TEMPLATE) from error
    query: dict[str, Any] = {
        "since": _moment(call, "since"),
        "until": _moment(call, "until"),
        "filters": filters.query(call.texts("filter")),
    }
    with refusals(), console.daemon.stream("GET", "events", **query) as stream:
        try:
            for event in stream.lines():
                console.out(_line(event, template))
        except OSError as error:
            raise failed("unexpected EOF") from error


class _Message(GoStruct):
    """An event: its older fields have small letters in JSON, and may be left out."""

    type = "*events.Message"
    _OLDER: ClassVar[Mapping[str, Any]] = {
        "Status": "",
        "ID": "",
        "From": "",
        "Scope": "",
        "Time": 0,
        "TimeNano": 0,
    }

    def field(self, name: str) -> Any:
        if name not in self._OLDER:
            return super().field(name)
        key = "id" if name == "ID" else name[0].lower() + name[1:]
        return self.get(key, self._OLDER[name])


def _line(event: Json, template: Template | None) -> str:
    if template is None:
        return f"{_drawn(event)}\n"
    try:
        return f"{template.of(_Message(typed(event)))}\n"
    except TemplateError as error:
        raise failed(str(error)) from error


def _drawn(event: Json) -> str:
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    nanoseconds = int(event.get("timeNano") or int(event.get("time") or 0) * 10**9)
    words = [
        rfc3339(*divmod(nanoseconds, 10**9)),
        str(event.get("Type") or ""),
        str(event.get("Action") or ""),
        str(actor.get("ID") or ""),
    ]
    text = " ".join(words)
    if not attributes:
        return text
    return f"{text} ({', '.join(f'{key}={attributes[key]}' for key in sorted(attributes))})"


def _moment(call: Call, flag: str) -> str:
    try:
        return timestamp(call.text(flag))
    except ValueError as error:
        raise failed(str(error)) from error
