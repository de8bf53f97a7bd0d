"""%docker's acting verbs in a kernel: how they fail, what is a value, what an interrupt ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registry import Registry, is_installed, noise
from sleeping import is_asleep, lasting
from support import require, wait_for

A = "ipyc-verbs-a"


@pytest.fixture
def kernel(shared_kernel: Any) -> Any:
    return shared_kernel


@pytest.fixture
def busybox(engine: Any, images: Any) -> Iterator[str]:
    """The image; no container of that name is left."""
    yield images.busybox
    _remove(engine.docker)


def _remove(docker: Any) -> None:
    from docker.errors import APIError

    def gone() -> bool:
        with contextlib.suppress(APIError):  # there is none, or it is on its way
            docker.api.remove_container(A, force=True, v=True)
        return not docker.api.containers(all=True, filters={"name": [f"^/{A}$"]})

    assert wait_for(gone)


def test_a_failing_verb_fails_the_cell_with_dockers_message(kernel: Any, busybox: str) -> None:
    shown = kernel.run("%docker stop ipyc-nosuch")
    assert shown.status == "error"
    assert "Error response from daemon: No such container: ipyc-nosuch" in str(shown.error)
    assert kernel.run("print(_exit_code)").stdout == "1\n"
    shown = kernel.run(f"%docker run --rm {busybox} sh -c 'echo out; exit 7'")
    assert (shown.status, shown.stdout) == ("error", "out\n")
    assert kernel.run("print(_exit_code)").stdout == "7\n"
    shown = kernel.run(f"%docker run -it {busybox} sh")
    assert str(shown.error).startswith("the input device is not a TTY\n  hint: ")


def test_values_go_in_and_out(kernel: Any, busybox: str) -> None:
    shown = kernel.run(
        f"ids = %docker run -d --name {A} {busybox} sleep 100\n"
        "text = %docker exec {ids[0]} echo hi\n"
        "data = b'from a variable'\n"
        f"back = %docker exec -i --stdin data {A} cat\n"
        f"tar = %docker cp {A}:/bin/sh -\n"
        "print(len(ids[0]), text, back, type(tar).__name__)\n"
        f"%docker rm -f {A}\n"
        "1"
    )
    assert shown.status == "ok", shown.error
    assert shown.stdout == f"64 hi from a variable Tar\n{A}\n"


@pytest.mark.parametrize(
    "line", ["run --rm --name {} {} sh -c 'echo begun; sleep 100'", "run --name {} {} sleep 100"]
)
def test_an_interrupt_ends_what_runs(kernel: Any, engine: Any, busybox: str, line: str) -> None:
    cell = kernel.submit(f"%docker {line.format(A, busybox)}")
    named = {"name": [f"^/{A}$"]}
    assert wait_for(lambda: engine.docker.api.containers(filters=named))
    if "begun" in line:
        cell.wait_for("begun")
    kernel.interrupt()
    assert "KeyboardInterrupt" in str(cell.result().error)
    assert wait_for(lambda: not engine.docker.api.containers(filters=named))
    stays = "--rm" not in line
    assert wait_for(lambda: bool(engine.docker.api.containers(all=True, filters=named)) == stays)


def test_what_a_program_says_of_an_interrupt_is_shown(kernel: Any, busybox: str) -> None:
    script = "trap 'echo last words; exit 3' INT; echo begun; while :; do sleep 0.1; done"
    cell = kernel.submit(f'%docker run --rm --name {A} {busybox} sh -c "{script}"')
    cell.wait_for("begun")
    kernel.interrupt()
    shown = cell.result()
    assert shown.stdout == "begun\nlast words\n"
    assert "KeyboardInterrupt" in str(shown.error)


def test_what_says_more_than_a_variable_holds_is_ended(
    kernel: Any, engine: Any, busybox: str
) -> None:
    kernel.run(
        "from ipycontainers.magics import command\n"
        "large, command.LARGEST = command.LARGEST, 100_000"
    )
    shown = kernel.run(f"text = %docker run --name {A} {busybox} yes")
    assert "the output is larger than" in str(shown.error)
    assert wait_for(lambda: not engine.docker.api.containers(filters={"name": [f"^/{A}$"]}))
    shown = kernel.run(f"text = %docker run --rm --name {A}-2 {busybox} yes")
    assert "the output is larger than" in str(shown.error)
    assert not engine.docker.api.containers(all=True, filters={"name": [f"^/{A}-2$"]})
    kernel.run("command.LARGEST = large")


def test_an_interrupt_leaves_the_program_of_exec_and_says_so(kernel: Any, busybox: str) -> None:
    made = kernel.run(f"%docker run -d --name {A} {busybox} sleep 100")
    assert made.status == "ok", made.error
    cell = kernel.submit(f"%docker exec {A} sh -c 'echo begun; sleep 50'")
    cell.wait_for("begun")
    kernel.interrupt()
    assert "the program runs on in the container" in str(cell.result().error)
    assert kernel.run("print(_exit_code)").stdout == "130\n"


@pytest.mark.parametrize("interrupts", [False, True])
def test_attach_shows_what_comes_until_the_end_or_an_interrupt(
    kernel: Any, engine: Any, busybox: str, interrupts: bool
) -> None:
    loop = "trap 'exit 5' INT; until [ -e /go ]; do echo tick; sleep 0.2; done; echo end; exit 3"
    made = kernel.run(f'%docker run -d --name {A} {busybox} sh -c "{loop}"')
    assert made.status == "ok", made.error
    cell = kernel.submit(f"%docker attach {A}")
    cell.wait_for("tick")
    if interrupts:
        kernel.interrupt()
    else:
        engine.docker.containers.get(A).exec_run("touch /go")
    shown = cell.result()
    code = 5 if interrupts else 3
    assert ("KeyboardInterrupt" if interrupts else f"exit code 3 in {A}") in str(shown.error)
    assert shown.stdout.endswith("end\n") != interrupts
    assert engine.docker.api.wait(A)["StatusCode"] == code
    assert "You cannot attach to a stopped container" in str(
        kernel.run(f"%docker attach {A}").error
    )


def test_logs_are_followed_until_an_interrupt(kernel: Any, busybox: str) -> None:
    made = kernel.run(f"%docker run -d --name {A} {busybox} sh -c 'echo one; sleep 100'")
    assert made.status == "ok", made.error
    cell = kernel.submit(f"%docker logs -f {A}")
    cell.wait_for("one")
    kernel.interrupt()
    assert "KeyboardInterrupt" in str(cell.result().error)
    assert kernel.run("print(_exit_code)").stdout == "130\n"


def test_hostile_output_is_text_and_bounded(kernel: Any, busybox: str) -> None:
    script = r"printf '<script>alert(1)</script>\377\n'; yes | head -c 3000000"
    shown = kernel.run(f'%docker run --rm {busybox} sh -c "{script}"')
    assert shown.status == "ok", shown.error
    assert shown.stdout.startswith("<script>alert(1)</script>\ufffd\n")
    assert len(shown.stdout) < 1_000_000
    assert "bytes not shown" in shown.stderr
    shown = kernel.run(
        f'whole = %docker run --rm {busybox} sh -c "{script}"\n'
        "print(len(whole), whole[0], set(whole[1:]))"
    )
    assert shown.stdout == "1500001 <script>alert(1)</script>\ufffd {'y'}\n"
    assert shown.stderr == ""
    shown = kernel.run(f'text = %docker run --rm {busybox} sh -c "{script}; exit 3"')
    assert len(shown.stdout) < 1_000_000
    assert "bytes not shown" in shown.stderr


def test_an_interrupted_build_ends_at_the_engine(kernel: Any, busybox: str, tmp_path: Path) -> None:
    seconds = lasting()
    text = f"FROM {busybox}\nRUN echo begun; exec sleep {seconds}\n"
    (tmp_path / "Dockerfile").write_text(text)
    cell = kernel.submit(f"%docker build --network none --force-rm {tmp_path}")
    cell.wait_for("begun")
    assert wait_for(lambda: is_asleep(seconds))
    kernel.interrupt()
    assert "KeyboardInterrupt" in str(cell.result().error)
    assert wait_for(lambda: not is_asleep(seconds))


def test_a_pull_and_a_push_are_watched_and_leave_lines(
    kernel: Any, engine: Any, images: Any, tmp_path: Path
) -> None:
    require(is_installed(), "docker", "no docker-registry here")
    with contextlib.closing(Registry(tmp_path)) as registry:
        registry.push("ipyc/verbs", [noise(100_000)])
        name = f"127.0.0.1:{registry.port}/ipyc/verbs"
        shown = kernel.run(f"%docker pull {name}", watched=True)
        kernel.run(f"%docker tag {name} {name}:new")
        pushed = kernel.run(f"%docker push {name}:new", watched=True)
        kernel.run(f"%docker rmi {name} {name}:new")
    assert shown.status == "ok", shown.error
    lines = shown.stdout.splitlines()
    assert lines[:2] == ["Using default tag: latest", "latest: Pulling from ipyc/verbs"]
    assert lines[-2:] == [f"Status: Downloaded newer image for {name}:latest", f"{name}:latest"]
    assert pushed.status == "ok", pushed.error
    first, last = pushed.stdout.splitlines()
    assert first == f"The push refers to repository [{name}]"
    assert last.startswith("new: digest: sha256:")
    for one in (shown, pushed):
        kinds = [key for _, it in one.messages for key in it["content"].get("data", ())]
        assert "application/vnd.jupyter.widget-view+json" in kinds


def test_without_force_nothing_goes_and_it_is_said_what_would(kernel: Any, busybox: str) -> None:
    made = kernel.run(f"%docker run --name {A} --label ipyc-verbs=1 {busybox} true")
    assert made.status == "ok", made.error
    shown = kernel.run("told = %docker container prune --filter label=ipyc-verbs\nprint(told)")
    assert "WARNING! This will remove all stopped containers." in shown.stdout
    assert f"  {A} (" in shown.stdout
    assert "Nothing was removed" in shown.stdout
    assert kernel.run(f"%docker inspect -f ok {A}").status == "ok"


def test_a_password_is_in_no_output_and_no_history(kernel: Any, tmp_path: Path) -> None:
    kernel.run("import os; os.environ['DOCKER_CONFIG'] = " + repr(str(tmp_path / "config")))
    kernel.run("token = 'se' + 'cret'")
    shown = kernel.run("%docker login -u me --password-stdin --stdin token 127.0.0.1:9")
    assert shown.status == "error"
    assert "secret" not in shown.stdout + shown.stderr + str(shown.error)
    shown = kernel.run("%docker login -u me -p typed 127.0.0.1:9")
    assert "stays in the notebook" in str(shown.error)
    history = kernel.run("print([line for *_, line in get_ipython().history_manager.get_range()])")
    assert "secret" not in history.stdout
