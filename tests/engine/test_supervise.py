"""What a supervisor promises, on each launcher."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engine.containers import Containers, as_user, is_alive
from support import REPOSITORY, patience, wait_for

from ipycontainers.engine.container import Mount
from ipycontainers.engine.supervise.output import records


def test_output_and_exit_code_come_apart(containers: Containers) -> None:
    done = containers.run("sh", "-c", "echo hi; echo oh >&2; exit 3")
    assert (done.code, done.out, done.err) == (3, b"hi\n", b"oh\n")


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("absent", 127, 'exec: "absent": executable file not found in $PATH'),
        ("/bin/absent", 127, 'exec: "/bin/absent": stat /bin/absent: no such file or directory'),
        ("/tmp", 126, 'exec: "/tmp": permission denied'),
    ],
)
def test_a_program_that_cannot_start_is_an_error(
    containers: Containers, word: str, code: int, message: str
) -> None:
    done = containers.run(word)
    assert (done.code, done.error) == (code, message)


@pytest.mark.parametrize("word", ["absent", "/tmp"])
def test_so_is_one_beside_a_running_container(containers: Containers, word: str) -> None:
    made = containers.make("sleep", "60")
    made.start()
    assert made.exec(word).answer["code"] == {"absent": 127, "/tmp": 126}[word]
    assert made.output("echo", "on") == b"on\n"


def test_a_script_that_writes_to_a_full_pipe_waits(containers: Containers) -> None:
    made = containers.make("sh", "-c", "yes | head -c 20000000; touch /tmp/done")
    stream = made.attach()
    made.start()
    time.sleep(0.5)
    assert made.ask({"do": "state"})["status"] == "running"
    memory = Path(f"/proc/{made.supervisor}/statm").read_text().split()[1]
    assert int(memory) * os.sysconf("SC_PAGE_SIZE") < 40e6
    assert len(stream.rest().out) == 20_000_000
    assert made.wait() == 0


def test_input_arrives_whole_and_ends(containers: Containers) -> None:
    assert containers.run("wc", "-c", stdin=b"x" * 3_000_000).out.strip() == b"3000000"


def test_output_outlives_its_readers_in_the_log(containers: Containers) -> None:
    made = containers.make("sh", "-c", "echo one; echo two >&2")
    made.start()
    assert made.wait() == 0
    with (made.directory / "output.log").open("rb") as file:
        found = list(records(file))
    assert sorted((record.stream, record.data) for record in found) == [
        (1, b"one\n"),
        (2, b"two\n"),
    ]


def test_who_comes_later_gets_the_log_first(containers: Containers) -> None:
    made = containers.make("sh", "-c", "echo early; cat", stdin=True, stdin_once=True)
    made.start()
    first = made.attach()
    assert made.attach(logs=True).frame() == (1, b"early\n")
    late = made.attach(logs=True, stdin=True)
    assert late.frame() == (1, b"early\n")
    assert late.rest(b"late\n").out == b"late\n"
    assert first.rest().out.endswith(b"late\n")


def test_a_terminal_is_one(containers: Containers) -> None:
    made = containers.make("sh", "-c", "stty size; tty", tty=True, stdin=True)
    assert made.ask({"do": "resize", "height": 33, "width": 44}) == {}
    stream = made.attach(stdin=True)
    made.start()
    assert stream.line() == b"33 44\r\n"
    assert stream.line().startswith(b"/dev/")


def test_an_exec_has_a_terminal_of_its_own(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    made.start()
    stream = made.exec("sh", "-c", "read x; stty size", tty=True, stdin=True)
    made.ask({"do": "resize", "exec": "e1", "height": 5, "width": 6})
    stream.socket.sendall(b"\n")
    assert stream.line() == b"\r\n"
    assert stream.line() == b"5 6\r\n"
    assert stream.rest().out == b""
    assert made.exec_code() == 0


def test_exec_sees_the_same_files_and_environment(containers: Containers) -> None:
    made = containers.make("sh", "-c", "echo x >/tmp/here; sleep 60", env=("A=1", "B=2"))
    stream = made.attach()
    made.start()
    while made.output("sh", "-c", "cat /tmp/here 2>/dev/null; true") != b"x\n":
        pass
    assert made.output("sh", "-c", "echo $A$B; pwd", env=("B=3",), cwd="/tmp") == b"13\n/tmp\n"
    stream.close()


def test_exec_exits_with_its_own_code(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    made.start()
    made.exec("sh", "-c", "sleep 50 & exit 5", name="five").rest()
    made.exec("sh", "-c", "kill -9 $$", name="killed").rest()
    assert (made.exec_code("five"), made.exec_code("killed")) == (5, 137)


def test_users_are_numbers_or_names_of_the_container(containers: Containers) -> None:
    made = containers.make("sleep", "60", user="7:8")
    made.start()
    assert made.output("id", "-u") == b"7\n"
    assert made.output("sh", "-c", "id -u; id -g", user="ada") == b"1815\n10\n"
    assert made.output("id", "-u", user="0") == b"0\n"
    assert "unable to find user bob" in made.refusal("id", user="bob")[1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_signal_is_an_exit_code(containers: Containers, number: int) -> None:
    assert containers.run("sh", "-c", f"(kill -{number} $$); sleep 50", init=True).code == (
        128 + number
    )


def test_kill_ends_it(containers: Containers) -> None:
    made = containers.make(
        "sh", "-c", "trap 'exit 9' TERM; echo up; while true; do sleep .05; done"
    )
    stream = made.attach()
    pid = made.start()
    stream.frame()
    assert made.ask({"do": "kill", "signal": 15}) == {}
    assert made.wait() == 9
    assert not is_alive(pid)


def test_the_end_is_quick_also_beside_programs_that_wait(containers: Containers) -> None:
    container = containers.make("sh", "-c", "sleep 100")
    container.start()
    for name in ("e1", "e2"):
        container.exec("sh", "-c", "sleep 100", name=name)
    begun = time.monotonic()
    container.ask({"do": "kill", "signal": int(signal.SIGKILL)})
    assert container.wait() == 137
    assert time.monotonic() - begun < 4 * patience()  # it was 5 s and more with PRoot


@pytest.mark.parametrize("init", [False, True])
def test_nothing_survives_the_end(containers: Containers, init: bool) -> None:
    mark = f"77{int(init)}.{os.getpid()}"
    script = f"(sleep {mark} &) ; sleep {mark} & sleep .1; exit 4"
    assert containers.run("sh", "-c", script, init=init).code == 4
    assert _running(f"sleep {mark}") == []


def test_it_survives_the_engine(containers: Containers) -> None:
    folder = containers.folder / "other"
    folder.mkdir()
    containers.give(folder)
    with Containers(folder, containers.launcher.name) as own:
        made = own.make("sh", "-c", "echo one; cat", stdin=True, stdin_once=True)
        made.start()
        own.kill_nursery()
        time.sleep(0.2)
        assert made.ask({"do": "state"})["status"] == "running"
        assert made.output("echo", "exec") == b"exec\n"
        assert made.attach(logs=True, stdin=True).rest(b"two\n").out == b"one\ntwo\n"
        assert made.wait() == 0
        assert json.loads((made.directory / "exit.json").read_text())["code"] == 0


def test_the_supervisor_leaves_after_the_end(containers: Containers) -> None:
    made = containers.make("true")
    made.start()
    assert made.wait() == 0
    assert wait_for(lambda: not is_alive(made.supervisor))
    assert not (made.directory / "control.sock").exists()


def test_its_end_is_the_containers(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    pid = made.start()
    os.kill(made.supervisor, signal.SIGKILL)
    assert wait_for(lambda: not is_alive(pid))


def test_mounts_are_there(containers: Containers) -> None:
    shared = containers.folder / "shared"
    shared.mkdir(exist_ok=True)
    (shared / "file").write_text("content\n")
    containers.give(shared)
    mounts = (Mount("bind", "/data", str(shared)), Mount("tmpfs", "/scratch"))
    done = containers.run(
        "sh", "-c", "cat /data/file; echo new >/data/new; echo x >/scratch/x", mounts=mounts
    )
    assert (done.code, done.out) == (0, b"content\n")
    assert (shared / "new").read_text() == "new\n"


def test_its_own_hosts_file_is_bound(containers: Containers) -> None:
    assert containers.run("cat", "/etc/hosts").out == b"our hosts\n"


def test_no_descriptor_of_ours_is_open_in_it(containers: Containers) -> None:
    listed = containers.run("sh", "-c", "cd /proc/self/fd; echo *").out.split()
    assert {int(name) for name in listed} <= {0, 1, 2, 3, 10}


def test_a_caller_cannot_be_reached_by_kill_all(containers: Containers) -> None:
    mate = subprocess.Popen([*as_user(), sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        containers.run("sh", "-c", f"kill -9 -1; kill -9 {mate.pid}; sleep .1")
        assert mate.poll() is None
    finally:
        mate.kill()
        mate.wait()


def test_it_has_little_memory_of_its_own(containers: Containers) -> None:
    made = containers.make("sleep", "60")
    made.start()
    counted = Path(f"/proc/{made.supervisor}/smaps_rollup").read_text()
    found = re.search(r"^Private_Dirty: +([0-9]+) kB$", counted, re.MULTILINE)
    assert found
    assert int(found[1]) < 2500


def test_what_is_forked_has_imported_little() -> None:
    loaded = _lean("from ipycontainers.engine.supervise import rehearsal; print(*sys.modules)")
    assert "ipycontainers.engine.supervise.supervisor" in loaded
    much = {"asyncio", "dataclasses", "inspect", "pathlib", "socket", "subprocess", "threading"}
    assert much & set(loaded) == set()


def test_a_rehearsal_leaves_nothing(tmp_path: Path) -> None:
    said = _lean(
        "import os\n"
        "from ipycontainers.engine.supervise.rehearsal import rehearse\n"
        "before = os.listdir('/proc/self/fd')\n"
        f"rehearse({str(tmp_path / 'scratch')!r})\n"
        "print(os.listdir('/proc/self/fd') == before)\n"
        "try:\n    os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n    print('alone')"
    )
    assert said == ["True", "alone"]
    assert list(tmp_path.iterdir()) == []


def _lean(program: str) -> list[str]:
    """The words that a program prints in a Python like the nursery's."""
    before = f"import sys\nsys.path.append({str(REPOSITORY)!r})\n"
    words = [sys.executable, "-I", "-S", "-c", before + program]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def _running(words: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if line == words]


def test_a_variable_reaches_the_program_and_no_launcher(containers: Containers) -> None:
    variables = ("LD_PRELOAD=/absent.so", "PROOT_LOADER=/absent", "GLIBC_TUNABLES=x=y", "A=1 2")
    done = containers.run("sh", "-c", "env | grep -c absent; echo $A", env=variables)
    assert (done.code, done.out, done.err) == (0, b"2\n1 2\n", b"")
    made = containers.make("sleep", "60", env=variables)
    made.start()
    assert made.output("sh", "-c", "echo $GLIBC_TUNABLES") == b"x=y\n"


def test_home_is_the_users(containers: Containers) -> None:
    made = containers.make("sleep", "60", home="/root")
    made.start()
    assert made.output("sh", "-c", "echo $HOME", user="ada") == b"/home/ada\n"
    assert made.output("sh", "-c", "echo $HOME") == b"/root\n"
    assert made.output("sh", "-c", "echo $HOME", user="ada", env=("HOME=/x",)) == b"/x\n"
    mine = containers.make("sleep", "60", env=("HOME=/mine",))
    mine.start()
    assert mine.output("sh", "-c", "echo $HOME", user="ada") == b"/mine\n"


def test_an_exec_where_no_folder_is_does_not_begin(containers: Containers) -> None:
    made = containers.make("sleep", "60", mounts=(Mount("tmpfs", "/scratch"),))
    made.start()
    for path, reason in (("/nope", "no such file or directory"), ("/bin/sh", "not a directory")):
        code, words = made.refusal("pwd", cwd=path, name=path[1:3])
        assert code == 126
        assert words == f'chdir to cwd ("{path}") set in config.json failed: {reason}'
    assert made.output("pwd", cwd="/scratch") == b"/scratch\n"


def test_a_launcher_that_hangs_holds_nothing_up(traced: Containers) -> None:
    made = traced.make("sh", "-c", "sleep 60 & sleep 60")
    pid = made.start()
    launcher = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(launcher, signal.SIGSTOP)
    assert made.ask({"do": "kill", "signal": 9}) == {}
    assert made.wait() == 137
    assert not is_alive(launcher)
    assert not is_alive(pid)
