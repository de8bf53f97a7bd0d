"""What ImageLayers shows, drawn: an image's layers to scale, its waste, its config.

All are functions of plain data to markup, and the same each time. ``Step`` is a line of an
image's history: what made a layer, or what only changed the config.

Knows: HTML. Does not know: engines, how layers are read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainers.oci.contents import Comparison, Difference
from ipycontainers.oci.sizes import counted

from .drawing import Markup, element, joined, printable, size, table, visible

MOST_WASTE = 200  # rows; the sum is of all
MOST_STEPS = 1000  # of an image, and settings of a config; engines have at most 127 layers
LONGEST_LINE, LONGEST = 1000, 20_000  # letters of what is on one line, and on several
NOP = re.compile(r"^(?:\|\d+ .*?)?/bin/sh -c #\(nop\)\s+", re.DOTALL)
GO_WORD = re.compile(r'"(?:[^"\\]|\\.)*"')
GO_LIST = re.compile(rf"([A-Z]+) \[({GO_WORD.pattern}(?: {GO_WORD.pattern})+)\]", re.DOTALL)
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
        return _with_commas(NOP.sub("", text))
    if SHELL.match(text):
        return f"RUN {SHELL.sub('', text)}"
    return _with_commas(text) or "(what made it is not recorded)"


def _with_commas(text: str) -> str:
    """A list of words, as of CMD, which dockerd writes down as Go prints one: without commas."""
    found = GO_LIST.fullmatch(text)
    return f"{found[1]} [{', '.join(GO_WORD.findall(found[2]))}]" if found else text


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
    for step in group[:MOST_STEPS]:
        rows.append(_step(step, before, total))
        before += step.size or 0
    if left := len(group) - len(rows):
        rows.append(element("p", f"… and {left:,} more", class_="muted", role="presentation"))
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
        _one_line(step.instruction),
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
        title=_cut(step.instruction, LONGEST_LINE),
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
    shown = " ".join(printable(word) for word in text[: LONGEST_LINE + 1].split())
    return _cut(shown, LONGEST_LINE)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} …"


def together(
    first: Sequence[Step], second: Sequence[Step], shared: int
) -> tuple[list[Step], list[Step], list[Step]]:
    """What two images have in common, what the first has alone and what the second. The oldest
    ``shared`` layers of files are in both, and metadata that is the same between the same ones."""
    sides = list(first)[::-1], list(second)[::-1]
    both: list[Step] = []
    alone: tuple[list[Step], list[Step]] = ([], [])
    for _ in range(shared):
        between = [_metadata(side) for side in sides]
        texts = [Counter(step.instruction for step in steps) for steps in between]
        for steps, own, is_first in zip(between, alone, (True, False), strict=True):
            common = texts[0] & texts[1]
            for step in steps:
                if not common[step.instruction]:
                    own.append(step)
                    continue
                common[step.instruction] -= 1
                both += [step] if is_first else []
        both.append(sides[0].pop())
        sides[1].pop()
    while all(side and side[-1].empty for side in sides):
        if sides[0][-1].instruction != sides[1][-1].instruction:
            break
        both.append(sides[0].pop())
        sides[1].pop()
    return both, alone[0] + sides[0][::-1], alone[1] + sides[1][::-1]


def _metadata(side: list[Step]) -> list[Step]:
    """The steps at its end up to a layer of files, taken away."""
    found = []
    while side and side[-1].empty:
        found.append(side.pop())
    return found


def details(step: Step, counts: Mapping[str, int]) -> Markup:
    """All that is known of one layer, and how many files it changes."""
    rows, note = [("Size", _room(step))], ""
    if step.digest:
        rows.append(("Digest", step.digest))
    if step.diff_id:
        rows.append(("Diff ID", step.diff_id))
    if step.diff_id and step.digest == step.diff_id:
        note = "The engine gives this layer uncompressed, so the digest is the diff ID."
    elif step.diff_id and not step.digest:
        note = "The engine gives this layer compressed, and does not say its digest."
    facts = (
        element("div", element("dt", word), element("dd", element("code", value)))
        for word, value in rows
    )
    return element(
        "div",
        element("pre", _some_lines(step.instruction), tabindex=0, aria_label="Instruction"),
        element("dl", *facts),
        element("p", note, class_="muted") if note else Markup(),
        _marks(counts),
        class_="details",
    )


def shared_words(comparison: Comparison) -> str:
    """How alike two images are."""
    layers = comparison.shared
    shared = f"{layers} {'layer is' if layers == 1 else 'layers are'} in both"
    return f"{shared}; {differing(comparison)}"


def differing(comparison: Comparison) -> str:
    """How many files and settings of two images differ."""
    files, settings = len(comparison.files), len(comparison.config)
    return f"{counted(files, 'file')} and {counted(settings, 'config setting')} differ"


def compared(names: Sequence[str], counts: Mapping[str, int]) -> Markup:
    """What makes the second of two images of the first."""
    first, second = (element("code", visible(name)) for name in names)
    text = element("p", "What makes ", second, " of ", first, ":")
    if not counts:
        text = element("p", "The files of ", first, " and ", second, " are the same.")
    return element("div", text, _marks(counts), class_="details")


def compared_configs(names: Sequence[str], rows: Sequence[tuple[str, Any, Any]]) -> Markup:
    """The settings of which two images have different values, or only one has any."""
    if not rows:
        return element("p", "The configs of both images are the same.")
    cells = [[visible(key), _setting(one), _setting(other)] for key, one, other in rows]
    return _settings(["Setting", *map(visible, names)], cells, "What differs in the config")


def _setting(value: object) -> str:
    if value is None:
        return "(not set)"
    # Volumes and ports are keys of nothing.
    return "(set)" if value == {} else _value(value) or "(empty)"


def compared_files(files: Sequence[Difference], most: int) -> Markup:
    """What differs, for where nothing is live."""
    if not files:
        return Markup()
    cells = []
    for file in files[:most]:
        sizes = [size(entry.size) if entry else "" for entry in (file.one, file.other)]
        cells.append([visible(file.path), file.change, *sizes])
    left = len(files) - len(cells)
    note = element("p", f"… and {left:,} more", class_="muted") if left else Markup()
    heads = ["Path", "Change", "Size before", "Size after"]
    return element("div", table(heads, cells, caption="Files that differ"), note)


def _marks(counts: Mapping[str, int]) -> Markup:
    marks = (
        element("span", f"{WORDS[word][0]}{count} {word}", class_=f"mark {word}")
        for word, count in counts.items()
    )
    return element("p", *marks, class_="marks") if counts else Markup()


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.replace("\t", "    ").split("\n"))


def _some_lines(text: str) -> str:
    return _lines(_cut(text, LONGEST))


def waste(rows: Sequence[tuple[str, int, str]], total: int, most: int = MOST_WASTE) -> Markup:
    """Files whose bytes an image carries and nobody sees: path, bytes, reason."""
    if not rows:
        return element("p", "Nothing is wasted: no layer hides what one below it has.")
    cells = [[visible(path), size(count), reason] for path, count, reason in rows[:most]]
    left = len(rows) - len(cells)
    text = f"{size(total)} wasted by {counted(len(rows), 'file')}"
    note = element("p", f"… and {left} more", class_="muted") if left else Markup()
    made = table(["Path", "Bytes", "Reason"], cells, caption=text, class_="waste")
    return element("div", made, note)


def config(values: Mapping[str, Any]) -> Markup:
    """An image's config, as its JSON has it."""
    rows = [[visible(key), _value(value)] for key, value in sorted(values.items())]
    return _settings(["Key", "Value"], rows, "")


def _settings(heads: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Markup:
    made = table(heads, rows[:MOST_STEPS], caption=caption, class_="config")
    left = len(rows) - MOST_STEPS
    return (
        joined([made, element("p", f"… and {left:,} more", class_="muted")]) if left > 0 else made
    )


def _value(value: object) -> str:
    """A text as it is; a list of texts one below the other; else JSON."""
    if isinstance(value, str):
        return _some_lines(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return _some_lines("\n".join(value))
    return _some_lines(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False))


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
    """The layers for where nothing is live, and for who listens. Without digests and diff
    ids: of an image that a notebook builds they are new in each build."""
    cells = [
        [
            f"{step.place}{' (new)' if step.lit else ''}",
            _one_line(step.instruction),
            _room(step),
        ]
        for step in rows[:MOST_STEPS]
    ]
    left = len(rows) - len(cells)
    cells += [["…", f"and {left:,} more", ""]] if left else []
    return table(["Layer", "Instruction", "Size"], cells, caption=caption)
