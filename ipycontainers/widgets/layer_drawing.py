"""What ImageLayers shows, drawn: an image's layers to scale, its waste, its config.

All are functions of plain data to markup, and the same each time. ``Step`` is a line of an
image's history: what made a layer, or what only changed the config.

Knows: HTML. Does not know: engines, how layers are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainers.oci.contents import Comparison

from .drawing import Markup, element, joined, printable, size, table, visible

MOST_WASTE = 200  # rows; the sum is of all
SHORT = 19  # letters of a digest: "sha256:" and the twelve that Docker shows
NOP = re.compile(r"^(?:\|\d+ .*?)?/bin/sh -c #\(nop\)\s+", re.DOTALL)
SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ .*?)?/bin/sh -c ", re.DOTALL)
WORDS = {"added": ("+", "added"), "changed": ("~", "changed"), "removed": ("−", "removed")}


@dataclass(frozen=True)
class Step:
    """``key`` names it to the front end; sizes are bytes, None while they are not known;
    ``place`` is 1 for the oldest."""

    key: str
    place: int
    instruction: str
    size: int | None
    empty: bool
    digest: str = ""
    diff_id: str = ""
    lit: bool = False


def instruction(created_by: str) -> str:
    """As it stands in a Dockerfile, of what an engine or a builder has written down."""
    text = created_by.strip().removesuffix("# buildkit").strip()
    if NOP.match(text):
        return NOP.sub("", text)
    if SHELL.match(text):
        return f"RUN {SHELL.sub('', text)}"
    return text or "(what made it is not recorded)"


def heading(name: str, facts: Sequence[tuple[str, str]]) -> Markup:
    """An image's name and what is measured of it."""
    pairs = (element("div", element("dt", word), element("dd", value)) for word, value in facts)
    return element(
        "div",
        element("p", element("code", visible(name)), class_="title"),
        element("dl", *pairs),
        class_="heading",
    )


def steps(groups: Sequence[tuple[str, Sequence[Step]]], label: str) -> Markup:
    """Layers as options of a list box, each with a bar to scale. A group, whose heading may be
    "", is drawn in a column of its own where there is room."""
    total = max((sum(one.size or 0 for one in group) for _, group in groups), default=0)
    drawn = (_group(head, group, total) for head, group in groups)
    return element(
        "div",
        joined(drawn),
        class_="steps" if len(groups) == 1 else "steps several",
        role="listbox",
        aria_label=label,
        data_key="steps",
    )


def _group(head: str, group: Sequence[Step], total: int) -> Markup:
    rows, before = [], 0
    for step in group:
        rows.append(_step(step, before, total))
        before += step.size or 0
    if not head:
        return element("div", joined(rows), class_="group", role="presentation")
    if not rows:
        rows = [element("p", "none", class_="muted", role="presentation")]
    name = element("div", head, class_="title", role="presentation")
    return element("div", name, joined(rows), class_="group", role="group", aria_label=head)


def _step(step: Step, before: int, total: int) -> Markup:
    room = _room(step)
    words = [
        f"{step.place}." if step.place else "",
        step.instruction,
        room,
        "new" if step.lit else "",
    ]
    return element(
        "div",
        element("span", str(step.place or "≠"), class_="place"),
        element("code", _one_line(step.instruction), class_="instruction"),
        element("span", room, class_="room"),
        _bar(step, before, total),
        element("span", "new", class_="new") if step.lit else Markup(),
        class_=" ".join(["step", *(["empty"] if step.empty else []), *(["lit"] * step.lit)]),
        role="option",
        aria_label=" ".join(word for word in words if word),
        aria_selected="false",
        title=step.instruction,
        data_key=step.key,
        data_step=step.key,
    )


def _room(step: Step) -> str:
    if step.size is None:
        return ""
    return "metadata only" if step.empty else size(step.size)


def _bar(step: Step, before: int, total: int) -> Markup:
    """Where its bytes begin and end in the whole image."""
    if step.empty or not total:
        return Markup()
    left, width = 100 * before / total, 100 * (step.size or 0) / total
    # What is small is there too.
    style = f"left:min({left:.2f}%, 100% - 2px);width:max({width:.2f}%, 2px)"
    return element("span", element("span", style=style), class_="bar", aria_hidden="true")


def _one_line(text: str) -> str:
    return " ".join(printable(word) for word in text.split())


def details(step: Step, counts: Mapping[str, int]) -> Markup:
    """All that is known of one layer, and how many files it changes."""
    rows = [("Size", _room(step))]
    rows += [("Digest", step.digest)] if step.digest else []
    rows += [("Diff ID", step.diff_id)] if step.diff_id else []
    facts = (
        element("div", element("dt", word), element("dd", element("code", value)))
        for word, value in rows
    )
    return element(
        "div",
        element("pre", _lines(step.instruction), tabindex=0, aria_label="Instruction"),
        element("dl", *facts),
        _marks(counts),
        class_="details",
    )


def shared_words(comparison: Comparison) -> str:
    """How alike two images are."""
    layers, files = comparison.shared, len(comparison.files)
    return (
        f"{layers} {'layer is' if layers == 1 else 'layers are'} in both; "
        f"{files:,} {'file differs' if files == 1 else 'files differ'}"
    )


def compared(names: Sequence[str], counts: Mapping[str, int]) -> Markup:
    """What makes the second of two images of the first."""
    first, second = (element("code", visible(name)) for name in names)
    text = element("p", "What makes ", second, " of ", first, ":")
    if not counts:
        text = element("p", "The files of ", first, " and ", second, " are the same.")
    return element("div", text, _marks(counts), class_="details")


def _marks(counts: Mapping[str, int]) -> Markup:
    marks = (
        element("span", f"{WORDS[word][0]}{count} {word}", class_=f"mark {word}")
        for word, count in counts.items()
    )
    return element("p", *marks, class_="marks") if counts else Markup()


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.replace("\t", "    ").split("\n"))


def waste(rows: Sequence[tuple[str, int, str]], total: int, most: int = MOST_WASTE) -> Markup:
    """Files whose bytes an image carries and nobody sees: path, bytes, reason."""
    if not rows:
        return element("p", "Nothing is wasted: no layer hides what one below it has.")
    cells = [[visible(path), size(count), reason] for path, count, reason in rows[:most]]
    left = len(rows) - len(cells)
    text = f"{size(total)} wasted by {len(rows)} {'file' if len(rows) == 1 else 'files'}"
    note = element("p", f"… and {left} more", class_="muted") if left else Markup()
    made = table(["Path", "Bytes", "Reason"], cells, caption=text, class_="waste")
    return element("div", made, note)


def config(values: Mapping[str, Any]) -> Markup:
    """An image's config, as its JSON has it."""
    rows = [[visible(key), _value(value)] for key, value in sorted(values.items())]
    return table(["Key", "Value"], rows, class_="config")


def _value(value: object) -> str:
    """A text as it is; a list of texts one below the other; else JSON."""
    if isinstance(value, str):
        return _lines(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(_lines(one) for one in value)
    return _lines(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))


def text(lines: Iterable[str], note: str = "") -> Markup:
    """A file's lines, with their numbers."""
    rows = (element("code", _lines(line), class_="line") for line in lines)
    return element(
        "div",
        element("p", note, class_="muted") if note else Markup(),
        element("pre", _spaced(rows), class_="text", tabindex=0, aria_label="Content"),
    )


def difference(lines: Iterable[str], note: str = "") -> Markup:
    """Lines of a unified difference, each with its sign."""
    rows = (element("code", _lines(line), class_=f"line {_kind(line)}") for line in lines)
    return element(
        "div",
        element("p", note, class_="muted") if note else Markup(),
        element("pre", _spaced(rows), class_="difference", tabindex=0, aria_label="Difference"),
    )


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "same")


def _spaced(rows: Iterable[Markup]) -> Markup:
    return Markup("\n".join(rows))


def failure(message: str, hint: str) -> Markup:
    """What went wrong, and what to do, as errors are shown in a cell."""
    return element(
        "div",
        element("p", element("b", "Error: "), message),
        element("p", f"hint: {hint}") if hint else Markup(),
        class_="failure",
        role="alert",
    )


def layers_table(rows: Sequence[Step], caption: str) -> Markup:
    """The layers for where nothing is live, and for who listens."""
    cells = [
        [
            str(step.place),
            _one_line(step.instruction),
            _room(step),
            step.digest[:SHORT] or step.diff_id[:SHORT],
        ]
        for step in rows
    ]
    return table(["Layer", "Instruction", "Size", "Digest"], cells, caption=caption)
