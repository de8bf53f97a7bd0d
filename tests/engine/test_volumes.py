"""Volumes of our own engine: what they are called, what they hold, and when they end.

The answers are compared with dockerd's in ``tests/contract``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker as docker_py
import embedded
import pytest
from docker.types import DriverConfig, Mount
from support import wait_for

IMAGE = "ipycontainers-test/busybox"


@pytest.fixture
def volumes(docker: Any) -> Iterator[Any]:
    """docker-py's; none is left after the test, nor any container."""
    yield docker.volumes
    for container in docker.containers.list(all=True, ignore_removed=True):
        container.remove(force=True, v=True)
    for volume in docker.volumes.list():
        volume.remove()


def test_a_volume_of_a_folder_is_that_folder_and_leaves_it_when_it_goes(
    docker: Any, volumes: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Path(docker.info()["DockerRootDir"]).parent / "shared"
    folder.mkdir()
    embedded.give(folder)
    options = {"type": "none", "o": "bind", "device": str(folder)}
    made = volumes.create("folder", driver_opts=options)
    assert made.attrs["Options"] == options
    docker.containers.run(IMAGE, "touch /data/x", volumes={"folder": {"bind": "/data"}}).decode()
    assert [path.name for path in folder.iterdir()] == ["x"]
    docker.containers.prune()
    made.remove()
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_options_that_only_root_could_mount_are_refused(docker: Any, volumes: Any) -> None:
    with pytest.raises(docker_py.errors.APIError, match="only root can") as refused:
        volumes.create("nfs", driver_opts={"type": "nfs", "o": "addr=1.2.3.4", "device": ":/x"})
    assert refused.value.response.status_code == 501
    assert volumes.list() == []


def test_what_a_mount_says_of_its_volume_is_kept(docker: Any, volumes: Any) -> None:
    mount = Mount("/data", "labelled", labels={"a": "b"}, driver_config=DriverConfig("local"))
    docker.containers.create(IMAGE, "true", mounts=[mount])
    assert volumes.get("labelled").attrs["Labels"] == {"a": "b"}


def test_a_mount_with_another_driver_makes_no_container(docker: Any, volumes: Any) -> None:
    mount = Mount("/data", "foreign", driver_config=DriverConfig("nosuch"))
    with pytest.raises(docker_py.errors.NotFound, match='plugin "nosuch" not found'):
        docker.containers.create(IMAGE, "true", mounts=[mount])
    assert docker.containers.list(all=True, ignore_removed=True) == []


def test_anonymous_volumes_go_with_their_container_and_named_ones_stay(
    docker: Any, volumes: Any
) -> None:
    for name, remove in (("kept", {}), ("gone", {"v": True})):
        made = docker.containers.create(IMAGE, "true", name=name, volumes=["/a", "named:/b"])
        assert len(volumes.list()) == 2
        made.remove(**remove)
        left = [volume.name for volume in volumes.list()]
        assert ("named" in left, len(left)) == (True, 1 if remove else 2)
        volumes.prune()
    docker.containers.run(IMAGE, "true", detach=True, auto_remove=True, volumes=["/a"])
    assert wait_for(lambda: not docker.containers.list(all=True, ignore_removed=True))
    assert volumes.list() == []


def test_prune_takes_what_nobody_has_and_says_how_much_it_was(docker: Any, volumes: Any) -> None:
    fill = ["sh", "-c", "head -c 100000 /dev/zero > /data/x; chmod 0 /data/x; mkdir -m 0 /data/y"]
    for name, label in (("used", "1"), ("spared", "1"), ("free", "2")):
        volumes.create(name, labels={"keep": label})
        docker.containers.run(IMAGE, fill, volumes=[f"{name}:/data"], remove=name != "used")
    assert docker.api.prune_volumes({"label": ["keep=2"]})["VolumesDeleted"] == ["free"]
    pruned = volumes.prune()
    assert (pruned["VolumesDeleted"], pruned["SpaceReclaimed"]) == (["spared"], 100000)
    assert [volume.name for volume in volumes.list()] == ["used"]


def test_an_engine_that_starts_anew_knows_them(mine: embedded.Engine) -> None:
    mine.client.volumes.create("kept", labels={"a": "b"})
    mine.kill9()
    mine.start()
    assert mine.client.volumes.get("kept").attrs["Labels"] == {"a": "b"}
