from __future__ import annotations

import hashlib
import io
import json
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import images as recipes_of_tests
import pytest
from docker import errors as docker_errors
from support import free_port, require, wait_for

from ipycontainers import busybox
from ipycontainers.busybox import Busybox
from ipycontainers.cli import main
from ipycontainers.client import Candidate, open_candidate
from ipycontainers.course import images, recipes, stores
from ipycontainers.errors import Conflict, Invalid, NotFound
from ipycontainers.oci import Layout

TOOLBOX, LAYERS, WEB, WRONG = images.NAMES
# A program of no bytes that matter, for what is only packed.
FAKE = Busybox(
    b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\x00" + bytes(100), ("ls", "sh"), "a test"
)


def here() -> Busybox:
    found = busybox.of_machine(recipes_of_tests.architecture())
    require(found, "docker", "no static busybox here: apt-get install busybox-static")
    assert found
    return found


@pytest.fixture(scope="module")
def ids(engine: Any) -> dict[str, str]:
    here()
    return images.ensure(connection=engine)


@pytest.fixture
def named(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An image of the course under a name that only this test has."""
    name = f"ipyc/test-{time.monotonic_ns()}:1"
    monkeypatch.setitem(recipes.DESCRIPTIONS, name, "for one test")
    monkeypatch.setattr(recipes, "NAMES", (*images.NAMES, name))
    yield name
    engine.docker.api.remove_image(name, force=True)


def run(engine: Any, image: str, *command: str) -> tuple[str, int]:
    """What it prints, and its exit code."""
    container = engine.docker.containers.create(image, list(command) or None)
    try:
        container.start()
        code = container.wait()["StatusCode"]
        return container.logs().decode(), code
    finally:
        container.remove(force=True)


# --- what they are --------------------------------------------------------------------------


def test_the_toolbox_is_one_program_under_many_names(engine: Any, ids: dict[str, str]) -> None:
    printed, code = run(engine, TOOLBOX, "sh", "-c", "ls /; echo $NAME; realpath /bin/ls; uname -s")
    assert code == 0
    assert (
        {"bin", "dev", "proc", "tmp"}
        <= set(printed.split())
        <= {
            *("bin", "dev", "etc", "proc", "sys", "tmp", "run"),  # the rest are the engine's
            *("World", "/bin/busybox", "Linux"),
        }
    )
    config = engine.inspect_image(TOOLBOX)["Config"]
    assert config["Cmd"] == ["/bin/sh"]
    assert not config.get("Entrypoint")


def test_layers_have_nine_rows_of_history_and_five_layers(engine: Any, ids: dict[str, str]) -> None:
    history = engine.docker.api.history(LAYERS)
    assert len(history) == 9
    assert len(engine.inspect_image(LAYERS)["RootFS"]["Layers"]) == 5
    made = [row["CreatedBy"].removeprefix("/bin/sh -c ") for row in reversed(history)]
    verbs = [words.removeprefix("#(nop)").split()[0] for words in made[1:]]
    assert verbs == ["LABEL", "ENV", "WORKDIR", "COPY", "dd", "rm", "EXPOSE", "CMD"]
    assert [row["Size"] >= 5 << 20 for row in reversed(history)].index(True) == 5
    assert run(engine, LAYERS) == ("Hello, World\n", 0)
    assert run(engine, LAYERS, "ls") == ("app.sh\n", 0)


def test_what_rm_leaves_is_one_whiteout() -> None:
    layers = [step.layer for step in recipes.of(LAYERS, FAKE, "amd64") if step.layer]
    assert names(layers[-1]) == ["work", "work/.wh.big"]
    assert names(layers[-2]) == ["work", "work/big"]


def test_the_page_is_served(engine: Any, ids: dict[str, str]) -> None:
    container = engine.docker.containers.run(WEB, detach=True)
    try:
        address = f"http://127.0.0.1:{images.PORT}/"

        def page() -> str:
            found = container.exec_run(["wget", "-q", "-O", "-", address])
            return str(found.output.decode()) if found.exit_code == 0 else ""

        assert "<h1>Served from a container</h1>" in wait_for(page), container.logs()
    finally:
        container.remove(force=True)


def test_no_kernel_runs_the_program_for_another_processor(engine: Any, ids: dict[str, str]) -> None:
    inspected = engine.inspect_image(WRONG)
    assert inspected["Architecture"] == engine.inspect_image(TOOLBOX)["Architecture"]
    container = engine.docker.containers.create(WRONG)
    said = ""
    try:
        try:
            container.start()
            assert container.wait()["StatusCode"] != 0
            said = container.logs().decode()
        except Exception as error:  # noqa: BLE001  # docker-py's, of engines that refuse the start
            said = str(error)
    finally:
        container.remove(force=True)
    assert "exec format error" in said.lower()


def test_the_header_is_the_other_processors_and_all_else_the_same() -> None:
    for architecture, other in (("amd64", 183), ("arm64", 62)):
        wrong = recipes.for_another(FAKE, architecture).program
        assert struct.unpack_from("<H", wrong, 18) == (other,)
        changed = [at for at, byte in enumerate(wrong) if byte != FAKE.program[at]]
        assert set(changed) <= {15, 18, 19}


WITH_EMULATOR = """
cd /proc/sys/fs && mount -t binfmt_misc none binfmt_misc && printf %s "$1" > binfmt_misc/register ||
    exit 99
"$2"
"""


def escaped(content: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in content)


def test_no_emulator_takes_it_either(tmp_path: Path) -> None:
    """As QEMU registers itself, here for namespaces of the test's own: a program that is only for
    another processor goes to it."""
    own, architecture = here(), recipes_of_tests.architecture()
    machine = busybox.MACHINES["arm64" if architecture == "amd64" else "amd64"]
    magic = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine)
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    rule = f":ipyc-test:M::{escaped(magic)}:{escaped(mask)}:/bin/true:"
    marked = recipes.for_another(own, architecture).program
    said = {}
    for name, program in {"marked": marked, "plain": marked[:15] + b"\0" + marked[16:]}.items():
        file = tmp_path / name
        file.write_bytes(program)
        file.chmod(0o755)
        words = ["unshare", "-Urm", "sh", "-c", WITH_EMULATOR, "sh", rule, str(file)]
        said[name] = subprocess.run(words, capture_output=True, check=False).returncode
    require(99 not in said.values(), "overlay", "no binfmt_misc in a namespace: Linux 6.7 has it")
    assert said == {"marked": 126, "plain": 0}


# --- reproducible ---------------------------------------------------------------------------


def names(layer: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return tar.getnames()


def test_two_archives_are_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        pieces = images.archive(tmp_path / folder, images.NAMES, FAKE, "amd64")
        made.append(hashlib.sha256(b"".join(pieces)).hexdigest())
    assert made[0] == made[1]


def test_the_same_busybox_gives_the_same_layers_for_ever() -> None:
    """What learners compare between machines; a change of these needs another RECIPE."""
    digests = {name: recipes.layer_digests(name, FAKE, "amd64") for name in images.NAMES}
    assert digests[LAYERS][0] == digests[WEB][0] == digests[TOOLBOX][0]
    told = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    assert (recipes.RECIPE, told[:16]) == ("1", "a91ba575028c0971")


def test_files_belong_to_root_and_are_of_1970() -> None:
    for name in images.NAMES:
        for step in recipes.of(name, FAKE, "amd64"):
            with tarfile.open(fileobj=io.BytesIO(step.layer or recipes.END)) as tar:
                for entry in tar:
                    assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
                    assert (entry.uname, entry.gname) == ("", "")


def test_the_engine_has_the_layers_that_were_made(engine: Any, ids: dict[str, str]) -> None:
    own, architecture = here(), recipes_of_tests.architecture()
    for name in images.NAMES:
        found = engine.inspect_image(name)
        is_of_it = found["Config"]["Labels"][recipes.BUSYBOX_LABEL] == own.digest
        require(is_of_it, "docker", "the images here are of another busybox")
        layers = tuple(found["RootFS"]["Layers"])
        assert layers == recipes.layer_digests(name, own, architecture)


# --- present, missing, of somebody else ---------------------------------------------------------


def test_what_is_there_is_left_alone(engine: Any, ids: dict[str, str]) -> None:
    again = images.provide(engine)
    assert {image.name: image.id for image in again} == ids
    assert [image.made for image in again] == ["", "", "", ""]
    assert images.ensure(TOOLBOX, TOOLBOX, connection=engine) == {TOOLBOX: ids[TOOLBOX]}


def test_what_is_missing_is_made(engine: Any, named: str) -> None:
    here()
    (made,) = images.provide(engine, [named])
    assert made.made
    assert not made.replaced
    (present,) = images.provide(engine, [named])
    assert present.made == ""
    assert present.id == made.id


def test_somebody_elses_image_is_replaced_only_by_request(
    engine: Any, images_: Any, named: str
) -> None:
    here()
    engine.docker.api.tag(images_.busybox, *named.split(":"))
    foreign = engine.inspect_image(named)["Id"]
    with pytest.raises(Conflict, match="not the course's") as raised:
        images.ensure(named, connection=engine)
    assert "--rebuild" in raised.value.hint
    assert engine.inspect_image(named)["Id"] == foreign
    (made,) = images.provide(engine, [named], rebuild=True)
    assert made.replaced == foreign
    assert engine.inspect_image(foreign)["Id"] == foreign  # which is still there


@pytest.fixture
def images_(images: Any) -> Any:
    return images


def test_an_image_of_another_recipe_is_made_again(
    engine: Any, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here()
    with monkeypatch.context() as earlier:
        earlier.setattr(recipes, "RECIPE", "0")
        old = images.ensure(named, connection=engine)
    assert _recipe(engine, named) == "0"
    (made,) = images.provide(engine, [named])
    assert _recipe(engine, named) == recipes.RECIPE
    assert made.made
    assert not made.replaced
    assert made.id != old[named]
    engine.docker.api.remove_image(old[named])


def _recipe(engine: Any, name: str) -> str:
    return str(engine.inspect_image(name)["Config"]["Labels"][recipes.RECIPE_LABEL])


@pytest.mark.parametrize(
    "inspected",
    [
        {"Id": "sha256:0"},
        {"Id": "sha256:0", "Config": None, "RootFS": None, "Size": None},
        {"Config": {"Labels": ["ipyc.recipe"]}, "RootFS": {"Layers": "none"}},
        {"Config": {"Labels": {"org.opencontainers.image.title": "ipyc/toolbox"}}},
    ],
)
def test_an_image_that_says_nothing_sensible_is_somebody_elses(inspected: dict[str, Any]) -> None:
    class Engine:
        def inspect_image(self, _: str) -> dict[str, Any]:
            return inspected

    found = stores.Answering(Engine()).find(TOOLBOX)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        images._is_current(found, TOOLBOX, FAKE, "amd64")


def test_labels_alone_make_no_image_ours() -> None:
    """One that says it is of this machine's busybox has to have its layers."""
    labels = {recipes.RECIPE_LABEL: recipes.RECIPE, recipes.BUSYBOX_LABEL: FAKE.digest}
    layers = recipes.layer_digests(TOOLBOX, FAKE, "amd64")
    found = stores.Found("sha256:0", 1, labels, layers)
    assert images._is_current(found, TOOLBOX, FAKE, "amd64")
    other = stores.Found("sha256:0", 1, labels, (*layers, "sha256:" + "0" * 64))
    assert not images._is_current(other, TOOLBOX, FAKE, "amd64")


def test_the_store_of_our_own_engine_gets_the_same(tmp_path: Path) -> None:
    own, architecture = here(), recipes_of_tests.architecture()
    layout = Layout.open(tmp_path)
    made = images.store(layout)
    assert [image.layers for image in made] == [
        recipes.layer_digests(name, own, architecture) for name in images.NAMES
    ]
    assert layout.resolve(WEB).config.exposed_ports == (f"{images.PORT}/tcp",)
    again = images.store(layout, [WEB, LAYERS])
    assert [image.made for image in again] == ["", ""]
    assert {image.id for image in again} < {image.id for image in made}


def test_a_store_without_a_busybox_says_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "of_machine", lambda _: None)
    with pytest.raises(NotFound, match="no engine is asked for one"):
        images.store(Layout.open(tmp_path))


def test_the_command_starts_no_engine_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here()
    monkeypatch.setenv("IPYCONTAINERS_ENGINE", "ipycontainers")
    monkeypatch.setenv("IPYCONTAINERS_DATA", str(tmp_path / "data"))
    assert main(["course", "images"]) == 0
    assert capsys.readouterr().out.count("made of /") == 4
    assert main(["course", "images"]) == 0
    assert capsys.readouterr().out.count("  present") == 4
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"oci"}


def test_a_name_that_the_course_does_not_have(engine: Any) -> None:
    with pytest.raises(Invalid, match="no image 'ipyc/other:1'"):
        images.ensure("ipyc/other:1", connection=engine)
    with pytest.raises(Invalid):
        images.describe("ipyc/other:1")
    assert all(images.describe(name) for name in images.NAMES)


@pytest.mark.podman
@pytest.mark.parametrize("whose", ["podman", "podman_rootless"])
def test_podman_gets_the_same_layers(request: pytest.FixtureRequest, whose: str) -> None:
    own, architecture = here(), recipes_of_tests.architecture()
    candidate = Candidate("test", request.getfixturevalue(whose), True)
    with open_candidate(candidate) as podman:
        for name in images.NAMES:  # other tests may have had them made
            with suppress(docker_errors.NotFound):  # Podman says it in words of its own
                podman.docker.images.remove(name, force=True)
        made = images.provide(podman)
        for image in made:
            assert image.made
            assert image.layers == recipes.layer_digests(image.name, own, architecture)
        again = images.provide(podman)
        assert [(image.id, image.made) for image in again] == [(image.id, "") for image in made]
        assert len(podman.docker.api.history(LAYERS)) == 9
        assert run(podman, LAYERS) == ("Hello, World\n", 0)


# --- where the program is from --------------------------------------------------------------------


def test_a_program_that_needs_libraries_is_refused(tmp_path: Path) -> None:
    architecture = recipes_of_tests.architecture()
    with pytest.raises(Invalid, match="not static"):
        busybox.of_file(Path(sys.executable).resolve(), architecture)
    script = tmp_path / "busybox"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(Invalid, match="no program of Linux"):
        busybox.of_file(script, architecture)
    with pytest.raises(Invalid, match="No such file"):
        busybox.of_file(tmp_path / "none", architecture)


def test_a_program_for_another_processor_is_refused(tmp_path: Path) -> None:
    architecture = recipes_of_tests.architecture()
    other = tmp_path / "busybox"
    other.write_bytes(recipes.for_another(here(), architecture).program)
    with pytest.raises(Invalid, match="another processor"):
        busybox.of_file(other, architecture)


def test_a_static_program_that_is_no_busybox_is_refused(tmp_path: Path) -> None:
    require(shutil.which("ldconfig", path="/sbin:/usr/sbin"), "docker", "no ldconfig here")
    with pytest.raises(Invalid, match=r"lists no applets|not static"):
        busybox.of_file(Path("/sbin/ldconfig"), recipes_of_tests.architecture())


def test_without_one_here_that_of_an_image_is_taken(
    engine: Any, images_: Any, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setattr(images, "of_machine", lambda _: None)
    monkeypatch.setattr(images, "BUSYBOX", images_.busybox)
    monkeypatch.setattr(images, "NAMES", (named,))
    (made,) = images.provide(engine, [named])
    assert made.made == f"the image {images_.busybox}"
    assert run(engine, named, "sh", "-c", "echo from $NAME")[0] == "from World\n"


def test_without_any_busybox_it_says_what_mends_it(
    engine: Any, monkeypatch: pytest.MonkeyPatch, named: str, images_: Any
) -> None:
    engine.docker.api.tag(images_.noshell, *named.split(":"))
    monkeypatch.setattr(images, "of_machine", lambda _: None)
    monkeypatch.setattr(images, "NAMES", (named,))
    monkeypatch.setattr(images, "BUSYBOX", images_.noshell)
    with pytest.raises(NotFound, match="its /bin has no busybox") as raised:
        images.provide(engine, [named], rebuild=True, pull=False)
    assert "apt-get install busybox-static" in raised.value.hint


def test_a_pull_is_told_before_it_begins(
    engine: Any, monkeypatch: pytest.MonkeyPatch, named: str, images_: Any
) -> None:
    said: list[str] = []
    engine.docker.api.tag(images_.noshell, *named.split(":"))
    monkeypatch.setattr(images, "of_machine", lambda _: None)
    monkeypatch.setattr(images, "NAMES", (named,))
    monkeypatch.setattr(images, "BUSYBOX", "127.0.0.1:1/nobody/listens:1")
    with pytest.raises(
        NotFound, match=r"this machine has none, and 127.0.0.1:1/nobody/listens:1: .* refused"
    ):
        images.provide(engine, [named], rebuild=True, say=said.append)
    assert said == [
        "no static busybox on this machine: the engine pulls the image 127.0.0.1:1/nobody/listens:1"
    ]


# --- at which port they listen --------------------------------------------------------------------


def test_a_server_gets_a_port_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port(count=2)
    monkeypatch.setattr(images, "PORTS", range(first, first + 2))
    assert images.port() == first
    with socket.create_server(("", first)):
        assert images.port() == first + 1
        with socket.create_server(("127.0.0.1", first + 1)):
            assert images.port() == images.PORT


# --- the command ----------------------------------------------------------------------------


def test_the_command_tells_what_was_done(
    engine: Any,
    ids: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("IPYCONTAINERS_ENGINE", engine.candidate.address)
    assert main(["course", "images"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(images.NAMES)
    assert all(line.endswith("  present") for line in lines)
    assert "5 layers" in lines[1]
    assert main(["course", "images", "--rebuild", TOOLBOX]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "1 layer  made of /" in line


def test_the_command_fails_in_words(
    engine: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPYCONTAINERS_ENGINE", engine.candidate.address)
    assert main(["course", "images", "--busybox", "/bin/does-not-exist"]) == 1
    assert capsys.readouterr().err == (
        "/bin/does-not-exist is no busybox: No such file or directory\n"
    )
    assert main(["course", "images", "alpine"]) == 1
    assert "the course has no image 'alpine'" in capsys.readouterr().err


def test_the_commands_of_the_course_cost_others_nothing() -> None:
    script = "import sys, ipycontainers.cli as c; c._parser(); print(*sys.modules)"
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name for name in asked.stdout.split() if name.startswith("ipycontainers.course")}
    assert loaded == {"ipycontainers.course", "ipycontainers.course.command"}


def test_in_a_notebook_the_engine_of_its_cells_is_asked(kernel: Any, tmp_path: Path) -> None:
    kernel.run(f'%config ContainerMagics.engine = "unix://{tmp_path}/nobody.sock"')
    shown = kernel.run("from ipycontainers.course import images; images.ensure()")
    assert shown.status == "error"
    assert "nobody.sock" in str(shown.error)
