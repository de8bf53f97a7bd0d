"""RunOptions → the body of POST /containers/create, as the docker command would send it.

Most options say in the table where their value goes; what remains here are those that
meet others, files or the network: -e, -v, --mount, -p, --network, --security-opt, --here.

Knows: the API's JSON for containers. Does not know: the engine, who posts it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid

from . import paths, values
from .paths import EngineTraits
from .words import check_text

if TYPE_CHECKING:
    from .run_options import RunOptions

Body = dict[str, object]
MOST_GROUPS = 32  # beyond that a command is no longer readable
_BUILT_IN_NETWORKS = ("", "default", "bridge", "host", "none")


def config(
    options: RunOptions,
    *,
    entrypoint: Sequence[str] | None,
    command: Sequence[str] | None,
    folder: Path,
    environ: Mapping[str, str],
    traits: EngineTraits,
    labels: Mapping[str, str],
    stdin: bool,
    defaults: Mapping[str, str],
) -> Body:
    """The whole body.

    ``entrypoint`` and ``command`` are what runs; None means --entrypoint and the words
    behind the image. ``folder`` is the notebook's; ``environ`` the kernel's; ``labels``
    are ours and win over the user's; ``stdin`` opens the program's input, as --stdin
    does; ``defaults`` are variables that yield to the user's own. AutoRemove is set for
    -d --rm alone: every other container is removed by who started it. Raises Invalid
    for files that are not there.
    """
    body = _from_table(options)
    host = _object(body, "HostConfig")
    _run(body, options, entrypoint, command, stdin)
    body["Env"] = environment(options, folder, environ, traits, defaults)
    ours = {key: text.encode(errors="replace").decode() for key, text in labels.items()}
    body["Labels"] = _labels(options, folder) | ours
    _limit(host)
    _security(host, options, folder, traits)
    _volumes(body, host, options, folder, traits)
    _publish(body, host, options)
    _networks(body, host, options)
    if options.here:
        _share(body, host, options, folder, traits)
    _check_texts(body)
    return body


_WHAT = {
    "Cmd": "the command",
    "Entrypoint": "the command",
    "Env": "the variable",
    "Labels": "a label",
    "WorkingDir": "the notebook's folder",
    "Source": "the path of a mount",
    "Target": "the path of a mount",
    "Binds": "the path of -v",
}


def _check_texts(value: object, what: str = "the container's configuration") -> None:
    """What came from outside the line: the kernel's environment, files, the folder's name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            check_text(key, what)
            _check_texts(inner, _WHAT.get(key, what))
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, what)
    elif isinstance(value, str):
        name = f" {value.partition('=')[0]!a}" if what == _WHAT["Env"] else ""
        check_text(value, what + name)


def _from_table(options: RunOptions) -> Body:
    """What every container gets, and the values whose place the table knows."""
    host: Body = {"NetworkMode": "default", "Dns": [], "DnsSearch": [], "DnsOptions": []}
    if not (options.keep or options.detach):
        host["LogConfig"] = {"Type": "none", "Config": {}}
    body: Body = {"Image": options.image, "HostConfig": host}
    for option, value in options.given:
        if option.place:
            _put(body, option.place, value if isinstance(value, bool) else option.read(value))
    return body


def _put(body: Body, place: str, value: object) -> None:
    key = place.removesuffix("[]").removesuffix("{}")
    if key.startswith("HostConfig."):
        body, key = _object(body, "HostConfig"), key.removeprefix("HostConfig.")
    if place.endswith("[]"):
        _list(body, key).append(value)
    elif place.endswith("{}"):
        assert isinstance(value, tuple)
        _object(body, key)[value[0]] = value[1]
    else:
        body[key] = value


def _object(body: Body, key: str) -> Body:
    found = body.setdefault(key, {})
    assert isinstance(found, dict)
    return found


def _list(body: Body, key: str) -> list[object]:
    found = body.setdefault(key, [])
    assert isinstance(found, list)
    return found


def _run(
    body: Body,
    options: RunOptions,
    entrypoint: Sequence[str] | None,
    command: Sequence[str] | None,
    stdin: bool,
) -> None:
    if entrypoint is not None:
        body["Entrypoint"] = list(entrypoint)
    elif options.entrypoint is not None:
        body["Entrypoint"] = [options.entrypoint]
    words = options.command if command is None else command
    if words:
        body["Cmd"] = list(words)
    reads = stdin or options.stdin is not None
    body.update(AttachStdout=not options.detach, AttachStderr=not options.detach)
    if options.detach and options.flag("rm"):
        _object(body, "HostConfig")["AutoRemove"] = True
    body.update(
        OpenStdin=reads,
        AttachStdin=reads and not options.detach,
        StdinOnce=reads and not options.detach,
    )


def environment(
    options: RunOptions,
    folder: Path,
    environ: Mapping[str, str],
    traits: EngineTraits,
    defaults: Mapping[str, str],
) -> list[str]:
    """Env: what yields to the user, then the files, then -e; each name once, the last counts.

    A name that has no value outside is left out. Given with -e it goes as a bare name to
    Docker, which then takes it out of the image's own environment; Podman would set it
    to nothing.
    """
    found = [f"{name}={value}" for name, value in defaults.items()]
    found += [
        line
        for name in options.texts("env-file")
        for line in paths.key_values(name, folder, environ)
        if "=" in line
    ]
    for text in options.texts("env"):
        known = "=" not in text and text in environ
        found.append(f"{text}={environ[text]}" if known else text)
    last = {line.partition("=")[0]: line for line in found}
    return [line for line in last.values() if "=" in line or not traits.podman]


def _labels(options: RunOptions, folder: Path) -> Body:
    lines = [
        line
        for name in options.texts("label-file")
        for line in paths.key_values(name, folder, None)
    ]
    return dict(values.label(line) for line in (*lines, *options.texts("label")))


def _limit(host: Body) -> None:
    """Of several limits with one name the last counts."""
    if "Ulimits" in host:
        last = {str(_entry(limit)["Name"]): limit for limit in _list(host, "Ulimits")}
        host["Ulimits"] = [last[name] for name in sorted(last)]


def _entry(value: object) -> Body:
    assert isinstance(value, dict)
    return value


def _security(host: Body, options: RunOptions, folder: Path, traits: EngineTraits) -> None:
    """A seccomp profile is read here, by Podman there; systempaths never reaches the engine."""
    for text in options.texts("security-opt"):
        name, _, rest = text.partition("=" if "=" in text else ":")
        if text == "systempaths=unconfined":
            host.update(MaskedPaths=[], ReadonlyPaths=[])
        elif name == "seccomp" and rest not in ("unconfined", "builtin"):
            path = paths.resolve(rest, folder)
            profile = path if traits.podman else _profile(path)
            _list(host, "SecurityOpt").append(f"seccomp={profile}")
        else:
            _list(host, "SecurityOpt").append(text)


def _profile(path: str) -> str:
    import json
    import re

    try:
        text = Path(path).read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as err:
        raise Invalid(f"--security-opt seccomp: cannot use {path}: {err}") from err
    return re.sub(r'("(?:\\.|[^"\\])*")|\s+', r"\1", text)  # as Docker compacts it


def _volumes(
    body: Body, host: Body, options: RunOptions, folder: Path, traits: EngineTraits
) -> None:
    for text in dict.fromkeys(options.texts("volume")):
        source, rest = paths.volume(text)
        if not source:
            _object(body, "Volumes")[rest] = {}
            continue
        if paths.is_path(source):
            source = _bind_source(text, folder, traits)
        _list(host, "Binds").append(f"{source}:{rest}")
    for text in options.texts("mount"):
        mount = paths.mount(text)
        if mount["Type"] == "bind" and mount.get("Source"):
            mount["Source"] = paths.host_path(str(mount["Source"]), folder, traits)
        _list(host, "Mounts").append(mount)


def _bind_source(text: str, folder: Path, traits: EngineTraits) -> str:
    """The path to share. One with a colon, typed or resolved, can only be said by --mount."""
    import shlex

    source, rest = paths.volume(text)
    found = paths.with_colon(text, folder) if traits.shares_files else None
    path, rest = found or (paths.host_path(source, folder, traits), rest)
    if ":" in path[2:]:
        target, _, modes = rest.partition(":")
        raise Invalid(
            f"-v cannot say a path with a colon: {path}",
            f"--mount {shlex.quote(paths.as_mount(path, target, modes))}",
        )
    return path


def _publish(body: Body, host: Body, options: RunOptions) -> None:
    for text in options.texts("publish"):
        for port, binding in values.publish(text):
            _object(body, "ExposedPorts")[port] = {}
            _list(_object(host, "PortBindings"), port).append(binding)


def _networks(body: Body, host: Body, options: RunOptions) -> None:
    networks = [values.network(text) for text in options.texts("network")]
    if not networks:
        return
    names = [str(network.pop("Target")) for network in networks]
    host["NetworkMode"] = names[0]
    if aliases := options.texts("network-alias"):
        if "Aliases" in networks[0]:
            raise Invalid(
                "there are names in both --network alias=… and --network-alias",
                "leave one of them out",
            )
        networks[0]["Aliases"] = list(aliases)
    endpoints: Body = {}
    for name, network in zip(names, networks, strict=True):
        built_in = name in _BUILT_IN_NETWORKS or name.startswith("container:")
        if built_in and "Aliases" in network:
            raise Invalid(
                f"a container has no other names in the network {name}",
                "make a network of your own: docker network create lab",
            )
        if name in endpoints:
            raise Invalid(f"--network {name} is given twice", "leave one of them out")
        endpoints[name] = network
    if len(networks) > 1 or networks[0]:
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}


def _share(body: Body, host: Body, options: RunOptions, folder: Path, traits: EngineTraits) -> None:
    """--here. The user's own -w, -u, -e HOME (USER, LOGNAME), --userns and label=… win."""
    if not traits.shares_files:
        raise Invalid(
            f"--here shares {folder}, and the engine does not see this machine's files",
            "use an engine on this machine, or a volume: -v NAME:/data",
        )
    if not os.path.isdir(folder):  # noqa: PTH112  # Path's raises where it may not look
        raise Invalid(
            f"there is no folder {folder}, which --here would share",
            "it was the notebook's when the kernel started: put it back, "
            "or restart the kernel where the notebook is now",
        )
    inside = paths.inside(folder)
    _list(host, "Mounts").append({"Type": "bind", "Source": str(folder), "Target": inside})
    body.setdefault("WorkingDir", inside)
    user = here_user(traits)
    if user and "User" not in body:
        body["User"] = user
        env = _list(body, "Env")
        env[:0] = here_env(user, [str(line) for line in env])
        groups = here_groups(user, options.texts("group-add"))
        if groups:
            _list(host, "GroupAdd").extend(groups)
    if traits.selinux and not any(
        text.startswith("label") for text in options.texts("security-opt")
    ):
        _list(host, "SecurityOpt").append("label=disable")
    if traits.userns_remap:
        host.setdefault("UsernsMode", "host")


def here_user(traits: EngineTraits) -> str:
    """Who, in the container, makes files that belong to the user of the notebook.

    Where the engine is rootless this is root, whatever the image's own user; else the
    same numbers as outside. "" where there are no such numbers, on Windows.
    """
    if traits.rootless:
        return "0:0"
    return f"{os.getuid()}:{os.getgid()}" if hasattr(os, "getuid") else ""


def here_env(user: str, env: Sequence[str]) -> list[str]:
    """HOME, USER and LOGNAME for a number that no image knows; not those that ``env`` has.

    Without HOME it is /, which is not writable; /tmp, so that caches and dot files go with
    the container and not into the folder. (With --read-only it takes --tmpfs /tmp.)
    Without a name Python's ``getpass.getuser()`` fails.
    """
    if user.startswith("0:"):
        return []
    name = _user_name()
    given = {line.partition("=")[0] for line in env}
    found = {"HOME": "/tmp", "USER": name, "LOGNAME": name}
    return [f"{key}={value}" for key, value in found.items() if key not in given]


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number only, as some servers give their users
        return str(os.getuid())


def here_groups(user: str, given: Sequence[str]) -> list[str]:
    """The user's other groups, by number: a folder may be writable for one of them alone.

    On Linux only, since the numbers of another system mean others in a container; root
    needs none.
    """
    import sys

    if user.startswith("0:") or sys.platform != "linux":
        return []
    numbers = sorted({*os.getgroups()} - {os.getgid()})
    return [str(number) for number in numbers if str(number) not in given][:MOST_GROUPS]
