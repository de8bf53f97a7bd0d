"""What containers use, as cards with bars and a line of the last minute, and as a table.

Knows: ``Use``. Does not know: engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ipycontainers.oci.sizes import counted
from ipycontainers.samples import KEPT, Sample, Use

from .drawing import Markup, element, joined, size, table

WIDE, HIGH = 2 * (KEPT - 1), 24  # of a line of history, in its own units
CLOSE = 0.9  # of a limit: then it is said in words
HEADS = (
    "container",
    "CPU",
    "of CPUs",
    "memory",
    "limit",
    "network in, out",
    "devices read, written",
)
NO_LIMIT = "no limit"
_CLOSE = (" ", element("span", "near its limit", class_="close"))


def drawn(uses: Sequence[Use], trouble: str) -> Markup:
    """The live form: cards for who sees, the table for who listens."""
    cards = joined(_card(use) for use in uses)
    nothing = element("p", "No container runs.", class_="muted") if not uses else Markup()
    return element(
        "section",
        element("div", cards, class_="cards", aria_hidden="true"),
        nothing,
        element("p", trouble, role="status", class_="failure" if trouble else "muted"),
        element("div", table_of(uses), class_="heard"),
        class_="stats",
        aria_label="What containers use",
    )


def table_of(uses: Iterable[Use]) -> Markup:
    return table((*HEADS, "pids"), map(_row, uses), caption="What containers use")


def _row(use: Use) -> list[str]:
    last = use.last
    if not last:
        return [use.name, use.state, *([""] * 6)]
    memory_limit = size(use.limits.memory) if use.limits.memory else NO_LIMIT
    return [
        use.name,
        _percent(use),
        f"{use.processors:g}",
        size(last.memory),
        memory_limit,
        f"{size(last.received)}, {size(last.sent)}",
        f"{size(last.read)}, {size(last.written)}",
        f"{last.pids} of {use.limits.pids}" if use.limits.pids else str(last.pids),
    ]


def _percent(use: Use) -> str:
    return "" if use.percent is None else f"{use.percent:.2f}%"


def _card(use: Use) -> Markup:
    last = use.last
    gauges = _gauges(use, last) if last else (element("p", _why(use), class_="muted"),)
    pids = counted(last.pids, "pid") if last else use.state
    return element(
        "div",
        element("div", element("strong", use.name), " ", element("span", pids, class_="muted")),
        *gauges,
        class_="card" if last else "card is-absent",
        data_key=use.id or use.name,
    )


def _gauges(use: Use, last: Sample) -> tuple[Markup, ...]:
    past = tuple(zip(*use.history, strict=True)) or ((), (), (), ())
    most, memory = use.processors * 100, use.memory_limit
    part = (use.percent or 0.0) / most if most else None
    of_memory = f"of {size(use.limits.memory)}" if use.limits.memory else NO_LIMIT
    used = last.memory / memory if memory else None
    received, sent = f"{size(last.received)} in", f"{size(last.sent)} out"
    read, written = f"{size(last.read)} read", f"{size(last.written)} written"
    return (
        _gauge("CPU", _percent(use) or "…", f"of {most:g}%", part, past[0], most),
        _gauge("memory", size(last.memory), of_memory, used, past[1], memory),
        _gauge("network", received, sent, None, past[2]),
        _gauge("devices", read, written, None, past[3]),
    )


def _why(use: Use) -> str:
    return {
        "absent": "There is no container and no session of this name.",
        "gone": "It is gone: removed.",
        "unknown": "The engine does not answer.",
        "running": "The engine has not measured it yet.",
    }.get(use.state, "It does not run, and uses nothing.")


def _gauge(
    name: str,
    value: str,
    limit: str,
    part: float | None,
    history: Sequence[float],
    most: float = 0.0,
) -> Markup:
    is_close = part is not None and part >= CLOSE
    return element(
        "div",
        # In the same line, so that nothing moves when it comes.
        element("span", element("span", name, class_="name"), *(_CLOSE if is_close else ())),
        element("span", element("b", value), " ", element("span", limit, class_="muted")),
        _bar(part) if part is not None else Markup(),
        _line(history, most),
        class_="gauge",
    )


def _bar(part: float) -> Markup:
    """How much of a limit is used."""
    used = min(100.0, max(0.0, part * 100))
    return Markup(
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" width="100%" height="4">'
        '<rect class="rail" width="100" height="4" fill="none"></rect>'
        f'<rect class="used" width="{used:.1f}" height="4"></rect></svg>'
    )


def _line(history: Sequence[float], most: float) -> Markup:
    """The last minute, the newest on the right; up to its own greatest where it has no limit."""
    top = max(history, default=0.0)
    # Against a limit as long as that shows anything.
    scale = HIGH / (most if most and top > most / 10 else top or 1.0)
    first = WIDE - 2 * (len(history) - 1)
    points = " ".join(
        f"{first + 2 * number},{HIGH - value * scale:.0f}" for number, value in enumerate(history)
    )
    return Markup(
        f'<svg class="past" viewBox="0 -1 {WIDE} {HIGH + 2}" preserveAspectRatio="none" '
        f'width="100%" height="{HIGH}"><polyline points="{escape(points)}" fill="none" '
        'stroke="currentColor" vector-effect="non-scaling-stroke"></polyline></svg>'
    )
