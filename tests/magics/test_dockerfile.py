"""%%dockerfile: the cell becomes an image, or fails and says where."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, Result
from sleeping import is_asleep, lasting
from support import patience, wait_for

Build = Callable[..., Result]
NAME = f"ipycontainers-test/dockerfile-cell-{os.getpid()}"
# Of all that is built here, and of the containers in which: others build on the engine too.
MARK = {"ipycontainers-test.cell": os.urandom(8).hex()}
[LABEL] = (f"{name}={value}" for name, value in MARK.items())


@pytest.fixture(scope="module", autouse=True)
def _removed(engine: Any) -> Iterator[None]:
    yield
    api = engine.docker.api
    with suppress(Exception):  # there may be none
        api.remove_image(NAME, force=True)
    api.prune_images(filters={"dangling": True, "label": LABEL})


@pytest.fixture
def build(shared_kernel: Kernel, images: Any) -> Build:
    """build("RUN …", "--target x") builds on busybox; {base} is its name."""
    base = images.busybox

    def run(text: str, line: str = f"-t {NAME}", *, watched: bool = False) -> Result:
        text = text.replace("{base}", base)
        return shared_kernel.run(f"%%dockerfile {line}\n{text}", watched=watched)

    return run


HEAD = f"FROM {{base}}\nLABEL {LABEL}\n"


def ran(kernel: Kernel, command: str) -> str:
    result = kernel.run(f"%container {NAME} {command}")
    assert result.status == "ok", result.error
    return result.stdout


def test_a_cell_becomes_an_image(build: Build, shared_kernel: Kernel) -> None:
    result = build(f"{HEAD}RUN echo hi > /a\nCMD cat /a")
    assert result.status == "ok", result.error
    assert ran(shared_kernel, "") == "hi\n"
    assert shared_kernel.run("print(_exit_code)").stdout == "0\n"


def test_the_layers_that_the_base_has_not_are_lit(build: Build, shared_kernel: Kernel) -> None:
    for _ in range(2):  # from the cache, too
        result = build(f"{HEAD}RUN echo hi > /a\nCMD cat /a")
        assert result.data["text/plain"] == f"ImageLayers('{NAME}')"
        assert shared_kernel.run("print(_._lit)").stdout == "3\n"
    build("RUN echo hu > /c", f"-t {NAME} --append")
    assert shared_kernel.run("print(_._lit)").stdout == "1\n"


def test_what_is_stored_is_the_same_each_time(build: Build, shared_kernel: Kernel) -> None:
    text = f"{HEAD}RUN echo told; echo hi > /a"
    first, again = build(text), build(text, f"-t {NAME} --no-cache")
    assert first.status == again.status == "ok", first.error
    watched = build(text, watched=True)
    kept = [[compared(one) for one in result.outputs] for result in (first, again, watched)]
    assert kept[0] == kept[1] == kept[2]
    plain = kept[0][0]["text/plain"].splitlines()
    assert plain[0] == f"Building {NAME}"
    assert plain[-1] == "Step 3/3 : RUN echo told; echo hi > /a"
    assert "application/vnd.jupyter.widget-view+json" in watched.outputs[0]["data"]
    assert (first.stdout, first.stderr, watched.stdout, watched.stderr) == ("", "", "", "")


def compared(output: dict[str, Any]) -> dict[str, str]:
    """What nbval compares."""
    return {kind: output["data"][kind] for kind in ("text/plain", "text/html")}


def test_a_failed_step_fails_the_cell(build: Build, shared_kernel: Kernel, engine: Any) -> None:
    result = build(f"{HEAD}\nRUN echo out; echo err >&2; exit 7\nRUN true")
    assert result.status == "error"
    assert result.error
    assert result.error.ename == "CellFailed"
    assert result.error.evalue == (
        "exit code 7 in step 3 of 4, line 5 of the cell: RUN echo out; echo err >&2; exit 7"
    )
    assert sorted(result.stderr.split()) == ["err", "out"]
    assert f"docker build -t {NAME} - <<'EOF'" in str(result.error)
    assert shared_kernel.run("print(_exit_code)").stdout == "7\n"
    assert wait_for(lambda: not engine.list_containers(labels=MARK))


def test_no_raise_error_tells_and_goes_on(build: Build, shared_kernel: Kernel) -> None:
    result = build(f"{HEAD}RUN exit 7", f"-t {NAME} --no-raise-error")
    assert result.status == "ok"
    assert "exit code 7 in step 3 of 3" in result.stderr
    assert shared_kernel.run("print(_exit_code)").stdout == "7\n"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (f"{HEAD}\nFROB x", "line 5 of the cell: unknown instruction: FROB", ""),
        (f"{HEAD}ENV A", "line 4 of the cell: ", ""),
        ("RUN true", "line 2 of the cell: no build stage in current context", ""),
        (f"{HEAD}COPY nosuch /", "step 3 of 3, line 4 of the cell, COPY nosuch /: ", "--context ."),
        ("\n\n", "the cell has no Dockerfile", "FROM IMAGE"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(
    build: Build, text: str, message: str, hint: str
) -> None:
    result = build(text)
    assert result.status == "error"
    assert result.error
    assert result.error.evalue.startswith(message)
    assert hint in str(result.error)


def test_here_documents_are_read_or_refused_in_words(build: Build, engine: Any) -> None:
    """R39"""
    result = build(f"{HEAD}RUN <<END\necho hi > /a\nEND\nCMD cat /a")
    if engine.launcher:
        assert result.status == "ok", result.error
        return
    assert result.error
    assert result.error.ename == "Unsupported"
    assert result.error.evalue.startswith("line 4 of the cell: here-documents need BuildKit")


def test_build_arguments_are_values_of_python(build: Build, shared_kernel: Kernel) -> None:
    """R26"""
    shared_kernel.run("v = 'two words'")
    text = f'{HEAD}ARG V=1.0\nRUN echo "[$V]" > /b\nCMD cat /b'
    values = {"": "[1.0]", "--build-arg V={v}": "[two words]", "--build-arg V=": "[]"}
    for words, shown in values.items():
        result = build(text, f"-t {NAME} {words}")
        assert result.status == "ok", result.error
        assert ran(shared_kernel, "") == f"{shown}\n"


def test_a_folder_is_sent_but_for_what_is_left_out(
    build: Build, shared_kernel: Kernel, notebook_folder: Path
) -> None:
    folder = notebook_folder / "sent"
    folder.mkdir()
    (folder / "a").write_text("A\n")
    (folder / "b.log").write_text("B\n")
    (folder / ".dockerignore").write_text("*.log\n")
    result = build(f"{HEAD}COPY . /d\nCMD ls -A /d", f"-t {NAME} --context sent")
    assert result.status == "ok", result.error
    assert ran(shared_kernel, "") == ".dockerignore\na\n"
    result = build(f"{HEAD}COPY b.log /", f"-t {NAME} --context sent")
    assert result.error
    assert "not left out by its .dockerignore" in str(result.error)


def test_a_large_folder_is_announced(build: Build, notebook_folder: Path) -> None:
    folder = notebook_folder / "large"
    (folder / "raw").mkdir(parents=True)
    with (folder / "raw" / "data").open("wb") as file:
        file.truncate(100_000_000)
    (folder / "b").write_bytes(bytes(2000))
    result = build("FROM {base}\nFROB", "--context large")
    told = "--context large has 100MB in 2 files, which are sent to the engine."
    assert result.stderr.splitlines() == [
        f"{told} A .dockerignore leaves out what no step needs. The biggest:",
        "     100MB  raw/",
        "       2kB  b",
    ]


def test_cells_append_to_an_image(
    build: Build, shared_kernel: Kernel, kernels: Callable[..., Kernel], notebook_folder: Path
) -> None:
    """What holds to the end of a Dockerfile holds in the cells after: ARG, ENV and WORKDIR."""
    kept = "ARG V=no\nENV E=env\nWORKDIR /w\n"
    build(f"{HEAD}{kept}RUN echo 1 > a", f"-t {NAME} --build-arg V=2 --save Dockerfile.all")
    for text in ("RUN echo $V $E >> a", "CMD cat /w/a"):
        result = build(text, f"-t {NAME} --append --save Dockerfile.all")
        assert result.status == "ok", result.error
        assert result.stderr == ""
    assert ran(shared_kernel, "") == "1\n2 env\n"
    saved = (notebook_folder / "Dockerfile.all").read_text().splitlines()
    assert saved[1:] == [
        f"LABEL {LABEL}",
        *kept.splitlines(),
        "RUN echo 1 > a",
        "RUN echo $V $E >> a",
        "CMD cat /w/a",
    ]
    result = build("RUN exit 3", f"-t {NAME} --append")
    assert result.error
    assert result.error.evalue == "exit code 3 in step 3 of 3, line 2 of the cell: RUN exit 3"
    assert ran(shared_kernel, "") == "1\n2 env\n"
    # Another kernel, as after a restart, has the image.
    again = kernels().run(f"%%dockerfile -t {NAME} --append\nRUN echo $E 3 >> a")
    assert again.status == "ok", again.error
    assert ran(shared_kernel, "") == "1\n2 env\nenv 3\n"


def test_what_the_next_build_would_do_is_not_done_by_append(
    build: Build, shared_kernel: Kernel
) -> None:
    build(f"{HEAD}ONBUILD RUN touch /done")
    result = build("RUN true", f"-t {NAME} --append")
    assert result.error
    assert result.error.evalue.startswith(f"{NAME} has ONBUILD")


def test_a_warning_of_the_engine_is_shown(build: Build) -> None:
    result = build(HEAD.rstrip(), "--build-arg TYPO=1")
    assert result.stderr == "[Warning] One or more build-args [TYPO] were not consumed\n"


def test_there_is_nothing_to_append_to(build: Build) -> None:
    result = build("RUN true", "-t ipycontainers-test/never --append")
    assert result.error
    assert result.error.ename == "NotFound"
    assert "without --append" in str(result.error)


def test_an_interrupted_build_ends_at_the_engine(
    build: Build, shared_kernel: Kernel, engine: Any, images: Any
) -> None:
    with suppress(Exception):  # there may be none
        engine.docker.api.remove_image(NAME, force=True)
    seconds = lasting()
    text = f"FROM {images.busybox}\nLABEL {LABEL}\nRUN echo begin; sleep {seconds}"
    cell = shared_kernel.submit(f"%%dockerfile -t {NAME} --no-cache\n{text}")
    assert wait_for(lambda: is_asleep(seconds), seconds=30)
    start = time.monotonic()
    shared_kernel.interrupt()
    result = cell.result()
    assert time.monotonic() - start < 3 * patience()
    assert result.error
    assert result.error.ename == "KeyboardInterrupt"
    said = "the build was interrupted, and no image is made of it; nothing of it runs on"
    assert said in str(result.error)
    assert wait_for(lambda: not is_asleep(seconds), seconds=10)
    assert wait_for(lambda: not engine.list_containers(labels=MARK))
    assert engine.docker.api.images(NAME) == []


def test_an_interrupt_before_the_build_is_told_in_a_line(
    shared_kernel: Kernel, notebook_folder: Path
) -> None:
    ignore = notebook_folder / "slow" / ".dockerignore"
    ignore.parent.mkdir()
    os.mkfifo(ignore)

    def opened() -> int | None:
        with suppress(OSError):  # nobody reads yet
            return os.open(ignore, os.O_WRONLY | os.O_NONBLOCK)
        return None

    cell = shared_kernel.submit("%%dockerfile --context slow\nFROM x")
    writes = wait_for(opened)
    assert writes
    try:
        shared_kernel.interrupt()
        error = cell.result().error
    finally:
        os.close(writes)
    assert error
    said = "KeyboardInterrupt: the cell was interrupted, and nothing of it runs on"
    assert error.traceback == [said]


def test_a_step_may_be_silent_for_longer_than_the_time_out(
    build: Build, kernels: Callable[..., Kernel], images: Any
) -> None:
    """R10"""
    kernel = kernels()
    kernel.run("%config ContainerMagics.timeout = 2.0")
    text = f"{HEAD}RUN sleep 3".replace("{base}", images.busybox)
    result = kernel.run(f"%%dockerfile --no-cache -t {NAME}\n{text}")
    assert result.status == "ok", result.error


def test_what_a_program_does_as_another_user(build: Build, engine: Any, images: Any) -> None:
    """R19"""
    program = "import os; os.setgroups([65534]); os.setegid(65534); os.seteuid(100)"
    head = HEAD.replace("{base}", images.python)
    result = build(f"{head}RUN python3 -c '{program}; print(os.geteuid())'")
    assert result.status == "ok", result.error


def test_the_question_mark_and_tab_know_the_options(shared_kernel: Kernel) -> None:
    assert "--context FOLDER" in shared_kernel.inspect("%%dockerfile")
    offered = shared_kernel.complete("%%dockerfile --b")["matches"]
    assert offered == ["--build-arg"]
