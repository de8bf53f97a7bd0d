"""Debian's docker command with DOCKER_HOST set to our engine, compared with itself on dockerd."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded import Engine
from engine.docker_command import Both, Outcome, Terminal, plain
from registry import Registry, is_installed, noise
from support import free_port, require

IMAGE = "ipycontainers-test/busybox"
A, B = "ipyc-command-a", "ipyc-command-b"
PLACES = ("127.0.0.2", "127.0.0.3")  # of ports: ours, dockerd's
TAG, LONG = "ipyc-command:1", "ipyc.example/command/a:1"
# Nobody else's.
NET, OTHER = (f"10.{90 + secrets.randbelow(10)}.{secrets.randbelow(256)}" for _ in range(2))
SERVED, PUBLISHED = free_port(), free_port(count=3)
PROMPT = re.compile(r"\x1b\[[0-9;]*[a-zA-Z]")

replies: dict[str, list[Outcome]] = {}  # dockerd's, by test


@pytest.fixture
def both(own: Engine, dockerd: Terminal, request: pytest.FixtureRequest) -> Iterator[Both]:
    test = request.node.originalname
    ours = Terminal(f"unix://{own.socket}")
    kept = replies.setdefault(test, [])
    for terminal in (ours, dockerd):
        _clear(terminal)
    yield Both(ours, dockerd, kept)
    for terminal in (ours, dockerd):
        _clear(terminal)


def _clear(terminal: Terminal) -> None:
    terminal.run("rm", "-f", "-v", A, B)
    terminal.run("volume", "rm", "-f", A)
    terminal.run("network", "rm", A, B)
    terminal.run("rmi", TAG, LONG)


def _start(both: Both, *words: str) -> None:
    command = words or ("sleep", "100")
    both("run", "-d", "--name", A, IMAGE, *command)


# --- run -----------------------------------------------------------------------------------------


def test_run_prints_and_exits_as_its_program_does(both: Both) -> None:
    assert both("run", "--rm", IMAGE, "echo", "hi") == Outcome(0, "hi\n", "")
    assert both("run", "--rm", IMAGE, "sh", "-c", "echo e >&2; exit 7") == Outcome(7, "", "e\n")
    assert both("run", "--rm", "-i", IMAGE, "cat", stdin=b"given").out == "given"
    assert both("run", "--rm", IMAGE, "/nosuch").code == 127
    assert both("run", "--rm", IMAGE, "/etc/passwd").code == 126
    assert both("run", "--rm", "--nosuch", IMAGE).code == 125
    assert both("ps", "-aq", "-f", f"ancestor={IMAGE}", "-f", f"name={A}").out == ""


def test_run_takes_variables_folders_users_and_names(both: Both, tmp_path: Path) -> None:
    both("volume", "create", A)
    both("run", "--rm", "-v", f"{A}:/data", IMAGE, "sh", "-c", "echo kept > /data/x")
    both(
        "run", "--name", A, "-e", "X=1", "-w", "/tmp", "-u", "0:0", "-v", f"{A}:/data",
        IMAGE, "sh", "-c", "echo $X $PWD $(id -u); cat /data/x",
    )  # fmt: skip
    assert both("run", "--name", A, IMAGE, "true").code == 125  # the name is taken
    both("volume", "rm", A)
    both("rm", A)
    both("volume", "rm", A)


@pytest.mark.parametrize("words", [("run", "--rm", "-it", IMAGE, "sh"), ("exec", "-it", A, "sh")])
def test_a_terminal_is_one(both: Both, words: tuple[str, ...]) -> None:
    _start(both)
    shown = both(*words, keys=b"test -t 0 && echo te''rm $((6*7)); exit 5\n", only=_term)
    assert (shown.code, _term(shown.out)) == (5, ["term 42"])


def _term(text: str) -> list[str]:
    return [line for line in PROMPT.sub("", text).splitlines() if line.startswith("term")]


def test_detached_followed_and_waited_for(both: Both) -> None:
    _start(both, "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.3; done; exit 4")
    assert both("logs", "-f", A).out == "1\n2\n3\n"
    assert both("wait", A).out == "4\n"
    both("logs", "--tail", "1", A)
    both("logs", "-t", A)
    both("ps", "-a", "--filter", f"name={A}", "--format", "{{.Names}} {{.Image}} {{.Command}}")
    assert both("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", A).out == "4 exited\n"


def test_what_cannot_begin_and_goes_by_itself_is_gone(both: Both) -> None:
    assert both("run", "--rm", "--name", A, IMAGE, "/nosuch").code == 127
    assert both("ps", "-aq", "--filter", f"name={A}").out == ""


def test_published_ports_are_told_alike(both: Both) -> None:
    first, second = PUBLISHED + 1, PUBLISHED + 2
    for terminal in (both.ours, both.theirs):
        at = PLACES[terminal is both.theirs]
        ports = ("-p", f"{at}:{first}:80", "-p", f"{at}:{second}:53/udp", "--expose", "99")
        made = terminal.run("run", "-d", "--name", A, *ports, IMAGE, "sleep", "100")
        assert made.code == 0, made.err
    assert both("port", A, only=_placed).out.count("\n") == 2
    both("port", A, "80", only=_placed)
    both("port", A, "53/udp", only=_placed)
    assert both("port", A, "99").code == 1
    both("ps", "-f", f"name={A}", "--format", "{{.Ports}}", only=_placed)
    for port in (f"{first}", f"{first}/tcp", f"{PUBLISHED}-{second}/udp", "80"):
        for name in ("publish", "expose"):
            both("ps", "-f", f"name={A}", "-f", f"{name}={port}", "--format", "{{.Names}}")
    both("stop", "-t", "0", A)
    assert both("port", A).out == ""
    both("ps", "-a", "-f", f"name={A}", "--format", "{{.Names}} {{.Ports}}")
    both("run", "--rm", "--network", "host", "-p", f"{first}:80", IMAGE, "true")
    for wrong in (f"{first}:x", "81-82:80-83", "80:80/foo"):
        both("run", "--rm", "-p", wrong, IMAGE, "true")


def _placed(text: str) -> list[str]:
    """Without where it is, since both are on one machine; in any order."""
    plain = re.sub("|".join(map(re.escape, PLACES)), "HERE", text)
    return sorted(re.split(r", |\n", plain))


# --- a container that runs -----------------------------------------------------------------------


def test_exec_has_its_own_code_user_folder_and_input(both: Both) -> None:
    _start(both)
    assert both("exec", A, "sh", "-c", "exit 6").code == 6
    both("exec", "-e", "Y=2", "-w", "/tmp", "-u", "0", A, "sh", "-c", "echo $Y $PWD; id -u")
    assert both("exec", "-i", A, "cat", stdin=b"given").out == "given"
    assert both("exec", A, "/nosuch").code == 126
    both("exec", "-d", A, "true")
    both("exec", "nosuch", "true")


def test_life(both: Both) -> None:
    _start(both, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    both("pause", A)
    both("ps", "--filter", f"name={A}", "--format", "{{.Status}}")
    both("unpause", A)
    both("rename", A, B)
    both("restart", "-t", "5", B)
    both("stop", "-t", "5", B)
    both("start", B)
    both("kill", B)
    both("wait", B)
    both("stop", B)
    both("update", "--restart", "no", B)
    both("port", B)
    both("rm", B)
    both("rm", B)


def test_ps_top_stats_and_inspect(both: Both) -> None:
    _start(both)
    both("ps", "--filter", f"name={A}")
    both("ps", "-a", "--no-trunc", "--filter", f"name={A}", "--format", "{{.Command}}|{{.Mounts}}")
    both("top", A, only=lambda text: (text.splitlines()[0], text.rstrip().endswith("sleep 100")))
    both("stats", "--no-stream", A, only=_titles_and_name)
    both("inspect", "-f", "{{.Name}} {{.Config.Cmd}} {{.HostConfig.NetworkMode}}", A)
    both("inspect", "nosuch")
    both("logs", "nosuch")
    both("events", "--since", "1s", "--until", "0s", "--filter", "container=nosuch")


def _titles_and_name(text: str) -> object:
    titles, row = PROMPT.sub("", text).splitlines()
    return titles, row.split()[:2]


def test_files_in_and_out(both: Both, tmp_path: Path) -> None:  # moby#13157, #30213
    make = "mkdir /d; echo f > /d/f; ln -s -- -1 /d/bad; ln -s f /d/s; ln -s d /link; rm /etc/group"
    _start(both, "sh", "-c", f"{make}; sleep 100")
    both("exec", A, "sh", "-c", "while [ -e /etc/group ]; do sleep 0.1; done")
    assert both.copied(A, "/d") == {"d": "folder", "d/bad": "-> -1", "d/f": "f\n", "d/s": "-> f"}
    assert both.copied(A, "/link") == {"link": "-> d"}
    assert both.copied(A, "/link/")["link/f"] == "f\n"
    assert both.copied(A, "/d/s") == {"s": "-> f"}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_text("from here")
    (tmp_path / "in" / "link").symlink_to("file")
    both("cp", str(tmp_path / "in"), f"{A}:/tmp")
    both("cp", str(tmp_path / "in" / "file"), f"{A}:/tmp/other")
    both("exec", A, "sh", "-c", "cd /tmp && cat in/file other && readlink in/link")
    both("cp", str(tmp_path / "in" / "file"), f"{A}:/nosuch/")
    both("cp", f"{A}:/nosuch", str(tmp_path))
    both("diff", A, only=lambda text: sorted(text.splitlines()))


def test_events(both: Both) -> None:
    def told(terminal: Terminal) -> str:
        since = time.time()
        terminal.run("run", "--rm", "--name", A, IMAGE, "true")
        late = 3 if terminal is both.theirs else 0.5  # dockerd's destroy comes after the answer
        until = f"{time.time() + late:.9f}"
        made = terminal.run(
            "events", "--since", f"{since:.9f}", "--until", until,
            "--filter", f"container={A}", "--format", "{{.Type}} {{.Action}}",
        )  # fmt: skip
        return plain(made.out.encode())

    theirs = both.replies[0] if both.replies else Outcome(0, told(both.theirs), "")
    both.replies[:] = [theirs]
    assert told(both.ours).splitlines() == theirs.out.splitlines()


# --- images, volumes, the engine -----------------------------------------------------------------


def test_images_are_committed_tagged_saved_loaded_and_removed(both: Both, tmp_path: Path) -> None:
    both("run", "--name", A, IMAGE, "sh", "-c", "echo new > /new")
    both("commit", "-m", "text", "-c", 'CMD ["cat", "/new"]', A, TAG)
    assert both("run", "--rm", TAG).out == "new\n"
    both("images", "ipyc-command")
    both("images", "--format", "{{.Repository}}:{{.Tag}}", "ipyc-command")
    both("history", "--format", "{{.Comment}}", TAG)
    both("save", "-o", str(tmp_path / "saved"), TAG)
    both("rmi", TAG, only=lambda text: text.splitlines()[0])
    both("load", "-i", str(tmp_path / "saved"))
    assert both("run", "--rm", TAG).out == "new\n"
    both("tag", TAG, "ipyc-command:2")
    both("rmi", "ipyc-command:2")
    both("rmi", "ipyc-nosuch")
    both("inspect", "-f", "{{.Config.Cmd}} {{.Comment}} {{.Os}}", TAG)
    both("tag", TAG, LONG)
    both("inspect", "-f", "{{.Comment}} {{.Os}}", LONG)
    both("rmi", LONG)
    both("inspect", "ipyc.example/command/b")
    both("export", "-o", str(tmp_path / "exported"), A)
    both("run", "--rm", "--pull", "never", "ipyc-nosuch", "true")


def test_volumes_and_the_engine(both: Both) -> None:
    both("volume", "create", "--label", f"{A}=1", A)
    both("volume", "ls", "--filter", f"label={A}")
    both("volume", "inspect", "-f", "{{.Name}} {{.Labels}} {{.Driver}}", A)
    both("volume", "prune", "-f", "--filter", f"label={A}")
    both("volume", "inspect", A)
    both("network", "ls", "--filter", "name=none")
    both("network", "inspect", "-f", "{{.Driver}}", "none")
    both("network", "prune", "-f", "--filter", f"label={A}")
    assert both.ours.run("system", "prune", "-f").code == 0
    both("version", "-f", "{{.Server.APIVersion}} {{.Server.Os}} {{.Server.Arch}}")
    both("info", "-f", "{{.OSType}} {{.NCPU}} {{.Swarm.LocalNodeState}}")
    both("system", "df", only=lambda text: [line.split()[0] for line in text.splitlines()])
    assert both.ours.run("info").code == both.ours.run("version").code == 0
    both("node", "ls")


def test_pull(both: Both, tmp_path: Path) -> None:
    require(is_installed(), "docker", "no docker-registry here")
    registry = Registry(tmp_path)
    try:
        name = f"127.0.0.1:{registry.port}/ipyc/command"
        registry.push("ipyc/command", [noise(1000), noise(2000)])
        both.replies.clear()  # another port, another name
        both("pull", name, only=_without_layers)
        both("pull", name, only=_without_layers)
        both("images", "--digests", "--format", "{{.Repository}} {{.Digest}}", name)
        both("pull", f"{name}:nosuch")
        both("rmi", f"{name}:latest", only=lambda text: len(text.splitlines()))
    finally:
        registry.close()


def _without_layers(text: str) -> list[str]:
    """Docker pulls layers in an order of its own."""
    return [line for line in text.splitlines() if not line.startswith("SHORT: ")]


def test_networks(both: Both) -> None:
    given = ("--subnet", f"{NET}.0/24", "--label", f"{A}=1", "--internal", A)
    both("network", "create", *given)
    both("network", "create", A)
    both("network", "ls", "--filter", f"label={A}")
    both("network", "inspect", A)
    both("network", "inspect", B)
    both("run", "-d", "--name", A, "--network", A, "--network-alias", "www", IMAGE, "sleep", "100")
    both("run", "-d", "--name", B, IMAGE, "sleep", "100")
    both("network", "connect", "--alias", "xyz", A, B)
    both("network", "connect", A, B)
    both("network", "rm", A)
    shown = "{{range .Containers}}{{.Name}} {{end}}"
    both("network", "inspect", "-f", shown, A, only=lambda text: sorted(text.split()))
    ends = "{{range $name, $end := .NetworkSettings.Networks}}{{$name}} {{$end.Aliases}} {{end}}"
    both("inspect", "-f", ends, A)
    both("inspect", "-f", ends, B)
    listed = ("ps", "--filter", f"network={A}", "--format", "{{.Names}},{{.Networks}}")
    told = both(*listed, only=lambda text: [sorted(line.split(",")) for line in text.splitlines()])
    assert sorted(told.out.replace("\n", ",").split(",")) == ["", "bridge", *[A] * 3, B]
    both("network", "disconnect", A, B)
    both("network", "disconnect", A, B)
    both("network", "disconnect", "-f", A, B)
    both("network", "connect", "host", B)
    both("network", "prune", "-f", "--filter", f"label={A}")
    both("rm", "-f", A)
    both("network", "prune", "-f", "--filter", f"label={A}")
    both("network", "rm", A, "bridge")
    both("run", "--name", A, "--network", A, IMAGE, "true")
    both("run", "--rm", "--network-alias", "www", IMAGE, "true")
    both("run", "--rm", "--network", "host", "--mac-address", "02:42:00:00:00:01", IMAGE, "true")


# --- networks ------------------------------------------------------------------------------------


def test_networks_are_made_shown_and_removed(both: Both) -> None:
    shape = "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.Labels}} {{.Options}}"
    both("network", "create", "--label", f"{A}=1", A)
    both("network", "create", A)
    both("network", "create", "--driver", "nosuch", B)
    pool = ("--subnet", f"{OTHER}.0/24", "--ip-range", f"{OTHER}.128/25")
    assert both("network", "create", *pool, B).code == 0
    assert f'"Subnet":"{OTHER}.0/24"' in both("network", "inspect", "-f", "{{json .IPAM}}", B).out
    both("network", "ls", "--filter", f"name={A}", "--filter", "driver=bridge")
    both("network", "ls", "--filter", f"label={A}", "--format", "{{.Name}} {{.Driver}} {{.Scope}}")
    both("network", "ls", "--filter", "nosuch=1")
    shown = both("network", "inspect", "-f", f"{shape} {{{{len .Containers}}}}", A).out
    assert shown == f"{A} bridge local false map[{A}:1] map[] 0\n"
    both("network", "inspect", "-f", shape, "bridge", "none", "host", only=_first_words)
    both("network", "inspect", "nosuch")
    both("network", "rm", "bridge")
    both("network", "rm", A, B, "nosuch")
    both("network", "create", "--label", f"{A}=1", A)
    both("network", "prune", "-f", "--filter", f"label={A}")
    both("network", "rm", A)


def _first_words(text: str) -> list[list[str]]:
    return [line.split()[:3] for line in text.splitlines()]


def test_containers_of_a_network_find_one_another_by_name(both: Both) -> None:
    both("network", "create", A)
    served = f"mkdir /w && echo served > /w/file && exec httpd -f -p {SERVED} -h /w"
    options = ("--network", A, "--network-alias", "web", IMAGE, "sh", "-c", served)
    both("run", "-d", "--name", A, *options)
    for name in (A, "web"):
        ask = f"until wget -qO- http://{name}:{SERVED}/file; do sleep 0.1; done"
        words = ("run", "--rm", "--network", A, IMAGE, "timeout", "20", "sh", "-c", ask)
        assert both.ours.run(*words).out == "served\n"
    both("inspect", "-f", "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{end}}", A)
    both("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", A)
    both("network", "rm", A)
    both("run", "-d", "--name", B, IMAGE, "sleep", "100")
    both("network", "connect", "--alias", "late", A, B)
    both("network", "connect", A, B)
    both("network", "inspect", "-f", "{{len .Containers}}", A)
    both("network", "disconnect", A, B)
    both("network", "disconnect", A, B)
    both("network", "connect", "nosuch", B)
    both("network", "connect", A, "nosuch")
    both("run", "--rm", "--network", "nosuch", IMAGE, "true", only=lambda _: "")
    both("rm", "-f", A, B)
    both("network", "rm", A)
