"""Builds that are made on each engine, and what is asked of their images.

Knows: docker-py, Dockerfiles. Does not know: which engine, what is compared.
"""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

from contract.bench import PREFIX, Bench, archive
from contract.calls import Call, raw
from engine.sides import WARNED

TAG = f"{PREFIX}built:1"
TAR = {"Content-Type": "application/x-tar"}
UNTOLD = re.compile(rf"\x1b\[\d*m|{WARNED.pattern}")


def _build(bench: Bench, *lines: str, body: bytes | None = None, **query: Any) -> Any:
    """Status, type and what is said: text in one, the rest as it came."""
    dockerfile = "\n".join((f"FROM {bench.image}", *lines))
    sent = archive(Dockerfile=dockerfile.encode(), f=b"f") if body is None else body
    asked = {"networkmode": "none", "rm": "1", **query}
    answer = bench.api.post(bench.api._url("/build"), data=sent, params=asked, headers=TAR)
    found = {"status": answer.status_code, "type": answer.headers.get("Content-Type")}
    if answer.status_code != 200:
        return {**found, "answer": answer.json()}
    told = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
    said = UNTOLD.sub("", "".join(one.get("stream", "") for one in told))
    return {**found, "said": said, "rest": [one for one in told if "stream" not in one]}


def _inspected(bench: Bench) -> Any:
    """Without the sizes and the file system of the machine."""
    _build(bench, "ENV A=1", "COPY f /f", "VOLUME /v", "EXPOSE 80", 'CMD ["x"]', "LABEL a=b", t=TAG)
    found = bench.api.inspect_image(TAG)
    left_out = ("GraphDriver", "Size", "VirtualSize", "DockerVersion", "Container")
    return {key: value for key, value in found.items() if key not in left_out}


def _history(bench: Bench) -> Any:
    return [{k: v for k, v in one.items() if k != "Id"} for one in bench.api.history(TAG)]


def _run(bench: Bench) -> Any:
    """An image is used as any other is, and its steps go with it."""
    name = bench.ran("of-built", ["cat", "/f"])
    bench.api.remove_container(name)
    host = bench.api.create_host_config(network_mode="none")
    made = bench.api.create_container(TAG, ["cat", "/f"], name=name, host_config=host)
    try:
        bench.api.start(made)
        bench.api.wait(made)
        return bench.api.logs(made)
    finally:
        bench.api.remove_container(made, v=True)


def _without(bench: Bench) -> Any:
    return _build(bench, body=archive(other=b"FROM scratch\n"))


def _elsewhere(bench: Bench) -> Any:
    sent = archive(Other=f"FROM {bench.image}\nLABEL elsewhere=1\n".encode())
    return _build(bench, body=sent, dockerfile="Other")


def _compressed(bench: Bench) -> Any:
    sent = archive(Dockerfile=f"FROM {bench.image}\nCOPY f /\n".encode(), f=b"compressed")
    return _build(bench, body=gzip.compress(sent))


def _untagged(bench: Bench) -> Any:
    removed = bench.api._delete(bench.api._url("/images/{0}", TAG), params={"force": "1"})
    return {"status": removed.status_code, "kinds": sorted({k for o in removed.json() for k in o})}


def _pruned(bench: Bench) -> Any:
    return raw(bench, "POST", "/build/prune")


STEPS = ("ARG A=1", "COPY f /f", "RUN echo $A; sleep 0.3; echo e >&2; echo $A > /a", "CMD cat /a")
ANSWERS: dict[str, Call] = {
    "build": lambda b: _build(b, *STEPS, t=TAG),
    "build again": lambda b: _build(b, *STEPS, t=TAG),
    "build without the cache": lambda b: _build(b, *STEPS, nocache="1"),
    "build with an argument": lambda b: _build(b, *STEPS, buildargs='{"A": "2", "B": "3"}'),
    "build and say little": lambda b: _build(b, "LABEL quiet=1", q="1"),
    "build with labels": lambda b: _build(b, "LABEL a=1", labels='{"a": "2", "b": "3"}'),
    "build a target": lambda b: _build(
        b, "LABEL x=1", f"FROM {b.image} AS y", "LABEL y=1", "FROM y", "LABEL z=1", target="Y"
    ),
    "build and keep containers": lambda b: _build(b, "RUN echo kept", rm="0"),
    "build from another file": _elsewhere,
    "build from gzip": _compressed,
    "build for another system": lambda b: _build(b, "RUN true", platform="nosuch/nosuch"),
    "inspect what was built": _inspected,
    "history of what was built": _history,
    "run what was built": _run,
    "remove what was built": _untagged,
    "prune builds": _pruned,
}

ERRORS: dict[str, Call] = {
    "build what fails": lambda b: _build(b, "RUN echo out; exit 7"),
    "build with no program": lambda b: _build(b, 'RUN ["/nosuch"]'),
    "build with no source": lambda b: _build(b, "COPY nosuch /"),
    "build with an unknown word": lambda b: _build(b, "NOSUCH x"),
    "build with an empty file": lambda b: _build(b, body=archive(Dockerfile=b"")),
    "build without a file": _without,
    "build from no archive": lambda b: _build(b, body=b"junk" * 500),
    "build for no target": lambda b: _build(b, "LABEL a=1", target="nosuch"),
    "build with a wrong name": lambda b: _build(b, "LABEL a=1", t="A B"),
    "build with wrong arguments": lambda b: _build(b, "LABEL a=1", buildargs="{"),
    "build with wrong labels": lambda b: _build(b, "LABEL a=1", labels="["),
    "build on no network": lambda b: _build(b, "RUN echo none", networkmode="nosuch"),
    "build below the context": lambda b: _build(b, "LABEL a=1", dockerfile="../Dockerfile"),
}
