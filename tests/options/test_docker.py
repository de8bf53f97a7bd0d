"""The real docker command is the judge of every option that it has too.

For each example ``docker create EXAMPLE IMAGE true`` and our own body of POST
/containers/create must make the same container: equal Config, HostConfig and networks
under inspect. What one refuses the other must refuse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import require

from ipycontainers.errors import ContainerError
from ipycontainers.options import OPTIONS, EngineTraits, parse, split

pytestmark = pytest.mark.engine

NETWORK = f"ipycontainers-test-{os.getpid()}"
VOLUME = f"ipycontainers-test-volume-{os.getpid()}"
NAME = f"ipycontainers-test-name-{os.getpid()}"
# fmt: off
EXAMPLES = {
    "env": ["-e A=1", "-eA=1", "-e=A=1", "--env A=1", "--env=A=1", "-e A=", "-e 'A=b c' -e B='\"'",
            "-e A=1 -e A=2", "-e GIVEN", "-e NOT_GIVEN", "-e A=b=c"],
    "env-file": ["--env-file {folder}/env", "-e A=9 --env-file {folder}/env -e C=8"],
    "workdir": ["-w /tmp", "--workdir=/tmp", "-w /nowhere/yet"],
    "user": ["-u 1000", "-u 1000:1000", "--user nobody", "-u 1 -u 2"],
    "group-add": ["--group-add 44", "--group-add 44 --group-add audio"],
    "entrypoint": ["--entrypoint echo", "--entrypoint ''", "--entrypoint=echo", "--entrypoint="],
    "tty": ["-t", "--tty", "--tty=false", "-t=false", "-t=true"],
    "init": ["--init", "--init=false", "--init=1"],
    "stop-signal": ["--stop-signal SIGINT", "--stop-signal 9"],
    "stop-timeout": ["--stop-timeout 5", "--stop-timeout=0", "--stop-timeout -1"],
    "volume": ["-v {folder}:/data", "-v {folder}/data:/data:ro", "-v {volume}:/data",
               "-v {volume}:/data:ro", "-v /anonymous", "-v {folder}:/a -v {folder}:/b:rw",
               "-v {folder}:/data:z", "-v {folder}:/data:Z,ro", "-v {folder}:/data:rslave",
               "-v {folder}:/data -v {folder}:/data", "-v {volume}:/data:nocopy",
               "-v '{folder}/with space:/with space'"],
    "mount": ["--mount type=bind,source={folder},target=/data",
              "--mount type=bind,src={folder},dst=/data,readonly",
              "--mount type=bind,src={folder},destination=/data,ro=false,bind-propagation=rslave",
              "--mount type=bind,src={folder},dst=/data,bind-nonrecursive=true",
              "--mount type=volume,source={volume},target=/data,volume-nocopy",
              "--mount source={volume},target=/data,volume-label=a=b,volume-opt=o=p=q",
              "--mount type=volume,target=/data",
              "--mount type=tmpfs,target=/data,tmpfs-size=1m,tmpfs-mode=1777",
              "--mount 'type=tmpfs,\"target=/a,b\"'",
              "--mount type=tmpfs,target=/x --mount type=tmpfs,target=/y"],
    "tmpfs": ["--tmpfs /tmp", "--tmpfs /tmp:size=64m,mode=1777", "--tmpfs /a --tmpfs /b:ro"],
    "read-only": ["--read-only", "--read-only=false"],
    "shm-size": ["--shm-size 256m", "--shm-size=1g", "--shm-size 1048576"],
    "device": ["--device /dev/null", "--device /dev/null:/dev/none", "--device /dev/null:r",
               "--device /dev/null:/dev/none:rw", "--device /dev//null --device /dev/zero"],
    "gpus": ["--gpus all", "--gpus 2", "--gpus '\"device=0,1\"'", "--gpus device=GPU-1",
             "--gpus 'driver=nvidia,\"capabilities=compute,utility\",count=1'",
             "--gpus 'count=1,\"options=a=b,c=d\"'"],
    "memory": ["-m 256m", "-m256m", "--memory 1g", "-m 128MB", "-m 64MiB", "-m 1.5g", "-m 67108864",
               "-m 67108864b", "-m '64 m'", "-m 0.5G", "-m 100000k"],
    "memory-swap": ["-m 64m --memory-swap 128m", "-m 64m --memory-swap -1"],
    "cpus": ["--cpus 1", "--cpus 1.5", "--cpus .5", "--cpus=0.25", "--cpus 1."],
    "cpuset-cpus": ["--cpuset-cpus 0", "--cpuset-cpus 0-1", "--cpuset-cpus 0,1"],
    "pids-limit": ["--pids-limit 100", "--pids-limit -1", "--pids-limit 0x64"],
    "ulimit": ["--ulimit nofile=1024", "--ulimit nofile=1024:2048 --ulimit core=0",
               "--ulimit core=-1", "--ulimit nofile=1 --ulimit nofile=2", "--ulimit core=1:-1"],
    "network": ["--network none", "--net host", "--network bridge", "--network {network}",
                "--network default", "--network name={network},alias=a,alias=b"],
    "network-alias": ["--network {network} --network-alias db",
                      "--net {network} --net-alias a --net-alias=b"],
    "publish": ["-p 80", "-p 8080:80", "-p 127.0.0.1:8080:80", "-p 127.0.0.1::80", "-p 53:53/udp",
                "-p 8000-8002:80-82", "-p 8000-8002:80", "-p 80-81", "-p 80 -p 80/udp -p 8080:80",
                "-p '[::1]:8080:80'", "-p published=8080,target=80", "-p 80/TCP", "-p :80",
                "-p published=8080,target=80,protocol=udp", "-p 0.0.0.0:80:80"],
    "publish-all": ["-P", "--publish-all"],
    "hostname": ["-h box", "--hostname=box.example.org", "--hostname box"],
    "add-host": ["--add-host db:10.0.0.2", "--add-host db:::1", "--add-host up:host-gateway",
                 "--add-host db:10.0.0.2 --add-host db:10.0.0.3"],
    "dns": ["--dns 1.1.1.1", "--dns 1.1.1.1 --dns ::1", "--dns ' 1.1.1.1'"],
    "dns-search": ["--dns-search example.org", "--dns-search . ", "--dns-search example.org."],
    "dns-option": ["--dns-option timeout:3", "--dns-option a --dns-option b"],
    "cap-add": ["--cap-add SYS_PTRACE", "--cap-add CAP_NET_ADMIN", "--cap-add ALL",
                "--cap-add sys_ptrace --cap-add NET_ADMIN", "--cap-add all"],
    "cap-drop": ["--cap-drop ALL", "--cap-drop net_raw", "--cap-drop ALL --cap-add chown"],
    "security-opt": ["--security-opt no-new-privileges", "--security-opt no-new-privileges:true",
                     "--security-opt seccomp=unconfined", "--security-opt apparmor=unconfined",
                     "--security-opt label=disable", "--security-opt seccomp={folder}/seccomp.json",
                     "--security-opt systempaths=unconfined", "--security-opt label:disable"],
    "privileged": ["--privileged", "--privileged=false"],
    "pid": ["--pid host", "--pid=''"],
    "ipc": ["--ipc host", "--ipc private", "--ipc shareable", "--ipc none"],
    "uts": ["--uts host"],
    "userns": ["--userns host"],
    "cgroupns": ["--cgroupns host", "--cgroupns private"],
    "sysctl": ["--sysctl net.core.somaxconn=1024", "--sysctl kernel.shmmax=1 --sysctl net.a=b=c"],
    "name": ["--name {name}", "--name={name}"],
    "detach": ["-d", "--detach", "-dt", "-d --rm"],
    "rm": ["--rm", "--rm=false"],
    "label": ["-l a=b", "--label a", "-l a=b=c --label a=d", "-l 'a=b c'"],
    "label-file": ["--label-file {folder}/labels", "--label-file {folder}/labels -l a=9"],
    "pull": ["--pull missing", "--pull never"],
    "platform": ["--platform linux/amd64"],
}
OPTION_LINES = [(name, line) for name, lines in EXAMPLES.items() for line in lines]
COMBINATIONS = ["", "--", "-tP", "-te A=1", "-tm64m -u1", "--read-only -tP -h box --dns 1.1.1.1",
                "-P=false -t", "-teA=-1"]
REFUSED = [
    "-e =x", "-e ''", "-m x", "-m 1x", "-m ''", "-m -1m", "-m 1mm", "-m '1  m'", "-m 1ib",
    "-m 1m1", "-m 1mi", "-m ١m", "--pids-limit ١", "--memory-swap -2",
    "--cpus x", "--cpus 1.0000000001", "--cpus ''",
    "--pids-limit x", "--pids-limit 1.5", "--ulimit nofile", "--ulimit what=1",
    "--ulimit nofile=2:1", "--ulimit nofile=x", "--ulimit nofile=1:2:3", "--ulimit nofile=-1:5",
    "-p x", "-p 70000", "-p 2-1", "-p 1:2:3:4", "-p 80/what", "-p 8000-8001:80-82", "-p ''",
    "-p x:80:80", "-p what=1", "-p a=1,b", "-v {folder}:",
    "-v {folder}:data", "-v {folder}:/data:what", "-v a:b:c:d", "-v {folder}:/",
    "--mount x", "--mount type=bind", "--mount type=bind,source={folder}", "--mount ''",
    "--mount type=bind,target=/x,volume-nocopy", "--mount type=what,target=/x",
    "--mount type=tmpfs,target=/x,tmpfs-size=x", "--mount type=tmpfs,target=/x,tmpfs-mode=9",
    "--mount type=bind,source={folder},target=/x,readonly=what", "--mount target=/x,what=1",
    "--network ''", "--network name={network},what=1",
    "--network alias=a", "--network none --network-alias a", "--add-host a", "--add-host :1.1.1.1",
    "--add-host a:x", "--dns x", "--dns-search _", "--security-opt what",
    "--security-opt seccomp=/not/here", "--security-opt what=1", "--pid what", "--pid container:",
    "--uts what", "--userns what", "--cgroupns what", "--sysctl what=1",
    "--sysctl net.x", "--label =x", "-l ''", "-l 'a b=c'", "--label-file /not/here",
    "--env-file /not/here", "--device what", "--device ''", "--device /dev/null:what",
    "--device /dev/null:/dev/x:what", "--device a:b:c:d", "--gpus what", "--gpus device=0,device=1",
    "--gpus what=1", "--gpus ''", "--shm-size x", "--stop-timeout x", "--stop-signal WHAT",
    "--cap-add WHAT", "--tty=what", "--init=2", "--name -", "--what", "--tt", "-tz",
    "--env", "-e", "--=x", "---tty", "--cpuset-cpus x", "--tmpfs x", "-u", "--group-add",
]
# fmt: on


@pytest.fixture(scope="module")
def docker(engine: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """docker(*words, cwd=…): the real command against the engine under test."""
    command = shutil.which("docker")
    require(command, "docker", "there is no docker command here")
    environ = os.environ | {"DOCKER_HOST": engine.candidate.address, "GIVEN": "from outside"}

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(command), *words],
            cwd=cwd,
            env=environ,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "data").mkdir()
    (folder / "with space").mkdir()
    (folder / "env").write_text('A="b c"\nB=x y\nC=1=2\n# c\n\nGIVEN\nF=win\r\n  G=1\n')
    (folder / "labels").write_text("a=b\nc=\n# no\n")
    (folder / "seccomp.json").write_text('{ "defaultAction": "SCMP_ACT_ALLOW",\n "syscalls": [] }')
    return folder


@pytest.fixture(scope="module")
def network(engine: Any) -> Iterator[str]:
    made = engine.docker.networks.create(NETWORK)
    yield NETWORK
    made.remove()
    for volume in engine.docker.volumes.list(filters={"name": VOLUME}):
        volume.remove()


def _filled(line: str, folder: Path) -> list[str]:
    for name, value in {
        "folder": str(folder),
        "network": NETWORK,
        "volume": VOLUME,
        "name": NAME,
    }.items():
        line = line.replace("{" + name + "}", value)
    return split(line)


def _ours(engine: Any, words: list[str], folder: Path) -> Any:
    """What inspect says of the container that our body makes; nothing of it is left."""
    options = parse(words)
    body = options.create_config(
        folder=folder, environ={"GIVEN": "from outside"}, traits=EngineTraits()
    )
    created = engine.create(body, name=options.name, platform=options.platform)
    return _inspected(engine, created.id)


def _theirs(engine: Any, docker: Any, words: list[str], folder: Path) -> Any:
    detached = parse(words).detach
    done = docker("run" if detached else "create", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return _inspected(engine, done.stdout.split()[-1])


def _inspected(engine: Any, container: str) -> Any:
    try:
        return engine.docker.api.inspect_container(container)
    finally:
        engine.docker.api.remove_container(container, force=True, v=True)


def _compared(found: dict[str, Any]) -> Any:
    """What must be equal: no ids, no times, no log driver, one spelling of capabilities."""
    config, host = dict(found["Config"]), dict(found["HostConfig"])
    if config["Hostname"] == found["Id"][:12]:
        config["Hostname"] = "the id"
    # Newer docker commands keep -e in a hash map; of one name the engine takes the last.
    config["Env"] = {line.partition("=")[0]: line for line in config["Env"]}
    del host["LogConfig"]
    host["RestartPolicy"]["Name"] = host["RestartPolicy"]["Name"] or "no"
    for name in ("CapAdd", "CapDrop"):  # newer docker commands normalize them themselves
        host[name] = sorted("CAP_" + cap.upper().removeprefix("CAP_") for cap in host[name] or [])
    for name in ("Binds", "Ulimits"):  # the docker command keeps both in hash maps
        host[name] = sorted(host[name] or [], key=json.dumps)
    networks = {}
    for name, network in found["NetworkSettings"]["Networks"].items():
        networks[name] = {key: network[key] for key in ("IPAMConfig", "Links", "DriverOpts")}
        networks[name]["Aliases"] = set(network["Aliases"] or []) - {found["Id"][:12]}
    return {"Config": _said(config), "HostConfig": _said(host), "Networks": networks}


def _said(settings: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: null, [] and {} are the same to the engine."""
    return {name: value for name, value in settings.items() if value not in (None, [], {})}


@pytest.mark.parametrize(
    ("option", "line"),
    [pytest.param(name, line, id=line.strip() or "none") for name, line in OPTION_LINES],
)
def test_option_means_what_it_means_to_docker(
    option: str, line: str, engine: Any, images: Any, docker: Any, folder: Path, network: str
) -> None:
    command = ["sleep", "60"] if option == "detach" else ["true"]
    words = [*_filled(line, folder), images.busybox, *command]
    ours = _compared(_ours(engine, words, folder))
    theirs = _compared(_theirs(engine, docker, words, folder))
    if option == "rm":
        theirs["HostConfig"]["AutoRemove"] = False  # the cell removes its container itself
    if option == "detach":
        theirs["Networks"] = ours["Networks"]  # theirs has started
    assert _differences(ours, theirs) == {}


def _differences(ours: Any, theirs: Any) -> dict[str, Any]:
    found = {}
    for part in ours:
        for name in ours[part].keys() | theirs[part].keys():
            pair = ours[part].get(name), theirs[part].get(name)
            if pair[0] != pair[1]:
                found[f"{part}.{name}"] = pair
    return found


@pytest.mark.parametrize("line", COMBINATIONS)
def test_words_are_cut_as_docker_cuts_them(
    line: str, engine: Any, images: Any, docker: Any, folder: Path, network: str
) -> None:
    words = [*split(line), images.busybox, "-t", "--", "-e"]
    ours = _compared(_ours(engine, words, folder))
    assert _differences(ours, _compared(_theirs(engine, docker, words, folder))) == {}


@pytest.mark.parametrize("line", REFUSED)
def test_what_docker_refuses_is_refused(
    line: str, engine: Any, images: Any, docker: Any, folder: Path, network: str
) -> None:
    words = [*_filled(line, folder), images.busybox, "true"]
    done = docker("create", *words, cwd=folder)
    if not done.returncode:
        engine.docker.api.remove_container(done.stdout.strip(), force=True, v=True)
    assert done.returncode, "docker takes it"
    with pytest.raises(ContainerError):
        _ours(engine, words, folder)


def test_every_option_of_docker_has_an_example() -> None:
    assert set(EXAMPLES) == {option.name for option in OPTIONS if option.group == "docker"}
    for name, line in OPTION_LINES:
        given = parse([*_filled(line, Path("/")), "image"]).given
        assert name in {option.name for option, _ in given}, line
