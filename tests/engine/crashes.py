"""An engine that is killed at the N-th system call of a verb, and what the next one finds.

    with killed(engine, when=3): …      SIGKILL instead of the third call in CALLS of a thread
    with traced(engine) as out: …       the calls that are made, for points(out)

strace attaches to the engine and injects the signal on the way into the call, so what came
before has happened and the call itself has not.

Knows: strace, the data directory. Does not know: which verbs there are.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedded import Engine
from support import wait_for

FEW = 3
# What changes names or makes things last, and what is said to supervisors and clients.
CALLS = (
    "rename,renameat,renameat2,fsync,fdatasync,syncfs,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "link,linkat,symlink,symlinkat,fchmod,chmod,sendto,sendmsg"
)


@contextlib.contextmanager
def traced(engine: Engine, *words: str) -> Iterator[Path]:
    """strace on the engine's process, which is attached when the block is entered; its output."""
    assert engine.process
    with tempfile.TemporaryDirectory() as folder:
        out, said = Path(folder, "calls"), Path(folder, "said")
        command = ["strace", "-f", "-y", "-s", "16", "-o", str(out), "-e", f"trace={CALLS}"]
        with said.open("wb") as errors:
            tracer = subprocess.Popen(
                [*command, *words, "-p", str(engine.process.pid)], stderr=errors
            )
        try:
            assert wait_for(lambda: "attached" in said.read_text(), every=0.01), said.read_text()
            yield out
        finally:
            if not _is_dead(engine):  # else strace leaves, and a signal meanwhile may hold it
                tracer.send_signal(signal.SIGTERM)
            tracer.wait(timeout=20)


def _is_dead(engine: Engine) -> bool:
    """Connections are cut a moment before the end of a process can be seen."""
    assert engine.process
    with contextlib.suppress(subprocess.TimeoutExpired):
        engine.process.wait(timeout=0.2)
    return engine.process.returncode is not None


@contextlib.contextmanager
def killed(engine: Engine, when: int) -> Iterator[None]:
    """The engine is killed at the ``when``-th call, of any of its threads."""
    with traced(engine, "-e", f"inject={CALLS}:signal=KILL:when={when}"):
        yield


def points(out: str) -> list[int]:
    """Numbers of calls to be killed at, of the thread that makes most: strace counts for each by
    itself. Of many of one kind in a row, as where a tree is copied, the first and last few."""
    threads: dict[str, list[str]] = {}
    for line in out.splitlines():
        if found := re.match(r"(\d+) +([a-z0-9_]+)\(", line):
            threads.setdefault(found[1], []).append(found[2])
    chosen, number = [], 0
    for _, run in itertools.groupby(max(threads.values(), key=len)):
        numbers = [number := number + 1 for _ in run]
        chosen += numbers if len(numbers) <= 2 * FEW else numbers[:FEW] + numbers[-FEW:]
    return chosen


def told_too_early(out: str, data: Path, judged: str = "2") -> list[str]:
    """What was answered, or given its name, before it was sure to be on the disk.

    A file has to be synced before it is renamed, and the folder of what was made, renamed
    or removed for good before the answer; syncfs does for all. Names with a dot are on their
    way out, and what is left of a broken pull is fetched again.
    """
    wrong, synced, names = [], set[str](), dict[str, str]()
    for line in out.splitlines():
        call, paths = _call(line)
        inside = [path for path in paths if path.startswith(f"{data}/")]
        kept = [path for path in inside if not re.search(UNTOLD, path.removeprefix(str(data)))]
        if call in ("fsync", "fdatasync"):
            synced.update(inside)
            names = {path: by for path, by in names.items() if str(Path(path).parent) not in inside}
        elif call == "syncfs":
            synced, names = {*synced, ALL}, {}
        elif call.startswith("rename") and paths[-1] in kept and f"{data}/tmp/" not in paths[0]:
            if not {paths[0], ALL} & synced:
                wrong.append(f"not synced before it is renamed: {paths[-1]}")
            names[paths[-1]] = call
        elif kept and (call == "mkdir" or (call == "unlink" and kept[0].endswith("/state.json"))):
            names[kept[0]] = call
        elif call == "sendto" and f'"HTTP/1.1 {judged}' in line:
            wrong += [f"told and not on the disk: {by} of {path}" for path, by in names.items()]
            names = {}
    return wrong


ALL = "*"
# Sizes are counted anew where they are missing, and the files of names before each start; what
# had addresses ends with the machine.
UNTOLD = "/[.]|^/oci/pending/|^/sizes.json|/leases.json$|^/tmp/|/etc/(hostname|hosts|resolv.conf)$"


def _call(line: str) -> tuple[str, list[str]]:
    """Its name, and the paths among its arguments."""
    found = re.match(r"\d+ +([a-z0-9_]+)\((.*)", line)
    if not found:
        return "", []
    return found[1], re.findall(r'(?:"|\d<)(/[^">]*)[">]', found[2])


# --- what must hold after any crash ------------------------------------------------------------


def strays(data: Path, known: set[str]) -> list[str]:
    """What no container, image or start accounts for; ``known`` are the containers' ids."""
    found = [path.name for path in (data / "containers").iterdir() if path.name not in known]
    for kind in ("layers", "roots"):
        if (data / kind).is_dir():
            found += [str(p) for p in (data / kind).iterdir() if p.name.startswith(".")]
    for place in ("tmp", "oci/tmp"):
        found += [str(path) for path in (data / place).iterdir()]
    for container in known:
        folder = data / "containers" / container
        found += [str(path) for path in folder.glob("*.json.*") if path.suffix != ".new"]
        found += [str(path) for path in folder.glob(".*")]
    return found


def broken_content(data: Path) -> list[str]:
    """Of the index: names of content that is missing or not what its digest says, and content
    that nothing names."""
    wrong, named = [], set()
    blobs = data / "oci/blobs/sha256"

    def take(digest: str) -> bytes:
        hex_ = digest.partition(":")[2]
        named.add(hex_)
        text = (blobs / hex_).read_bytes() if (blobs / hex_).exists() else b""
        if hashlib.sha256(text).hexdigest() != hex_:
            wrong.append(f"{digest} is wrong or missing")
        return text

    for entry in json.loads((data / "oci/index.json").read_bytes())["manifests"]:
        manifest = json.loads(take(entry["digest"]) or b'{"config": {}, "layers": []}')
        for part in (manifest["config"], *manifest["layers"]):
            take(part["digest"]) if part else None
    for pull in (data / "oci/pending").glob("*"):  # to go on from; told of in oci.unfinished
        named |= set(pull.read_text().split()) | {pull.name}
    return wrong + [f"{p.name} is of no image" for p in blobs.iterdir() if p.name not in named]


def check_data(engine: Engine, docker: Any) -> None:
    """Every answer about what is there can be had, and nothing else is there."""
    listed = docker.api.containers(all=True)
    for container in listed:
        docker.api.inspect_container(container["Id"])
    for image in docker.api.images():
        docker.api.inspect_image(image["Id"])
    left = strays(engine.data, {container["Id"] for container in listed})
    assert left == [], left
    broken = broken_content(engine.data)
    assert broken == [], broken
