"""Where this machine's files meet the container's: -v, --mount, --here, --env-file.

A notebook has no current directory that its reader can see, so a relative path means
the notebook's folder, and ~ the home of who runs the kernel. A source that does not
exist is an error here, where ``docker run -v`` would make an empty folder of it, owned
by root. What cannot be resolved, since the engine has other files than this machine,
is an error too. Named volumes and absolute paths pass as typed.

Knows: paths, env-files, what kind of engine it is. Does not know: the table of options.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ipycontainers.errors import Invalid

from . import values

_WINDOWS = r"[A-Za-z]:[\\/]|\\\\"
_SHELL = r"(?i)\$\(pwd\)|`pwd`|\$(?:PWD|HOME)\b|\$\{(?:PWD|HOME)\}|%cd%"


@dataclass(frozen=True)
class EngineTraits:
    """What decides how files are shared with an engine; ``client`` finds it out."""

    shares_files: bool = True  # the engine sees this machine's files at the same paths
    rootless: bool = False  # root in a container is the user who runs the engine
    selinux: bool = False  # labels forbid a container to read a home folder
    userns_remap: bool = False  # dockerd --userns-remap: root in a container is somebody else
    podman: bool = False


def no_shell(value: str) -> str:
    """``value``, unless it holds what only a shell would replace."""
    if found := re.search(_SHELL, value):
        better = (
            "~"
            if "home" in found[0].lower()
            else ". for the notebook's folder, or --here, or {os.getcwd()}"
        )
        raise ValueError(f"no shell replaces {found[0]} in a notebook: write {better}")
    return value


def volume(value: str) -> tuple[str, str]:
    """(source, the rest from the container's path on); an anonymous volume has no source.

    The colon of a drive letter, C:\\data, separates nothing.
    """
    no_shell(value)
    at = value.find(":", 2 if re.match(_WINDOWS, value) else 0)
    source, rest = ("", value) if at < 0 else (value[:at], value[at + 1 :])
    if not rest or at == 0:
        raise ValueError("not [SOURCE:]FOLDER_IN_CONTAINER[:ro]")
    return source, rest


def mount(value: str) -> dict[str, object]:
    """The Mount of the API for type=…,source=…,target=…; the source is still as typed."""
    no_shell(value)
    found: dict[str, object] = {"Type": "volume"}
    extras: dict[str, dict[str, object]] = {"bind": {}, "volume": {}, "tmpfs": {}}
    for field in values.fields(value):
        key, equals, rest = field.partition("=")
        if not equals and key not in _MOUNT_FLAGS:
            raise ValueError(f"{field} is not NAME=VALUE")
        rest = rest if equals else "true"
        kind = key.partition("-")[0]
        if key in _MOUNT_TEXTS:
            found[_MOUNT_TEXTS[key]] = rest.lower() if key in ("type", "consistency") else rest
        elif key in ("readonly", "ro"):
            found["ReadOnly"] = values.boolean(rest)
        elif kind in extras:
            _MOUNT_EXTRAS[kind](extras[kind], key, rest)
        else:
            raise ValueError(f"there is no {key}= in --mount")
    for kind, extra in extras.items():
        if extra and found["Type"] != kind:
            raise ValueError(f"{kind}-… needs type={kind}")
        if extra:
            found[f"{kind.capitalize()}Options"] = extra
    if not found.get("Target"):
        raise ValueError("target= is missing")
    return found


_MOUNT_FLAGS = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")
_MOUNT_TEXTS = {
    "type": "Type",
    "source": "Source",
    "src": "Source",
    "target": "Target",
    "dst": "Target",
    "destination": "Target",
    "consistency": "Consistency",
}
_RECURSIVE = {
    "enabled": "",
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}


def _bind_option(bind: dict[str, object], key: str, value: str) -> None:
    if key == "bind-propagation":
        bind["Propagation"] = value.lower()
    elif key == "bind-nonrecursive":
        bind["NonRecursive"] = values.boolean(value)
    elif key == "bind-recursive" and value in _RECURSIVE:
        if _RECURSIVE[value]:
            bind[_RECURSIVE[value]] = True
    else:
        raise ValueError(f"{key}={value} means nothing to --mount")


def _volume_option(volume: dict[str, object], key: str, value: str) -> None:
    name, _, rest = value.partition("=")
    driver = volume.setdefault("DriverConfig", {})
    labels = volume.setdefault("Labels", {})
    assert isinstance(driver, dict)
    assert isinstance(labels, dict)
    if key == "volume-nocopy":
        volume["NoCopy"] = values.boolean(value)
    elif key == "volume-subpath":
        volume["Subpath"] = value
    elif key == "volume-driver":
        driver["Name"] = value
    elif key == "volume-label" and name:
        labels[name] = rest
    elif key == "volume-opt" and name:
        driver.setdefault("Options", {})[name] = rest
    else:
        raise ValueError(f"{key}={value} means nothing to --mount")


def _tmpfs_option(memory: dict[str, object], key: str, value: str) -> None:
    if key == "tmpfs-size":
        memory["SizeBytes"] = values.size(value)
    elif key == "tmpfs-mode" and re.fullmatch("[0-7]{1,6}", value):
        memory["Mode"] = int(value, 8)
    else:
        raise ValueError(f"{key}={value} means nothing to --mount")


_MOUNT_EXTRAS = {"bind": _bind_option, "volume": _volume_option, "tmpfs": _tmpfs_option}


def is_path(source: str) -> bool:
    """Whether a -v source names a file or folder, and not a volume of the engine."""
    return source.startswith((".", "~")) or "/" in source or "\\" in source


def resolve(source: str, folder: Path) -> str:
    """The absolute path that ``source`` means; an absolute one stays as typed."""
    if source.startswith("/") or re.match(_WINDOWS, source):
        return source
    try:
        path = folder / Path(source).expanduser()
    except RuntimeError as err:
        raise Invalid(f"there is no user for the ~ in {source}") from err
    return os.path.normpath(path)


def as_mount(source: str, target: str, modes: str = "") -> str:
    """The value of --mount that stands for ``-v SOURCE:TARGET:MODES``.

    The labels z and Z have no counterpart there and are left out.
    """
    fields = ["type=bind", f"source={source}", f"target={target}"]
    for mode in modes.split(","):
        if mode == "ro":
            fields.append("readonly")
        elif mode in _PROPAGATIONS:
            fields.append(f"bind-propagation={mode}")
    return ",".join(
        '"' + field.replace('"', '""') + '"' if re.search('[,"]', field) else field
        for field in fields
    )


_PROPAGATIONS = ("shared", "slave", "private", "rshared", "rslave", "rprivate")


def with_colon(value: str, folder: Path) -> tuple[str, str] | None:
    """(source, the rest) of a -v value whose first colon belongs to the source's own path.

    Known by a file or folder there, and by the absolute path in the container behind it.
    """
    colons = [found.start() for found in re.finditer(":", value)]
    for at in colons[1:]:
        source, rest = value[:at], value[at + 1 :]
        if rest.startswith("/") and is_path(source) and os.path.lexists(resolve(source, folder)):
            return resolve(source, folder), rest
    return None


def shadowed(name: str, value: str, folder: Path) -> str:
    """A sentence where a named volume has the name of what lies in ``folder``, else ""."""
    if name == "volume":
        source = volume(value)[0]
        better = f"-v ./{source}:…"
    else:
        found = mount(value)
        source = str(found.get("Source", "")) if found["Type"] == "volume" else ""
        better = f"--mount type=bind,source={source},…"
    if not source or is_path(source) or not os.path.lexists(folder / source):
        return ""
    return (
        f"{source} is a volume of the engine here, not {folder / source}: "
        f"{better} shares what is in the notebook's folder"
    )


def host_path(source: str, folder: Path, traits: EngineTraits) -> str:
    """``source`` as the engine must be told it. Raises Invalid when it cannot be there."""
    path = resolve(source, folder)
    if not traits.shares_files:
        if path != source:
            raise Invalid(
                f"{source} is a path of this machine, and the engine does not see "
                "this machine's files",
                "give an absolute path of the engine's machine, or the name of a volume",
            )
        return path
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Invalid(
            f"there is no file or folder {path}",
            "" if path == source else f"{source} is looked up in {folder}",
        ) from None
    except (OSError, ValueError):
        pass  # the engine may have more rights than we have
    return path


def inside(folder: Path) -> str:
    """The path that --here gives ``folder`` in the container: the same, /c/… for C:\\…"""
    if re.match(_WINDOWS, str(folder)):
        return f"/{folder.drive[0].lower()}{folder.as_posix()[2:]}"
    return str(folder)


def key_values(name: str, folder: Path, environ: Mapping[str, str] | None) -> list[str]:
    """The lines of an --env-file or --label-file, by the rules of Docker's command line.

    Quotes are part of a value; a value ends with its line; \\r\\n ends a line too. A
    name without = takes its value from ``environ``, and stays bare without one.
    Newer Docker commands leave a bare name of an
    --env-file out, and so does the caller. Raises Invalid with the file and the line.
    """
    path = resolve(no_shell(name), folder)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise Invalid(f"cannot read {path}: {reason}") from err
    found = []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        where = f"{path}, line {number}"
        try:
            line = raw.removesuffix(b"\r").decode().lstrip()
        except UnicodeDecodeError as err:
            raise Invalid(f"{where}: not UTF-8") from err
        if line and not line.startswith("#"):
            found.append(_key_value(line, where, environ))
    return found


def _key_value(line: str, where: str, environ: Mapping[str, str] | None) -> str:
    name, equals, _ = line.partition("=")
    if not name:
        raise Invalid(f"{where}: there is no name before the =")
    if " " in name or "\t" in name:
        # The line is not quoted: it may be the second of a secret's.
        raise Invalid(
            f"{where}: there is a blank in the name",
            "each line is NAME=VALUE; a value cannot go on in the next line, "
            "and quotes do not help",
        )
    if not equals and environ is not None and name in environ:
        return f"{name}={environ[name]}"
    return line
