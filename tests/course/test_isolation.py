"""What a Lab says of an engine is what is measured on it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import images as recipes
import pytest
from sleeping import started

from ipycontainers.client import Candidate, Connection, open_candidate
from ipycontainers.course import lab as labs
from ipycontainers.course.lab import Lab
from ipycontainers.namespaces.compare import HOST
from ipycontainers.widgets.inspection import Inspection


def _measured(connection: Connection, image: str, **host: Any) -> frozenset[str]:
    """In which namespaces a container is not in the host's, by inodes."""
    with ExitStack() as opened:
        name = started(opened, connection, image, "isolation", host=host)
        (found,) = Inspection(connection).namespaces([name])["containers"]
        spaces = found["namespaces"]
        assert {it["source"] for it in spaces.values()} <= {"measured", "asked inside"}, spaces
        return frozenset(kind for kind, it in spaces.items() if it["shared_with"] != HOST)


def test_a_lab_says_what_is_measured(engine: Connection, images: Any) -> None:
    lab = Lab.on(engine)
    measured = _measured(engine, images.busybox)
    assert lab.isolates == measured
    assert (lab.tier == labs.PROOT) == (measured == frozenset())


def test_what_is_claimed_too_much_would_be_seen(engine: Connection, images: Any) -> None:
    """The comparison is none that cannot fail: a container with the host's names has fewer, but for
    where nothing is claimed."""
    lab = Lab.on(engine)
    fewer = _measured(engine, images.busybox, UTSMode="host")
    assert fewer == lab.isolates - {"uts"}
    assert (fewer < lab.isolates) != (lab.tier == labs.PROOT)


@pytest.mark.podman
@pytest.mark.parametrize("service", ["podman", "podman_rootless"])
def test_a_lab_says_of_podman_what_is_measured(
    service: str, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue(service)
    with open_candidate(Candidate("test", address, True)) as connection:
        image = recipes.ensure(connection.docker, "busybox")
        lab = Lab.on(connection)
        assert lab.tier == labs.PODMAN
        assert lab.isolates == _measured(connection, image)
        assert ("user" in lab.isolates) == (service == "podman_rootless")


def test_nothing_is_isolated_where_nothing_runs() -> None:
    lab = Lab(labs.NONE, why="no engine")
    assert (lab.isolates, lab.name, lab.is_here) == (frozenset(), "", False)
