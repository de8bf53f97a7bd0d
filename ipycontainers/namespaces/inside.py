"""Asked inside: what a small shell script in the container reads of itself.

    asked(output)        the Snapshot, and what of the machine is seen in there
    processes(output)    who runs there, as it sees them

docker exec puts the script into the container's namespaces, under its rights and filters. What
it prints is the container's word: judged piece by piece, and bounded by who reads it.

Knows: sh, /proc. Does not know: how the script gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from .kinds import NAMES
from .snapshot import ASKED, LONG, Snapshot, fields, number, of_files, of_machine
from .tree import Process, rooted

_FILES = {
    **{name: f"self/{name}" for name in ("status", "uid_map", "gid_map", "mountinfo", "cgroup")},
    "kernel/cmdline": "cmdline",
    **{name: name for name in ("meminfo", "uptime", "sys/kernel/random/boot_id")},
}
# An image may have a shell and little else. Where there is no readlink, ls -l shows a link's
# end too; where there is no cat, the shell reads by itself, but for the NULs of cmdline.
_SHOW = """exec 2>/dev/null
if command -v cat >&2; then show() { cat "$1"; }
else show() { while IFS= read -r l; do printf "%s\\n" "$l"; done <"$1"; }; fi
"""
SCRIPT = f"""{_SHOW}for n in {" ".join(NAMES)}; do
echo "=ns/$n"; readlink /proc/self/ns/$n || ls -l /proc/self/ns/$n
done
for f in {" ".join(f"{name}:{path}" for name, path in _FILES.items())}; do
echo; echo "=${{f%%:*}}"; show "/proc/${{f#*:}}"
done
"""
PROCESSES = f"""{_SHOW}echo "=$$"
for d in /proc/[0-9]*; do
echo; echo "=${{d#/proc/}}"; show $d/status; echo "-"; show $d/cmdline
done
"""
MOST = 1 << 20  # bytes of output
MANY = 1000  # processes
_HEAD = re.compile(r"^=(.*)\n", re.MULTILINE)


def asked(output: bytes) -> Snapshot | None:
    """None where it tells nothing, as where there is no /proc."""
    files = dict(_sections(output))
    found = replace(of_files(ASKED, files), machine=of_machine(files))
    return found if found.namespaces or found.uid_map or found.effective else None


def processes(output: bytes) -> tuple[Process, ...]:
    """Without the script's own."""
    script = ""
    found: list[Process] = []
    for name, text in _sections(output):
        status, dash, line = text.partition("\n-\n")
        if not dash:
            script = script or name.strip()
        elif (pid := number(name)) is not None and len(found) < MANY:
            told = fields(status)
            words = line.removesuffix("\n").rstrip("\0").replace("\0", " ")[:LONG]
            parent = number(told.get("PPid", "")) or 0
            command = words or f"[{told.get('Name', '?')[:64]}]"
            found.append(Process(pid, parent, inside=pid, outside=None, command=command))
    return rooted(tuple(_without(found, number(script))))


def _without(found: Iterable[Process], script: int | None) -> Iterator[Process]:
    gone = {script}
    for process in sorted(found, key=lambda it: it.number):
        if process.number in gone or process.parent in gone:
            gone.add(process.number)
        else:
            yield process


def _sections(output: bytes) -> Iterator[tuple[str, str]]:
    pieces = _HEAD.split(output[:MOST].decode("utf-8", "replace"))
    yield from zip(pieces[1::2], pieces[2::2], strict=False)
