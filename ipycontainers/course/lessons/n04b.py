"""How isolated, of files and network: mounts, the host that looks in, who reaches whom.

Knows: what an engine keeps apart, its answers to inspect. Does not know: words.
"""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ipycontainers import answers
from ipycontainers.course import evidence
from ipycontainers.course.answer import (
    Answer,
    almost,
    best,
    cannot,
    correct,
    keep_working,
    not_started,
)
from ipycontainers.course.lab import NAMESPACES, PODMAN, PROOT, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.engine.network import routes
from ipycontainers.reach.attempts import NAMELESS, REACHED, REFUSED, UNKNOWN
from ipycontainers.reach.measure import SCRIPT, parsed

lesson = Lesson("04b")
ONLY_HERE: Final = "04b-only-here"
NAMES: Final = "04b-names"
PATIENCE: Final = 3  # seconds for one connection
# Of the containers of an exercise: each tries to reach each other.
MOST: Final = 6
# Networks that engines have made, in which names are not known.
DEFAULTS: Final = frozenset({"bridge", "podman"})
YES, NO = 0, 1


@lesson.answers("04b-files")
def who_reads_what(lab: Lab) -> list[int]:
    """By PRoot a mount that is to be read only can be written to."""
    return [NO, YES if lab.tier == PROOT else NO, YES, YES]


@lesson.expects("C10")
def files_are_kept(lab: Lab, found: tuple[str, str, str, bool, bool]) -> bool:
    """``found``: a file that nobody gave, one given by :ro, one given by -v; whether the engine
    hands out a file of the container, and whether /proc does without asking it."""
    without, read_only, mounted, taken, direct = found
    written = "written" if lab.tier == PROOT else "refused"
    return (
        (without, read_only, mounted) == ("absent", written, "written")
        and taken
        and direct == _sees_through(lab)
    )


def _sees_through(lab: Lab) -> bool:
    """Whether this user may follow /proc/PID/root. By PRoot it leads to the machine's own files;
    of another user's process it is root's alone."""
    if lab.tier == PROOT or not lab.is_here:
        return False
    return os.getuid() == 0 or lab.tier == NAMESPACES or lab.engine.is_rootless


@lesson.answers("04b-reach")
def who_reaches_whom(lab: Lab) -> list[int]:
    """As is expected of what is measured."""
    return usual_ways(lab)


def usual_ways(lab: Lab) -> list[int]:
    """In the order of the question's rows. The network of an engine without root is none of this
    machine's, and Podman's containers without root have no address in it."""
    if lab.tier == PROOT:
        return [YES, YES, YES, YES, NO, YES]
    is_apart = lab.engine.is_rootless or lab.tier == NAMESPACES
    is_alone = lab.tier == PODMAN and lab.engine.is_rootless
    return [YES, NO, NO if is_apart else YES, NO if is_alone else YES, NO, YES]


@lesson.expects("C11")
def ways_are_as_usual(lab: Lab, words: Sequence[str]) -> bool:
    """``words``: "reached" or another, in the order of the question's rows. Podman knows names
    where its name server is installed."""
    found = [YES if word == REACHED else NO for word in words]
    usual = usual_ways(lab)
    if lab.tier == PODMAN:
        found, usual = found[:-1], usual[:-1]
    return found == usual


@lesson.checks(ONLY_HERE)
def only_here(lab: Lab) -> Answer:
    if lab.tier == PROOT:
        return cannot("shared")
    return best([_published(lab, one) for one in lab.made_for(ONLY_HERE)])


def _published(lab: Lab, container: Mapping[str, Any]) -> Answer:
    if not _runs(container):
        return keep_working("not-running", status=str(container["State"].get("Status") or "?"))
    if container["HostConfig"].get("NetworkMode") == "host":
        return keep_working("host-network")
    bound = list(_bound(container))
    if not bound:
        return keep_working("unpublished")
    wide = [address for address, _, _ in bound if not _is_loopback(address)]
    if wide:
        return keep_working("everywhere", address=wide[0])
    return _tried(bound) if lab.is_here else correct("told")


def _bound(container: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Address and port of the host, and the port of the container: of those that are published."""
    for inner, bindings in (container["NetworkSettings"].get("Ports") or {}).items():
        for one in bindings or ():
            # An empty address is every address.
            yield str(one.get("HostIp") or "0.0.0.0"), int(one["HostPort"]), str(inner)


def _tried(bound: Sequence[tuple[str, int, str]]) -> Answer:
    """By connections from here, to the addresses that are named and to one that is not."""
    outside = routes.address()
    if not _is_loopback(outside) and any(_listens(outside, port) for _, port, _ in bound):
        return keep_working("everywhere", address=outside)
    if not any(_serves(address, port) for address, port, _ in bound):
        return almost("silent", port=bound[0][2])
    return correct()


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), PATIENCE).close()
    except OSError:
        return False
    return True


def _serves(address: str, port: int) -> bool:
    """Whether a web server answers: Docker's own forwarder takes every connection."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True)
class Call:
    """Of one container to another by ``name``, in a network that both are in."""

    source: str
    name: str
    port: int
    network: str
    result: str = UNKNOWN


@lesson.checks(NAMES)
def talk_by_name(lab: Lab) -> Answer:
    """Whether one of those that run connects to another of them by a name."""
    if lab.tier == PROOT:
        return cannot("shared")
    made = lab.made_for(NAMES)
    running = [one for one in made if _runs(one)][:MOST]
    if not made:
        return not_started()
    if len(running) < 2:
        return keep_working("one", count=len(running))
    return _heard(lab, [it for one in running for it in _called(lab, _calls(one, running))])


def _calls(source: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> list[Call]:
    """By each name and alias. Docker gives to others no name that it has made up itself."""
    found = []
    for target in every:
        if target["Id"] == source["Id"]:
            continue
        theirs = target["NetworkSettings"].get("Networks") or {}
        for network in set(source["NetworkSettings"].get("Networks") or {}) & set(theirs):
            names = [evidence.name(target), *(theirs[network].get("Aliases") or ())[:MOST]]
            found += [
                Call(str(source["Id"]), str(name), _port(target), network)
                for name in names
                if not str(target["Id"]).startswith(str(name))
            ]
    return found


def _port(container: Mapping[str, Any]) -> int:
    """The first of TCP that its image names; else 9, at which nobody listens."""
    ports = (str(one).partition("/") for one in container["Config"].get("ExposedPorts") or ())
    return min((int(port) for port, _, kind in ports if kind == "tcp"), default=9)


def _called(lab: Lab, calls: Sequence[Call]) -> list[Call]:
    """All of one container."""
    if not calls:
        return []
    words = [word for one in calls for word in (one.name, str(one.port))]
    said = answers.output(lab.engine, calls[0].source, SCRIPT, *words)
    results = parsed(said.decode("utf-8", "replace"), len(calls))
    return [replace(one, result=results.get(n, UNKNOWN)) for n, one in enumerate(calls)]


def _heard(lab: Lab, calls: Sequence[Call]) -> Answer:
    by_result = {one.result: one for one in calls}
    if REACHED in by_result:
        return correct()
    if found := by_result.get(REFUSED):
        return almost("no-listener", target=found.name, port=found.port)
    if not calls:
        return keep_working("apart")
    if NAMELESS not in by_result:
        return cannot("not-asked")
    made = (one.network for one in calls if one.network not in DEFAULTS)
    if network := next(made, ""):
        if lab.tier == PODMAN:  # which passes on every name, where it has a server for them
            return cannot("no-name-server", network=network)
        return keep_working("unnamed", network=network)
    return keep_working("nameless", network=by_result[NAMELESS].network)


def _runs(container: Mapping[str, Any]) -> bool:
    return bool((container.get("State") or {}).get("Running"))
