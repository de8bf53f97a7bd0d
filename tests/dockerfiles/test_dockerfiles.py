"""Forty Dockerfiles, as real ones are, give on our engine what they give on dockerd.

Compared are all files in which the result differs from its base image (kind, mode, owner, size,
content, target of a link), the configuration, the history and the names in each layer. What dockerd
makes is kept in the tests' cache, by everything that it is made of.

Knows: pytest. Does not know: what is compared, how contexts are made.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import embedded
import images
import pytest
from dockerfiles import building, built, contexts
from dockerfiles.built import differences
from dockerfiles.cases import CASES, Case
from layers import file, tar
from support import require, serving

DOCKERD = "unix:///var/run/docker.sock"
LAUNCHERS = ("bubblewrap", "ptrace")
# Of what is kept: what another text has made is of no use.
FORMAT = "".join(Path(str(module.__file__)).read_text() for module in (building, built))
MOST = 40  # lines of what differs

pytestmark = pytest.mark.launcher


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    made = docker.DockerClient(base_url=DOCKERD, version="1.41", timeout=60)
    with contextlib.closing(made):
        try:
            made.ping()
        except docker.errors.DockerException as error:
            require(False, "docker", str(error))
        yield made


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of what ``add-url`` asks for."""
    with tempfile.TemporaryDirectory() as folder:
        contexts.site(Path(folder))
        with serving(functools.partial(_Quiet, directory=folder)) as address:
            yield f"http://{address}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def theirs(client: Any, site: str) -> Iterator[Callable[[Case], Any]]:
    """What dockerd makes of a case."""
    bench = building.Workbench(client, DOCKERD)
    found: dict[str, Any] = {}
    version = client.version()["Version"]

    def theirs_of(case: Case) -> Any:
        if case.name not in found:
            with _contexts(case, "Dockerfile.dockerd") as (folders, key):
                made_of = _hash(version, *bench.needed, _base(bench, case), key)
                kept = images.cache() / "dockerfiles" / f"{made_of}.json"
                found[case.name] = _read(kept)
                if found[case.name] is None:
                    found[case.name] = _made(bench, case, folders, site)
                    _keep(kept, found[case.name])
        return found[case.name]

    yield theirs_of
    bench.clear()


@pytest.fixture(scope="module", params=LAUNCHERS)
def ours(request: pytest.FixtureRequest, site: str) -> Iterator[Callable[[Case], Any]]:
    """What our engine makes of a case."""
    if request.param == "ptrace":
        require(shutil.which("proot"), "proot", "PRoot is not installed: apt-get install proot")
    with embedded.running(request.param) as engine:
        bench = building.Workbench(engine.client, f"unix://{engine.socket}")

        def ours_of(case: Case) -> Any:
            with _contexts(case, "Dockerfile") as (folders, _):
                return _made(bench, case, folders, site)

        yield ours_of


@contextlib.contextmanager
def _contexts(case: Case, dockerfile: str) -> Iterator[tuple[dict[str, Path], str]]:
    """The folders that are built, in turn, and a digest of all that the result depends on."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        pieces = [FORMAT, repr(case)]
        for name in (*case.after, case.folder):
            folder = folders[name] = Path(scratch, name)
            contexts.made(name, folder)
            if (twin := folder / "Dockerfile.dockerd").exists():
                if dockerfile == twin.name:
                    shutil.copy2(twin, folder / "Dockerfile")
                twin.unlink()
            pieces.append(hashlib.sha256(contexts.archive(folder)).hexdigest())
        yield folders, _hash(*pieces)


def _made(bench: building.Workbench, case: Case, folders: dict[str, Path], site: str) -> Any:
    for name in case.after:
        bench.prepare(name, folders[name])
    more = {"buildargs": {"SITE": site}} if case.folder == "add-url" else {}
    _base(bench, case)
    return bench.built(case, folders[case.folder], more)


def _base(bench: building.Workbench, case: Case) -> str:
    try:
        return bench.ensure(case.base)
    except images.CannotMake as error:
        require(False, "debootstrap", str(error))
        raise


def _hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _read(kept: Path) -> Any:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text())
    return None


def _keep(kept: Path, found: Any) -> None:
    with contextlib.suppress(OSError):  # a cache of somebody else's
        kept.parent.mkdir(exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(found))
        partial.replace(kept)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dockerd_and_our_engine_make_the_same_of(
    case: Case,
    theirs: Callable[[Case], Any],
    ours: Callable[[Case], Any],
    request: pytest.FixtureRequest,
) -> None:
    copied = request.node.callspec.params["ours"] == "ptrace"
    found = differences(theirs(case), ours(case), case, copied=copied)
    assert not found, "\n".join(["", *found[:MOST]])


def test_the_day_of_an_account_makes_no_difference() -> None:
    first, later, other = (
        _with_shadow(text)
        for text in (
            "web:!:20783:0:99999:7:::\n",
            "web:!:20784:0:99999:7:::\n",
            "web:*:20784:0::7:::\n",
        )
    )
    assert first == later
    assert first["files"]["etc/shadow"]["digest"] != other["files"]["etc/shadow"]["digest"]


def _with_shadow(text: str) -> Any:
    """What is told of an image of one layer with that file."""
    layer = tar(file("etc/shadow", text.encode()))
    config = {"rootfs": {"diff_ids": ["sha256:1"]}, "config": {}}
    manifest = [{"Config": "config.json", "Layers": ["layer.tar"]}]
    archive = tar(
        file("manifest.json", json.dumps(manifest).encode()),
        file("config.json", json.dumps(config).encode()),
        file("layer.tar", layer),
    )
    return built.described(io.BytesIO(archive), built.Bases())
