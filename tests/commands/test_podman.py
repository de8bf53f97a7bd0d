"""%docker's verbs on Podman, beside the docker command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from commands.conftest import BUSYBOX, Both, Outcome

from ipycontainers.client import Candidate, open_candidate

pytestmark = pytest.mark.podman
A = "ipyc-listed-podman"


@pytest.fixture
def podmans(podman: str) -> Iterator[Both]:
    with open_candidate(Candidate("test", podman, True)) as connection:
        both = Both(connection)
        made = both.docker("create", "--name", A, "--label", "x=1", BUSYBOX, "true")
        assert made.code == 0, made.err
        yield both
        both.docker("rm", "-f", A)


def test_podman_is_listed_and_shown_as_by_the_docker_command(podmans: Both) -> None:
    assert A in podmans("ps", "-a").out
    assert podmans("ps", "-aq", "--no-trunc").code == 0
    assert podmans("images", "-q").code == 0
    assert podmans("history", "--format", "{{.ID}} {{.Size}}", BUSYBOX).code == 0
    assert podmans("inspect", "-f", "{{.State.Status}} {{.HostConfig.LogConfig}}", A).code == 0
    assert podmans("network", "ls").code == 0
    assert podmans("volume", "ls", "-q").code == 0
    assert podmans("port", "nosuch").code == 1
    assert "Not Found" in podmans.ours("top", "nosuch").err
    # Of a container that does not run it answers nothing, and that all is well.
    assert podmans("top", A).err == "EOF\n"
    assert podmans("stats", "--no-stream", A).err == "EOF\n"
    assert "sha256:" in podmans("images", "--format", "{{.Tag}} {{.Digest}} {{.ID}}").out
    assert podmans("volume", "nosuch").code == 1
    form = '{{index .Config.Labels "x"}}|{{index .Config.Labels "nosuch"}}|{{.State.Status}}'
    assert podmans("inspect", "-f", form, A).out == "1||created\n"


def test_podman_is_asked_for_one_stream_and_it_alone_is_shown(podmans: Both) -> None:
    words = ("run", "--rm", "-a", "stderr", BUSYBOX, "sh", "-c", "echo out; echo err >&2")
    assert podmans.ours(*words) == Outcome(0, "", "err\n")
