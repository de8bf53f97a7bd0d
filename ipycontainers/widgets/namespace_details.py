"""One container's rights, limits and mounts, drawn.

Knows: the data of ``namespaces.compare``. Does not know: how it was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ipycontainers.namespaces import DECLARED, MEASURED
from ipycontainers.namespaces.compare import HOST, MACHINE
from ipycontainers.oci.sizes import counted

from .drawing import Markup, element, joined, printable, size, table
from .durations import duration

Data = Mapping[str, Any]
MANY = 200  # mounts that are drawn
NAMED = 4  # containers that are named in one place
# What each of these allows comes close to being root of the machine, where root is not mapped.
FAR_REACHING = frozenset(
    {"SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "SYS_TIME", "NET_ADMIN"}
    | {"DAC_READ_SEARCH", "BPF", "PERFMON", "MAC_ADMIN", "MAC_OVERRIDE", "SYSLOG"}
)
SECCOMP = {
    "off": "off: every system call is let through",
    "strict": "strict: read, write and exit only",
    "filter": "filter: a program decides which system calls are let through",
}
UNITS = {"memory": "Memory", "processor": "Processors", "processes": "Processes"}


def stable(container: Data) -> dict[str, Any]:
    """The parts without what differs from run to run."""
    mounts, limits = container["mounts"], container["limits"]
    # The host's are as many as other containers have made there.
    rows = (
        None
        if _is_hosts(container, "mnt")
        else [{**it, "source": ""} for it in mounts["rows"] or ()]
    )
    return {
        "pid": None,
        "mounts": {**mounts, "rows": rows},
        "limits": {**limits, "rows": [{**it, "used": None} for it in limits["rows"] or ()]},
    }


def drawn(container: Data, *, is_open: bool) -> Markup:
    title = f"{container['name']}: rights, limits and mounts"
    parts = [_rights(container), _limits(container["limits"]), _mounts(container)]
    return element(
        "details",
        element("summary", title),
        *parts,
        open=is_open,
        class_="spaces-details",
        data_key=container["name"],
    )


# --- parts that others draw with -----------------------------------------------------------------


def cell(column: str, *content: str, is_live: bool = True) -> Markup:
    """One that names its column, where the table is too narrow for heads; without a style sheet
    its parts are lines."""
    if not is_live:
        lines = [part for it in content if it for part in (element("br"), it)]
        return element("td", *lines[1:], role="cell")
    name = element("span", column, class_="spaces-column", aria_hidden="true")
    return element("td", name, element("span", *content, class_="spaces-value"), role="cell")


def named(names: Sequence[str]) -> Markup:
    """Who else is in it."""
    if not names:
        return Markup()
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    text = f"with {', '.join(names[:NAMED])}{more}"
    return element("span", text, class_="spaces-with", title=", ".join(names) if more else None)


def _is_hosts(container: Data, kind: str) -> bool:
    return container["namespaces"][kind]["shared_with"] in (HOST, MACHINE)


def heard(text: str) -> Markup:
    return element("span", text, class_="heard")


def source_of(found: Data) -> Markup:
    """Named where it is not the usual one."""
    told = found["source"]
    if told in (None, MEASURED):
        return Markup()
    return element("span", str(told), class_="spaces-source muted")


def value(key: str, found: Any) -> Markup:
    """One of what is read of the machine."""
    if found is None:
        return element("span", "–", class_="muted")
    if key == "MemTotal":
        return element("span", size(found))
    if key == "uptime":
        return element("span", duration(found))
    return element("code", printable(str(found)))


# --- rights --------------------------------------------------------------------------------------


def _rights(container: Data) -> Markup:
    rows = [
        ("Users", _users(container["uid_map"])),
        ("Capabilities", _capabilities(container)),
        ("seccomp", _seccomp(container["seccomp"])),
        ("no-new-privileges", _no_new_privileges(container["no_new_privileges"])),
    ]
    return table(("Right", "What it has"), rows, caption="Rights", class_="spaces-rights")


def _users(uid_map: Data) -> Markup:
    ranges = uid_map["rows"]
    if ranges is None:
        return _unknown()
    lines = [
        element("div", _range(it["inside"], it["outside"], it["count"]), class_="spaces-line")
        for it in ranges[:10]
    ]
    if not ranges:
        lines = [element("div", "no user is mapped: all are nobody", class_="spaces-line")]
    return joined([*lines, source_of(uid_map)])


def _range(inside: int, outside: int, count: int) -> str:
    if inside == outside == 0 and count > 4_000_000_000:
        return "every number means the same user inside and outside: root is root"
    if count == 1:
        return f"{inside} inside is {outside} outside"
    return f"{inside}–{inside + count - 1} inside are {outside}–{outside + count - 1} outside"


def _capabilities(container: Data) -> Markup:
    found = container["capabilities"]
    names: Sequence[str] | None = found["effective"]
    if names is None:
        return _unknown()
    bounding = found["bounding"]
    text = f"{len(names)} in effect" + (f", {len(bounding)} at most" if bounding else "")
    far = frozenset() if _is_mapped(container) else FAR_REACHING
    chips = [
        element("code", f"{it} !", class_="spaces-far") if it in far else element("code", it)
        for it in names
    ]
    note = element("div", _reach(container, names), class_="spaces-line")
    spaced = [part for chip in chips for part in (chip, " ")]
    line = element("div", *spaced, class_="spaces-line spaces-chips")
    return joined([element("div", text, class_="spaces-line"), line, note, source_of(found)])


def _reach(container: Data, names: Sequence[str]) -> str:
    """How far they go: those of a user namespace count for what belongs to it."""
    if names and _is_mapped(container):
        return "They count in its user namespace, not on the host."
    far = sorted(FAR_REACHING & set(names))
    return f"! far-reaching: {', '.join(far)}" if far else ""


def _is_mapped(container: Data) -> bool:
    """Whether a user namespace was seen that is not the host's."""
    space = container["namespaces"]["user"]
    is_known = space["own"] is not None and space["source"] != DECLARED
    return is_known and not _is_hosts(container, "user")


def _seccomp(found: Data) -> Markup:
    text = SECCOMP.get(found["value"])
    return joined([text, " ", source_of(found)]) if text else _unknown()


def _no_new_privileges(found: Data) -> Markup:
    if found["value"] is None:
        return _unknown()
    yes = "on: no program gives more rights than it was started with"
    no = "off: a program with setuid, as su, may give more rights"
    return joined([yes if found["value"] else no, " ", source_of(found)])


def _unknown() -> Markup:
    return element("span", "not known", class_="muted")


# --- limits and mounts ---------------------------------------------------------------------------


def _limits(limits: Data) -> Markup:
    told = limits["source"]
    rows = [
        (UNITS.get(it["name"], it["name"]), _limit(it, told), _used(it))
        for it in limits["rows"] or ()
    ]
    if not rows:
        return element("p", "Limits: not known", class_="muted")
    caption = "Limits" + (f" ({told}; what is used, by the engine)" if told != MEASURED else "")
    heads = ("Of", "Limit", "Used")
    return table(heads, rows, caption=caption, class_="spaces-limits")


def _limit(found: Data, source: str | None) -> str:
    limit = found["limit"]
    if limit is None:
        # Those of the groups around it hold as well.
        return "none" if source == MEASURED else "none of its own"
    return size(limit) if found["name"] == "memory" else f"{limit:g}"


def _used(found: Data) -> Markup:
    used, limit, name = found["used"], found["limit"], found["name"]
    if used is None:
        return element("span", "–", class_="muted")
    if name == "processor":
        return element("span", f"{duration(used)} so far")
    text = size(used) if name == "memory" else f"{used:g}"
    if not limit:
        return element("span", text)
    part = min(used / limit, 1.0)
    return joined([text, f" ({part:.0%}) ", _bar(part)])


def _bar(part: float) -> Markup:
    back = element("rect", width=80.0, height=8.0, rx=2.0, class_="spaces-bar-back")
    front = element(
        "rect", width=max(1.0, round(80 * part, 1)), height=8.0, rx=2.0, class_="spaces-bar"
    )
    return element(
        "svg", back, front, viewBox="0 0 80 8", width=80.0, height=8.0, aria_hidden="true"
    )


def _mounts(container: Data) -> Markup:
    mounts = container["mounts"]
    rows = mounts["rows"]
    is_hosts = _is_hosts(container, "mnt")
    if rows is None:
        return element(
            "p", "Mounts: the host's" if is_hosts else "Mounts: not known", class_="muted"
        )
    more = f", the first {MANY}" if len(rows) > MANY else ""
    told = f", {mounts['source']}" if mounts["source"] != MEASURED else ""
    whose = " of the host" if is_hosts else ""
    caption = f"{counted(len(rows), 'mount')}{whose}{more}{told}"
    drawn_rows = list(_mount_rows(rows[:MANY]))
    heads = ("Where", "What", "Kind", "Access")
    return element(
        "div",
        table(heads, drawn_rows, caption=caption, class_="spaces-mounts"),
        class_="spaces-scroll",
        tabindex=0.0,
        role="region",
        aria_label=f"Mounts of {container['name']}",
    )


def _mount_rows(rows: Sequence[Data]) -> Iterator[tuple[str, ...]]:
    for it in rows:
        mode = "read only" if it["read_only"] else "read and write"
        where = element("code", printable(it["target"]))
        what = element("code", printable(it["source"])) if it["source"] else element("span", "")
        yield where, what, printable(it["type"]), mode
