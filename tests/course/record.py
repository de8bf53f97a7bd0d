"""Makes recordings of the course anew: ``python tests/course/record.py 06-three 07-cache 10-parts``

On an idle machine with Docker, as root: a busy one's times would be shown for years. Each is
measured as its notebook does it, and written with today's date, engine and kernel. The other
recordings, which no load changes, are what their notebooks' cells have shown on such a machine.

Knows: what is measured for each. Does not know: how a recording is shown.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ipycontainers.course.lab import Lab
from ipycontainers.course.recording import FOLDER
from ipycontainers.oci.sizes import size
from ipycontainers.stack import Measured, kernels, measure_container, measure_here, measure_machine
from ipycontainers.stack.probe import LOOPS
from ipycontainers.widgets.durations import duration

IDLE = 1.0  # at most, the load of the last minute
TIMES = 3
IMAGE = "ipyc/toolbox:1"
YES = {True: "yes", False: "no", None: "not known"}
PARTS = {
    "Engine": "dockerd: answers the requests, keeps names, networks and volumes",
    "containerd": "keeps images and containers, starts a shim for each container",
    "runc": "asks the kernel to make a container, and leaves",
    "docker-init": "a first process for containers that ask for one",
}
# What was measured, the heads, the rows.
Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]


def three(lab: Lab) -> Table:
    """A process, a container, and each kind of virtual machine that this machine has."""
    there = kernels.find().kernels
    homes: dict[str, Callable[[], Measured]] = {
        "A process": measure_here,
        "A container": partial(measure_container, lab.engine, IMAGE),
        **{_title(one): partial(measure_machine, one.kind) for one in there},
    }
    tried = [[measure() for _ in range(TIMES)] for measure in homes.values()]
    columns = [_column(runs, tried[0][0]) for runs in tried]
    rows = [[word, *(column[word] for column in columns)] for word in columns[0]]
    kinds = {one.kind for one in there}
    without = [kind.upper() for kind in kernels.TITLES if kind not in kinds]
    lacking = f". Not to be had on this machine: {', '.join(without)}" if without else ""
    what = f"The same shell in each home, the best of three runs{lacking}"
    return what, ["Measured", *homes], rows


def _title(kernel: kernels.Kernel) -> str:
    title = kernel.title[:1].upper() + kernel.title[1:]
    return f"{title} (emulated)" if kernel.kind == kernels.TCG else title


def _column(runs: Sequence[Measured], host: Measured) -> Mapping[str, str]:
    one = runs[0]
    return {
        "kernel": one.kernel,
        "the host's kernel": YES[one.boot == host.boot],
        "until its first program": duration(min(it.seconds for it in runs)),
        f"until it has counted to {LOOPS:,}": duration(min(it.work for it in runs)),
        "memory that it takes": size(min(it.used for it in runs)),
        "sees the host's processes": YES[one.sees_processes],
        "sees the host's files": YES[one.sees_files],
    }


def cache(lab: Lab) -> Table:
    """Two orders of the same steps, each built twice."""
    argument, last = "ARG VERSION\n", 'RUN echo "$VERSION" > /version\n'
    slow = "RUN sleep 3 && echo {} > /slow\n"
    orders = {
        "ARG above the slow step": argument + slow.format(secrets.token_hex(8)) + last,
        "the slow step above ARG": slow.format(secrets.token_hex(8)) + argument + last,
    }
    rows = [[order, *_builds(lab, steps)] for order, steps in orders.items()]
    what = "The same two orders, with a slow step that takes three seconds"
    return what, ["Order", "First build", "Second build, another VERSION"], rows


def _builds(lab: Lab, steps: str) -> list[str]:
    images: Any = lab.engine.docker.images
    name, took = f"ipycontainers-record:{os.getpid()}", []
    for version in ("1", "2"):
        recipe, began = io.BytesIO(f"FROM {IMAGE}\n{steps}".encode()), time.monotonic()
        images.build(fileobj=recipe, tag=name, rm=True, buildargs={"VERSION": version})
        took.append(duration(time.monotonic() - began))
    images.remove(name)
    return took


def parts(lab: Lab) -> Table:
    """What the engine names, and who is above a container's program."""
    versions = {one["Name"]: one["Version"] for one in lab.engine.version()["Components"]}
    rows = [[part, str(versions[part]), does] for part, does in PARTS.items()]
    docker: Any = lab.engine.docker
    running = docker.containers.run(IMAGE, ["sleep", "60"], detach=True)
    try:
        running.reload()
        chain = " ← ".join(_up_from(int(running.attrs["State"]["Pid"])))
    finally:
        running.remove(force=True)
    told = "the shim stays; runc is gone already"
    rows.append(["who started sleep, the program of a container", chain, told])
    what = "The parts of a Docker engine, and who is there while a container runs"
    return what, ["Part", "Found", "What it does"], rows


def _up_from(pid: int) -> list[str]:
    if pid == 1:
        return ["process 1"]
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return [told["Name"], *_up_from(int(told["PPid"]))]


MADE: dict[str, Callable[[Lab], Table]] = {"06-three": three, "07-cache": cache, "10-parts": parts}


def main(names: Sequence[str]) -> None:
    load = os.getloadavg()[0]
    if load > IDLE:
        raise SystemExit(f"the machine is busy: its load is {load:.1f}, not {IDLE} at most")
    lab = Lab.here(start=False)
    for name in names:
        what, heads, rows = MADE[name](lab)
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        found = {"what": what, "date": today, "engine": lab.name, "kernel": lab.kernel}
        text = json.dumps({**found, "heads": heads, "rows": rows}, indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
