"""The engine's folder: whose it is, which form it has, what is left in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import embedded
import images as recipes
import pytest
from embedded import Engine
from support import require

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def mine(isolated_mine: Engine) -> Engine:
    """No launcher has a part in this."""
    return isolated_mine


def refusal(mine: Engine) -> str:
    """What an engine says that cannot begin there."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(embedded.REPOSITORY)}
    ended = subprocess.run(
        mine.command(), env=environ, capture_output=True, timeout=60, check=False, cwd="/"
    )
    assert ended.returncode == 1, ended
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    return ended.stderr.decode()


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file, but for what tells of processes."""
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and "run" not in path.parts
    }


def test_a_folder_of_a_newer_engine_is_refused_and_untouched(mine: Engine) -> None:
    mine.terminate()
    version = mine.data / "version"
    assert json.loads(version.read_bytes()) == {"format": 1}
    (mine.data / "tmp" / "theirs").write_bytes(b"kept")
    for content, words in (
        (b'{"format": 2, "and": "more"}', "is of a newer engine: its format is 2"),
        (b"?", "version does not say which format"),
    ):
        version.write_bytes(content)
        before = snapshot(mine.data)
        assert words in refusal(mine)
        assert snapshot(mine.data) == before
    version.write_bytes(b'{"format": 1}')
    mine.start()
    assert mine.client.images.get(IMAGE)


def test_a_folder_of_an_older_engine_is_brought_up_to_date(mine: Engine) -> None:
    docker = mine.client
    running = docker.containers.run(IMAGE, ["sleep", "60"], detach=True, name="running")
    docker.volumes.create("whole")
    mine.kill9()
    (mine.data / "version").unlink()
    half = mine.data / "containers" / running.id / "state.json.12-34-56"
    half.write_text("{")
    volume = mine.data / "volumes" / "half"
    volume.mkdir()
    for path in (half, volume):
        embedded.give(path)
    mine.start()
    assert json.loads((mine.data / "version").read_bytes()) == {"format": 1}
    assert not half.exists()
    assert [volume.name for volume in mine.client.volumes.list()] == ["whole"]
    assert mine.client.containers.get("running").exec_run("echo on").output == b"on\n"


def test_copies_of_an_older_engine_are_still_compared_with_their_image() -> None:
    require(shutil.which("proot"), "proot", "Debian's proot is not installed")
    with embedded.running("ptrace") as engine:
        recipes.ensure(engine.client, "busybox")
        made = engine.client.containers.create(IMAGE, ["touch", "/new"])
        made.start()
        made.wait()
        image = made.image.id.partition(":")[2]
        engine.terminate()
        for end in ("", ".json"):
            path = engine.data / "roots" / f"{image[:32]}{end}"
            path.rename(path.with_name(f"{image[:12]}{end}"))
        (engine.data / "version").unlink()
        engine.start()
        assert [change["Path"] for change in engine.client.api.diff(made.id)] == ["/new"]
        assert (engine.data / "roots" / image[:32]).is_dir()


def test_what_nobody_owns_is_swept_away_and_no_link_is_followed(
    mine: Engine, tmp_path: Path
) -> None:
    mine.kill9()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    shutil.rmtree(mine.data / "tmp")
    (mine.data / "tmp").symlink_to(precious)
    (mine.data / ".probe-abc").mkdir()
    (mine.data / "volumes" / ".abc").mkdir()
    (mine.data / "sizes.json.unnamed-1-2-3").write_text("{")
    for name in (".probe-abc", "volumes/.abc", "sizes.json.unnamed-1-2-3"):
        embedded.give(mine.data / name)
    mine.start()
    assert not (mine.data / "tmp").is_symlink()
    assert (precious / "file").read_text() == "kept"
    assert not (mine.data / ".probe-abc").exists()
    assert not (mine.data / "sizes.json.unnamed-1-2-3").exists()
    assert list((mine.data / "volumes").iterdir()) == []


def test_places_that_cannot_be_the_folder(mine: Engine) -> None:
    mine.terminate()
    moved = mine.data.with_name("moved")
    mine.data.rename(moved)
    mine.data.write_text("a file")
    assert "File exists" in refusal(mine)
    assert mine.data.read_text() == "a file"
    mine.data.unlink()
    if os.getuid() == 0:
        mine.data.mkdir()  # root's
        assert "Operation not permitted" in refusal(mine)
        assert list(mine.data.iterdir()) == []
        mine.data.rmdir()
    mine.data.symlink_to(moved)
    mine.start()
    assert mine.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_a_folder_on_a_file_system_that_cannot_be_written() -> None:
    require(os.getuid() == 0, "user", "needs root, to mount")
    with (
        pytest.raises(AssertionError, match="Read-only file system"),
        embedded.running(
            "bubblewrap", mounted=("-t", "tmpfs", "-o", "ro,uid=1000,gid=1000,mode=700", "tmpfs")
        ),
    ):
        pass


def test_a_second_engine_is_refused_and_the_first_goes_on(mine: Engine) -> None:
    assert f"another engine has {mine.data}" in refusal(mine)
    assert mine.client.containers.run(IMAGE, ["echo", "on"], remove=True) == b"on\n"


def test_without_overlays_containers_have_copies(tmp_path: Path) -> None:
    """An overlay cannot lie on an overlay."""
    require(os.getuid() == 0, "user", "needs root, to mount")
    folders = [tmp_path / name for name in ("lower", "upper", "work")]
    for folder in folders:
        folder.mkdir()
        embedded.give(folder)
    lower, upper, work = folders
    for above in tmp_path.parents:
        if above != Path("/tmp"):
            above.chmod(above.stat().st_mode | 0o711)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    with embedded.running(
        "bubblewrap", mounted=("-t", "overlay", "-o", options, "overlay")
    ) as mine:
        docker = mine.client
        assert docker.info()["Driver"] == "copy"
        recipes.ensure(docker, "busybox")
        container = docker.containers.run(
            IMAGE, ["sh", "-c", "echo kept >/file; cat /file"], detach=True
        )
        assert container.wait()["StatusCode"] == 0
        assert container.logs() == b"kept\n"
        assert {"Path": "/file", "Kind": 1} in container.diff()
