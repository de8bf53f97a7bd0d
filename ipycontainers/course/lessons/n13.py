"""Several containers: names in networks, variables, volumes.

Knows: what each kind of engine keeps apart between networks. Does not know: words.
"""

from __future__ import annotations

import re
from typing import Any

from ipycontainers.course.answer import (
    Answer,
    almost,
    best,
    cannot,
    correct,
    keep_working,
    not_started,
)
from ipycontainers.course.lab import PODMAN, PROOT, Lab
from ipycontainers.course.lesson import Lesson

lesson = Lesson("13")

DEFAULTS = frozenset({"bridge", "podman", "host", "none"})  # networks that know no names
ASK = "timeout 3 wget -q -O /dev/null http://stock:8132"
NAMELESS = "timeout 3 wget -q -O /dev/null http://stock:8132 2>&1 | grep -q 'bad address'"
PAGE = "head -c 9999 /www/index.html"
SERVED = (
    "for _ in 1 2 3; do timeout 3 wget -q -O - http://127.0.0.1:{port}/ && break; sleep 1; done"
)
PORT = re.compile(r"\s-p\s*(?:\S*:)?(\d{1,5})\b")
USUAL = "80"  # of a web server that was told no other
OLD = "Served from a container"  # on the image's own page
LONGEST = 200


@lesson.answers("13-names")
def who_gets_it(lab: Lab) -> list[int]:
    """As choices of the question."""
    return [0 if gets_it else 1 for gets_it in _gets_it(lab)]


@lesson.expects("13-names")
def reached(lab: Lab, value: Any) -> bool:
    """One truth for each row of the question. Podman knows names where its name server is."""
    first = 1 if lab.tier == PODMAN else 0
    return len(value) == len(_gets_it(lab)) and list(value)[first:] == _gets_it(lab)[first:]


def _gets_it(lab: Lab) -> list[bool]:
    """By PRoot all containers have the machine's addresses, and root's Podman does not keep its
    networks apart."""
    is_rootless = lab.connection is not None and lab.connection.is_rootless
    return [True, False, False, lab.tier == PROOT or (lab.tier == PODMAN and not is_rootless)]


@lesson.expects("13-variables")
def names(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """What the variable was in each of the five starts."""
    return list(value) == ["World", "file", "option", "option", "machine"]


@lesson.checks("13-meet")
def meet(lab: Lab) -> Answer:
    """The asker asks; only if it gets no answer it matters why."""
    askers, servers = lab.made_for("13-asker"), lab.made_for("13-stock")
    if not askers or not servers:
        return not_started()
    asker, server = askers[0], servers[0]
    if not asker["State"]["Running"]:
        return keep_working("stopped", which="the asker")
    if _does(lab, asker, ASK):
        return correct()
    if not server["State"]["Running"]:
        return keep_working("stopped", which="the server")
    answer = _why_not(_networks(asker), _networks(server))
    if answer.reason == "no-answer" and lab.tier == PODMAN and _does(lab, asker, NAMELESS):
        return cannot("no-name-server")
    return answer


def _why_not(asker: dict[str, set[str]], server: dict[str, set[str]]) -> Answer:
    """Of the networks of both, with the names that they have there."""
    common = (asker.keys() & server.keys()) - DEFAULTS
    if common:
        known = {name for network in common for name in server[network]}
        told = ", ".join(sorted(known))[:LONGEST]
        return keep_working("no-answer") if "stock" in known else almost("no-name", names=told)
    return keep_working("apart") if len(server) + len(asker) > 2 else not_started("untouched")


def _networks(container: dict[str, Any]) -> dict[str, set[str]]:
    """Name of the network → names of the container in it."""
    own = str(container.get("Name") or "").lstrip("/")
    found = container["NetworkSettings"].get("Networks") or {}
    return {name: {own, *(one.get("Aliases") or ())} for name, one in found.items()}


def _does(lab: Lab, container: dict[str, Any], script: str) -> bool:
    """Whether the script ends with 0 in the container."""
    code, _ = lab.engine.docker.containers.get(container["Id"]).exec_run(["sh", "-c", script])
    return bool(code == 0)


@lesson.checks("13-volume")
def volume(lab: Lab) -> Answer:
    """Looks at mounts, at the page that is there now, and whether it is handed out."""
    every = lab.made_for("13-volume")
    running = [one for one in every if one["State"]["Running"]]
    if not running:
        code = int(every[0]["State"]["ExitCode"]) if every else 0
        return keep_working("stopped", code=code) if every else not_started()
    return best([_serves(lab, one) for one in running])


def _serves(lab: Lab, server: dict[str, Any]) -> Answer:
    mounts = {str(one["Destination"]): str(one["Type"]) for one in server.get("Mounts") or ()}
    if mounts.get("/www") == "bind":
        return almost("bind")
    if "/www" not in mounts:
        elsewhere = [where for where, kind in mounts.items() if kind == "volume"]
        where = elsewhere[0][:LONGEST] if elsewhere else ""
        return keep_working("elsewhere", where=where) if where else keep_working("no-volume")
    container: Any = lab.engine.docker.containers.get(server["Id"])
    code, page = container.exec_run(["sh", "-c", PAGE])
    if code != 0 or not page:
        return keep_working("no-page")
    if OLD.encode() in page:
        return almost("old-page")
    told = PORT.search(" ".join([str(server["Path"]), *map(str, server["Args"] or ())]))
    port = told[1] if told else USUAL
    script = SERVED.format(port=port)
    served: bytes = container.exec_run(["sh", "-c", script], stderr=False).output or b""
    return correct() if served.startswith(page) else almost("not-served", port=port)
