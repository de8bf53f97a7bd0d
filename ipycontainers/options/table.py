"""The one table of options.

A row drives everything: how words are parsed, what `%%container?` prints, what Tab
offers, where a value goes in the body of POST /containers/create, and how the
equivalent `docker run` is written. Names and meaning are docker run's and IPython's
%%script's. To add an option, add a row; an option of docker run also wants an example
in tests/options/test_docker.py, where the real docker command is the judge.

Knows: every option. Does not know: how values combine (``create``), IPython.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from . import paths, values

SCRIPT = "As for %%script"
OURS = "For notebooks"


@dataclass(frozen=True)
class Option:
    """One row.

    ``place`` is where the value goes: a key of the body, "HostConfig.X" for one in
    there; "X[]" is a list that grows, "X{}" an object that takes a pair. Without a place
    ``create`` treats the option by name. ``read`` turns the text into that value and
    raises ValueError with a reason.
    """

    names: tuple[str, ...]  # -e, --env: short before long
    metavar: str  # "" for a flag
    help: str
    section: str = ""
    place: str = ""
    read: Callable[[str], object] = values.text
    example: str = ""  # a right value, for the hint after a wrong one
    repeats: bool = False
    choices: tuple[str, ...] = ()  # nothing else is right; Tab offers them
    kind: str = ""  # what else Tab offers: path variable network container session

    @property
    def name(self) -> str:
        """The long name without dashes, which is how code asks for the option."""
        return next(name[2:] for name in self.names if name.startswith("--"))

    @property
    def group(self) -> str:
        """docker, script or ours: whose option it is."""
        return {SCRIPT: "script", OURS: "ours"}.get(self.section, "docker")


def section(title: str, *options: Option) -> tuple[Option, ...]:
    """Rows below one title."""
    return tuple(replace(option, section=title) for option in options)


def row(
    names: str,
    metavar: str,
    text: str,
    place: str = "",
    read: Callable[[str], object] = values.text,
    example: str = "",
    *,
    repeats: bool = False,
    choices: tuple[str, ...] = (),
    kind: str = "",
) -> Option:
    """One row, whose names stand in one text, the short one first."""
    return Option(
        tuple(names.split()),
        metavar,
        text,
        "",
        place,
        read,
        example,
        repeats or place.endswith(("[]", "{}")),
        choices,
        kind,
    )


# fmt: off
_NOTEBOOK = section(
    OURS,
    row("-s --session", "NAME", "run in the shell or Python of this name, which lives on",
         read=values.session, example="lab", kind="session"),
    row("-i --input", "NAME,OTHER=EXPRESSION", "give the cell Python values, under these names",
         read=values.inputs, example="table,n=len(rows)", repeats=True, kind="variable"),
    row("-o --output", "NAME,MINE=THEIRS", "put what the cell has set into Python variables",
         read=values.outputs, example="result", repeats=True, kind="variable"),
    row("--output-limit", "SIZE", "how large all values of -o may be, 1g if not given",
         read=values.size, example="4g"),
    row("--trust", "", "let HTML of a session run scripts, in a closed frame"),
    row("--here", "", "share the notebook's folder at the same path, as yourself"),
    row("--stdin", "NAME_OR_FILE", "what the program reads: a Python variable or a file",
         example="text", kind="variable"),
    row("--timeout", "SECONDS", "end the cell, all its processes, after this time",
         read=values.seconds, example="30"),
    row("--diff", "", "list the files that the cell added, changed and removed"),
    row("--keep", "", "do not remove the container when the cell ends"),
    row("--unenforced", "", "run it also where a protection cannot be enforced"),
)

_SCRIPT = section(
    SCRIPT,
    row("--out", "NAME", "put the output into a variable, show nothing",
         read=values.variable, example="text", kind="variable"),
    row("--err", "NAME", "the same for the error output", read=values.variable,
         example="errors", kind="variable"),
    row("--no-raise-error", "", "a non-zero exit code, see _exit_code, fails nothing"),
    row("--raise-error", "", "a non-zero exit code fails the cell (the default)"),
    row("--bg", "", "run in the background"),
    row("--proc", "NAME", "with --bg, put the running container into a variable",
         read=values.variable, example="process", kind="variable"),
)

_PROGRAM = section(
    "Program and environment",
    row("-e --env", "NAME[=VALUE]", "set a variable; NAME alone takes the kernel's value",
         read=values.environment, example="A=1", repeats=True),
    row("--env-file", "FILE", "read variables from a file of NAME=VALUE lines",
         repeats=True, kind="path", example=".env"),
    row("-w --workdir", "FOLDER", "start in this folder of the container", "WorkingDir",
         paths.no_shell, "/tmp"),
    row("-u --user", "USER[:GROUP]", "run as this user, by name or number", "User",
         example="1000:1000"),
    row("--group-add", "GROUP", "and in this group too", "HostConfig.GroupAdd[]",
         example="audio"),
    row("--entrypoint", "PROGRAM", "run this instead of the image's own entrypoint",
         example="sh"),
    row("-t --tty", "", "give the program a terminal, which colours some outputs", "Tty"),
    row("--init", "", "run a small init as process 1, which collects zombies",
         "HostConfig.Init"),
    row("--stop-signal", "SIGNAL", "the signal that asks the program to stop", "StopSignal",
         example="SIGINT"),
    row("--stop-timeout", "SECONDS", "how long it may take before it is killed", "StopTimeout",
         values.integer, "5"),
)

_FILES = section(
    "Files",
    row("-v --volume", "SOURCE:FOLDER[:ro]", "share a file, folder or named volume",
         read=paths.volume, example=".:/data:ro", repeats=True, kind="path"),
    row("--mount", "type=…,target=…", "the same, spelt out: type=bind, volume or tmpfs",
         read=paths.mount, example="type=bind,source=.,target=/data", repeats=True, kind="path"),
    row("--tmpfs", "FOLDER[:OPTIONS]", "a folder in memory", "HostConfig.Tmpfs{}",
         values.tmpfs, "/tmp:size=64m"),
    row("--read-only", "", "let nothing but volumes be written to",
         "HostConfig.ReadonlyRootfs"),
    row("--shm-size", "SIZE", "the size of /dev/shm", "HostConfig.ShmSize", values.size, "256m"),
    row("--device", "DEVICE[:PATH][:rwm]", "a device of the host", "HostConfig.Devices[]",
         values.device, "/dev/fuse"),
    row("--gpus", "all|COUNT|device=…", "graphics processors", "HostConfig.DeviceRequests[]",
         values.gpus, "all"),
)

_LIMITS = section(
    "Limits",
    row("-m --memory", "SIZE", "how much memory it may take", "HostConfig.Memory", values.size,
         "256m"),
    row("--memory-swap", "SIZE", "memory and swap together, -1 for no limit",
         "HostConfig.MemorySwap", values.swap, "1g"),
    row("--cpus", "NUMBER", "how many processors it may keep busy", "HostConfig.NanoCpus",
         values.nano_cpus, "1.5"),
    row("--cpuset-cpus", "LIST", "and which", "HostConfig.CpusetCpus", example="0-1"),
    row("--pids-limit", "NUMBER", "how many processes and threads", "HostConfig.PidsLimit",
         values.integer, "100"),
    row("--ulimit", "NAME=SOFT[:HARD]", "a limit of the kernel", "HostConfig.Ulimits[]",
         values.ulimit, "nofile=1024"),
)

_NETWORK = section(
    "Network",
    row("--network --net", "NETWORK", "join a network: NAME, none, host, container:NAME",
         read=values.network, example="none", repeats=True, kind="network"),
    row("--network-alias --net-alias", "NAME", "another name in that network", repeats=True,
         example="db"),
    row("-p --publish", "[HOST:]PORT", "make a port reachable from the host",
         read=values.publish, example="8080:80", repeats=True),
    row("-P --publish-all", "", "the same for all ports that the image names",
         "HostConfig.PublishAllPorts"),
    row("-h --hostname", "NAME", "how the container calls itself", "Hostname", example="box"),
    row("--add-host", "NAME:IP", "a line of /etc/hosts", "HostConfig.ExtraHosts[]", values.host,
         "db:10.0.0.2"),
    row("--dns", "IP", "a name server", "HostConfig.Dns[]", values.address, "1.1.1.1"),
    row("--dns-search", "DOMAIN", "a domain for short names", "HostConfig.DnsSearch[]",
         values.search_domain, "example.org"),
    row("--dns-option", "OPTION", "an option of the resolver", "HostConfig.DnsOptions[]",
         example="timeout:3"),
)

_RIGHTS = section(
    "Rights and namespaces",
    row("--cap-add", "CAPABILITY", "allow more", "HostConfig.CapAdd[]", example="SYS_PTRACE"),
    row("--cap-drop", "CAPABILITY", "allow less", "HostConfig.CapDrop[]", example="ALL"),
    row("--security-opt", "NAME=VALUE", "seccomp, apparmor, label, no-new-privileges",
         read=values.security, example="no-new-privileges", repeats=True),
    row("--privileged", "", "allow everything: no protection is left", "HostConfig.Privileged"),
    row("--pid", "MODE", "whose processes it sees: host, container:NAME", "HostConfig.PidMode",
         values.process_namespace, "host", kind="container"),
    row("--ipc", "MODE", "whose shared memory: private, shareable, host, …",
         "HostConfig.IpcMode", example="host", kind="container"),
    row("--uts", "MODE", "whose host name", "HostConfig.UTSMode", example="host",
         choices=("host",)),
    row("--userns", "MODE", "whose user numbers", "HostConfig.UsernsMode", example="host",
         choices=("host",)),
    row("--cgroupns", "MODE", "whose view of limits", "HostConfig.CgroupnsMode",
         example="private", choices=("private", "host")),
    row("--sysctl", "NAME=VALUE", "a setting of the container's kernel",
         "HostConfig.Sysctls{}", values.sysctl, "net.core.somaxconn=1024"),
)

_CONTAINER = section(
    "Container and image",
    row("--name", "NAME", "how others call the container", example="web"),
    row("-d --detach", "", "start it and let it live on; nothing is shown"),
    row("--rm", "", "remove it when it ends (the default without -d, --keep)"),
    row("-l --label", "NAME[=VALUE]", "note something on it", "Labels{}", values.label,
         "course=1"),
    row("--label-file", "FILE", "note the lines of a file", repeats=True, kind="path",
         example="labels"),
    row("--pull", "WHEN", "fetch the image missing (the default), always or never",
         example="always", choices=("missing", "always", "never")),
    row("--platform", "OS/ARCH", "of an image made for several", example="linux/amd64"),
)

# fmt: on

OPTIONS: tuple[Option, ...] = (
    _NOTEBOOK + _SCRIPT + _PROGRAM + _FILES + _LIMITS + _NETWORK + _RIGHTS + _CONTAINER
)

BY_NAME: dict[str, Option] = {name: option for option in OPTIONS for name in option.names}
