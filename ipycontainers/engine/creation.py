"""From the body of POST /containers/create to what is to run, and what of it cannot be.

What the launcher cannot enforce comes back as a warning. One that begins with
``UNENFORCED`` is about a protection: who asked for it relies on it, and a client may take
it for an error, as %%container does.

Knows: Docker's words for a container, which words a launcher has for what it isolates.
Does not know: processes, the disk, but for whether a path to share is there.
"""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ipycontainers.errors import Invalid, Unsupported

from . import limits, logs, wire
from .container import DEFAULT_PATH, Network, Spec
from .network import ports
from .record import MountPoint, Record

UNENFORCED = "not enforced: "
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
NETWORKS: Mapping[str, Network] = {
    "": "own",
    "default": "own",
    "bridge": "own",
    "host": "host",
    "none": "none",
}
IGNORED = {
    "DeviceCgroupRules": "--device-cgroup-rule",
    "Sysctls": "--sysctl",
    "GroupAdd": "--group-add",
    "CgroupParent": "--cgroup-parent",
    "UsernsMode": "--userns",
    "StorageOpt": "--storage-opt",
    "VolumeDriver": "--volume-driver",
}
REFUSED = {"Privileged": "--privileged", "Devices": "--device", "DeviceRequests": "--gpus"}
NO_ROOT = "this engine runs without root and has no rights or devices to give. Use Docker for it"
SHARED_MEMORY = 64 << 20  # what dockerd's inspect shows where nothing was asked
ADJECTIVES = "agile bold calm clever cosy eager fair gentle happy jolly keen kind lively lucid \
merry neat nimble proud quiet quick ready sharp silent smart solid sunny swift tidy vivid wise"
NOUNS = "badger beaver bison crane dolphin eagle falcon finch fox gecko hare hawk heron ibis koala \
lark lemur llama lynx marten mole otter owl panda puffin robin seal sparrow stork swan tern wren"


def host_config(given: Mapping[str, Any]) -> wire.Json:
    """As sent, completed by what dockerd adds."""
    from .shapes import HOST_CONFIG

    kept = {key: value for key, value in given.items() if value is not None or key in HOST_CONFIG}
    made = {**HOST_CONFIG, **kept}
    made["PortBindings"] = ports.echoed(made["PortBindings"])
    log = made["LogConfig"] or {}
    made["LogConfig"] = {"Type": log.get("Type") or "json-file", "Config": log.get("Config") or {}}
    made["NetworkMode"] = made["NetworkMode"] or "default"
    made["RestartPolicy"] = {**HOST_CONFIG["RestartPolicy"], **(made["RestartPolicy"] or {})}
    for key in ("CgroupnsMode", "IpcMode", "ShmSize"):
        made[key] = made[key] or HOST_CONFIG[key]
    if made.get("Mounts"):
        made["Mounts"] = [_said(mount) for mount in made["Mounts"]]
    if made["Memory"] and not made["MemorySwap"]:
        made["MemorySwap"] = 2 * made["Memory"]
    if (made["PidsLimit"] or 0) < 0:
        made["PidsLimit"] = 0
    for key, unset in (("PidsLimit", 0), ("MemorySwappiness", -1)):
        made[key] = None if made[key] == unset else made[key]
    return made


def _said(mount: Any) -> Any:
    """Go's omitempty: without what is empty, but for objects that were sent."""
    if not isinstance(mount, dict):
        return mount
    return {
        key: _said(value)
        for key, value in mount.items()
        if value or (isinstance(value, dict) and key != "Labels")
    }


def check_name(name: str) -> str:
    """Without its slash. Raises Invalid."""
    name = name.removeprefix("/")
    if not NAME.fullmatch(name):
        raise Invalid(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )
    return name


def new_name(is_taken: Callable[[str], bool]) -> str:
    """Two words that nobody has yet."""
    while True:
        name = f"{secrets.choice(ADJECTIVES.split())}_{secrets.choice(NOUNS.split())}"
        if is_taken(name):
            name += str(secrets.randbelow(10000))
        if not is_taken(name):
            return name


def hostname(container_id: str, host: Mapping[str, Any]) -> str:
    """Of who asks for none: the machine's in its network, as dockerd; a short id else."""
    return socket.gethostname() if host["NetworkMode"] == "host" else container_id[:12]


# --- what is to run ------------------------------------------------------------------------------


def spec(
    container_id: str,
    config: Mapping[str, Any],
    host: Mapping[str, Any],
    points: tuple[MountPoint, ...],
    network: Network,
) -> Spec:
    """``network`` is what it will have. Raises Invalid."""
    security = [str(option) for option in host.get("SecurityOpt") or ()]
    words = [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]
    if not words:
        raise Invalid("No command specified")
    return Spec(
        args=tuple(map(str, words)),
        env=tuple(environment(config, container_id)),
        cwd=config.get("WorkingDir") or "/",
        user=str(config.get("User") or ""),
        hostname=str(config["Hostname"]),
        mounts=tuple(point.mount for point in points),
        read_only=bool(host.get("ReadonlyRootfs")),
        network=network,
        tty=bool(config.get("Tty")),
        stdin=bool(config.get("OpenStdin")),
        stdin_once=bool(config.get("StdinOnce")),
        init=bool(host.get("Init")),
        log=logs.bounds(host["LogConfig"]),
        cap_add=tuple(host.get("CapAdd") or ()),
        cap_drop=tuple(host.get("CapDrop") or ()),
        seccomp=not any(re.fullmatch("seccomp[=:]unconfined", text) for text in security),
        ulimits=limits.ulimits(host),
        oom_score=_oom_score(host),
        shm_size=int(host["ShmSize"]),
        shared=shared(host),
        domainname=str(config.get("Domainname") or ""),
        hosts=tuple(host.get("ExtraHosts") or ()),
        dns=tuple(host.get("Dns") or ()),
        dns_search=tuple(host.get("DnsSearch") or ()),
        dns_options=tuple(host.get("DnsOptions") or ()),
    )


def of_record(record: Record) -> Spec:
    """``spec``, of what is in a record."""
    return spec(record.id, record.config, record.host_config, record.mounts, record.network)


MODES_OF = {"ipc": "IpcMode", "pid": "PidMode", "uts": "UTSMode", "cgroup": "CgroupnsMode"}


def shared(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Which namespaces are to be the host's. Raises Unsupported for another container's."""
    for kind, key in MODES_OF.items():
        if (mode := str(host.get(key) or "")).startswith("container:"):
            raise Unsupported(
                f"--{kind} {mode} is refused: this engine cannot join two containers. "
                f"Use --{kind} host, or Docker"
            )
    return tuple(kind for kind, key in MODES_OF.items() if host.get(key) == "host")


def _oom_score(host: Mapping[str, Any]) -> int:
    """Never below this process's own, which only root may."""
    asked = int(host.get("OomScoreAdj") or 0)
    return max(asked, limits.own_oom_score()) if asked else 0  # which it has by itself


def refuse(host: Mapping[str, Any]) -> None:
    """Raises Unsupported for what cannot be had without root, and must not seem to be."""
    for key, option in REFUSED.items():
        if host.get(key):
            raise Unsupported(f"{option} is refused: {NO_ROOT}")


def environment(
    config: Mapping[str, Any], container_id: str, linked: Iterable[str] = ()
) -> list[str]:
    """As dockerd: PATH, HOSTNAME, with a terminal TERM, and what tells of containers that are
    ``linked``; all yield to the user's own."""
    own = [f"PATH={DEFAULT_PATH}", f"HOSTNAME={config['Hostname'] or container_id[:12]}"]
    if config.get("Tty"):
        own.append("TERM=xterm")
    own += linked
    from .shapes import environment as merged

    return merged(own, config.get("Env") or ())


def network(mode: str) -> Network:
    """What is asked for. A network of a user's is as the default one; whether there is such a one
    is asked at the start."""
    return NETWORKS.get(mode, "own")


def warnings(
    config: Mapping[str, Any],
    host: Mapping[str, Any],
    isolates: frozenset[str],
    launcher: str,
    controllers: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """What was asked and will not be so, one line each. ``controllers`` see to limits."""
    asked = {
        "--read-only": ("read-only", bool(host.get("ReadonlyRootfs"))),
        "a mount's :ro": ("read-only", _has_read_only(host)),
        "a tmpfs's noexec": ("noexec", any("noexec" in words for words in _tmpfs(host))),
        "--network none": ("network-none", host.get("NetworkMode") == "none"),
        "--cap-drop": ("capabilities", bool(host.get("CapDrop"))),
        "--security-opt": ("seccomp", _has_profile(host)),
    }
    for option, (needed, is_asked) in asked.items():
        if is_asked and needed not in isolates:
            yield f"{UNENFORCED}{option} (the launcher {launcher} cannot)"
    if config.get("Hostname") and "hostname" not in isolates:
        yield f"--hostname is ignored: the launcher {launcher} cannot set it"
    yield from limits.warnings(host, controllers)
    if host.get("ShmSize") not in (None, 0, SHARED_MEMORY) and "tmpfs" not in isolates:
        yield f"--shm-size is ignored: the launcher {launcher} cannot limit it"
    if _has_sized_tmpfs(host) and "tmpfs" not in isolates:
        yield f"a tmpfs's size is ignored: the launcher {launcher} cannot limit it"
    for option in _ignored(host):
        yield f"{option} is ignored by this engine"


def _ignored(host: Mapping[str, Any]) -> Iterator[str]:
    yield from (option for key, option in IGNORED.items() if host.get(key))
    owners = {word.partition("=")[0] for words in _tmpfs(host) for word in words}
    yield from (f"a tmpfs's {word}" for word in sorted(owners & {"uid", "gid", "nr_inodes"}))
    driver = str((host.get("LogConfig") or {}).get("Type") or "json-file")
    if driver not in ("json-file", "none"):
        yield f"--log-driver {driver}"


def _has_sized_tmpfs(host: Mapping[str, Any]) -> bool:
    sizes = [
        (mount.get("TmpfsOptions") or {}).get("SizeBytes") for mount in host.get("Mounts") or ()
    ]
    return any(sizes) or any("size=" in text for text in (host.get("Tmpfs") or {}).values())


def _tmpfs(host: Mapping[str, Any]) -> list[list[str]]:
    """Each one's options."""
    return [str(text).split(",") for text in (host.get("Tmpfs") or {}).values()]


def _has_read_only(host: Mapping[str, Any]) -> bool:
    if any("ro" in words for words in _tmpfs(host)):
        return True
    binds = [str(text).split(":") for text in host.get("Binds") or ()]
    return any(bool(mount.get("ReadOnly")) for mount in host.get("Mounts") or ()) or any(
        len(words) == 3 and "ro" in words[2].split(",") for words in binds
    )


def _has_profile(host: Mapping[str, Any]) -> bool:
    options = [str(text) for text in host.get("SecurityOpt") or ()]
    return any(not re.search("unconfined|no-new-privileges|disable", text) for text in options)
