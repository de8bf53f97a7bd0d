"""%%container on our own engine where it has no namespaces: refused, not pretended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import embedded
import images as recipes
import pytest
from support import require, wait_for

pytestmark = pytest.mark.launcher

IMAGE = "ipycontainers-test/busybox"


@pytest.fixture(scope="module")
def own() -> Iterator[embedded.Engine]:
    require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running("ptrace") as engine:
        recipes.ensure(engine.client, "busybox")
        yield engine


def test_what_needs_root_is_refused(own: embedded.Engine, kernels: Callable[..., Any]) -> None:
    """Also with --unenforced: a program that needs it would only fail later."""
    kernel = kernels(env={"DOCKER_HOST": f"unix://{own.socket}"})
    for options in ("--privileged", "--device /dev/null", "--gpus all", "--unenforced --gpus all"):
        result = kernel.run(f"%%container {options} {IMAGE}\necho ran")
        assert result.error, (result.stdout, result.stderr)
        assert result.error.ename == "Unsupported"
        option = options.removeprefix("--unenforced ").partition(" ")[0]
        assert result.error.evalue == (
            f"creating the container: {option} is refused: this engine runs without root "
            "and has no rights or devices to give. Use Docker for it"
        )
        assert result.stdout == ""
    assert own.client.api.containers(all=True) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--read-only", "--read-only"),
        ("--network none", "--network none"),
        ("--cap-drop ALL", "--cap-drop"),
        ("-v /tmp:/t:ro", "a mount's :ro"),
    ],
)
def test_a_protection_that_cannot_be_had_is_an_error(
    own: embedded.Engine, kernels: Callable[..., Any], options: str, told: str
) -> None:
    kernel = kernels(env={"DOCKER_HOST": f"unix://{own.socket}"})
    result = kernel.run(f"%%container {options} {IMAGE}\necho ran")
    assert result.error, (result.stdout, result.stderr)
    assert result.error.ename == "Unsupported"
    assert result.error.evalue.startswith(f"not enforced here: {told}")
    assert result.stdout == ""
    assert wait_for(lambda: own.client.api.containers(all=True) == [])
    result = kernel.run(f"%%container --unenforced {options} {IMAGE}\necho ran")
    assert result.stdout == "ran\n"
    assert result.stderr.startswith("warning: not enforced: ")
