"""From things to what the docker command shows of them: a table, or a text for each.

    listed(things, CONTAINER, "table {{.ID}}\\t{{.Names}}")    Listing
    listed(things, CONTAINER, "{{.Names}}")                    Lines

Knows: --format and its word "table". Does not know: things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .columns import tabulated
from .console import failed
from .result import Lines, Listing
from .template import Record, Template, TemplateError

TABLE = "table"
JSON = "json"
Field = Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """A kind of thing: by the name that --format has for it each field and the head of its
    column; ``type`` is Go's name, which errors tell."""

    type: str
    heads: Mapping[str, str]
    fields: Mapping[str, Field]

    def record(self, thing: Any) -> Record:
        return Record(thing, self.fields, self.type)


def layout(given: str, table: str, *, raw: str = "", quiet: str = "") -> str:
    """The template that --format means: nothing and "table" the verb's own table, or with -q
    its ``quiet`` one; "raw" the verb's long form; "json" an object for each; else itself."""
    if given in ("", TABLE):
        return quiet or f"{TABLE} {table}"
    if given == "raw" and raw:
        return raw
    return "{{json .}}" if given == JSON else given


def listed(
    things: Iterable[Any], kind: Kind, given: str, *, least: int = 10, padding: int = 3
) -> Lines | Listing:
    """What the template ``given`` makes of each. Raises CommandFailed where it is none."""
    is_table = given.startswith(TABLE)
    source = given.removeprefix(TABLE).strip(" ").replace("\\t", "\t").replace("\\n", "\n")
    records = [kind.record(thing) for thing in things]
    template = _template(source)
    try:
        rows = [template.of(record) for record in records]
        if not is_table:
            return Lines.of("".join(f"{row}\n" for row in rows))
    except TemplateError as error:
        raise failed(f"template parsing error: {error}") from error
    head = Template(source, _ON_HEADS).begun({**kind.heads, "Label": lambda name: name})
    text = "".join(f"{row}\n" for row in (head, *rows))
    names = template.names()
    return Listing(
        (_plain(record, names) for record in records),
        heads=head.split("\t"),
        cells=[row.split("\t") for row in rows],
        text=tabulated(text, least=least, padding=padding),
    )


def _template(source: str) -> Template:
    try:
        return Template(source)
    except TemplateError as error:
        raise failed(f"template parsing error: {error}") from error


def _plain(record: Record, names: Iterable[str]) -> dict[str, str]:
    """The fields of these names, but for those that take arguments."""
    values = {}
    for name in names:
        try:
            value = record.field(name)
        except KeyError:
            continue
        if not callable(value):
            values[name] = value
    return values


# What changes a value leaves a head as it is.
_ON_HEADS: Mapping[str, Callable[..., Any]] = {
    "json": lambda head: head if isinstance(head, str) else "",
    "join": lambda head, _: head,
    "split": lambda head, _: head,
    "title": lambda head: head,
    "upper": lambda head: head,
    "lower": lambda head: head,
    "truncate": lambda head, _: head,
}
