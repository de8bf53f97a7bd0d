"""info: what the engine says of itself, in docker's layout.

Knows: /info. Does not know: which engine it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ipycontainers.oci import sizes

from .call import Call
from .console import Console, refusals
from .result import Result, Text
from .template_functions import json
from .typed import typed
from .version import filled

Json = Mapping[str, Any]


def info(call: Call, console: Console) -> Result:
    """docker info."""
    from ipycontainers import __version__

    with refusals():
        found = console.daemon.get("info")
    given = call.text("format")
    if given == "json":
        return Text(json(found), found)
    if given:
        told = typed(found)
        told.type = "system.info"
        return Text(filled(console, given, told), found)
    for warning in found.get("Warnings") or ():
        console.err(f"{warning}\n")
    address = console.daemon.address
    client = f"Client: ipycontainers\n Version:    {__version__}\n Engine:     {address}\n"
    server = "".join(f" {line}\n" for line in _server(found))
    return Text(f"{client}\nServer:\n{server}", found)


def _server(found: Json) -> Iterator[str]:
    yield f"Containers: {found.get('Containers', 0)}"
    for title in ("Running", "Paused", "Stopped"):
        yield f" {title}: {found.get(f'Containers{title}', 0)}"
    yield f"Images: {found.get('Images', 0)}"
    yield from _given(found, ("Server Version", "ServerVersion"))
    yield from _given(found, ("Storage Driver", "Driver"))
    yield from (f" {key}: {value}" for key, value in found.get("DriverStatus") or ())
    yield from _given(
        found,
        ("Logging Driver", "LoggingDriver"),
        ("Cgroup Driver", "CgroupDriver"),
        ("Cgroup Version", "CgroupVersion"),
    )
    yield from _plugins(found.get("Plugins") or {})
    yield f"Swarm: {(found.get('Swarm') or {}).get('LocalNodeState') or 'inactive'}"
    if runtimes := found.get("Runtimes"):
        yield f"Runtimes: {' '.join(sorted(runtimes))}"
    yield f"Default Runtime: {found.get('DefaultRuntime', '')}"
    if found.get("OSType") == "linux":
        yield from _linux(found)
    yield from _machine(found)
    yield from _settings(found)
    yield ""


def _given(found: Json, *rows: tuple[str, str]) -> Iterator[str]:
    """Those that the engine tells."""
    for title, key in rows:
        if found.get(key):
            yield f"{title}: {found[key]}"


def _plugins(plugins: Json) -> Iterator[str]:
    yield "Plugins:"
    for kind in ("Volume", "Network", "Authorization", "Log"):
        if kind in ("Volume", "Network") or plugins.get(kind):
            yield f" {kind}: {' '.join(plugins.get(kind) or ())}"


def _linux(found: Json) -> Iterator[str]:
    yield f"Init Binary: {found.get('InitBinary', '')}"
    for title, key in (
        ("containerd", "ContainerdCommit"),
        ("runc", "RuncCommit"),
        ("init", "InitCommit"),
    ):
        yield f"{title} version: {(found.get(key) or {}).get('ID', '')}"
    options = found.get("SecurityOptions") or ()
    if not options:
        return
    yield "Security Options:"
    for option in options:
        pairs = [part.partition("=")[::2] for part in str(option).split(",")]
        for key, value in pairs:
            if key == "name":
                yield f" {value}"
            else:
                yield f"  {key[:1].upper()}{key[1:]}: {value}"


def _machine(found: Json) -> Iterator[str]:
    yield from _given(
        found,
        ("Kernel Version", "KernelVersion"),
        ("Operating System", "OperatingSystem"),
        ("OSType", "OSType"),
        ("Architecture", "Architecture"),
    )
    yield f"CPUs: {found.get('NCPU', 0)}"
    yield f"Total Memory: {sizes.size(int(found.get('MemTotal') or 0), binary=True)}"
    yield from _given(found, ("Name", "Name"), ("ID", "ID"))
    yield f"Docker Root Dir: {found.get('DockerRootDir', '')}"
    yield f"Debug Mode: {_word(found.get('Debug'))}"


def _settings(found: Json) -> Iterator[str]:
    yield from _given(
        found,
        ("HTTP Proxy", "HttpProxy"),
        ("HTTPS Proxy", "HttpsProxy"),
        ("No Proxy", "NoProxy"),
        ("Registry", "IndexServerAddress"),
    )
    yield "Labels:"
    yield from (f" {label}" for label in found.get("Labels") or ())
    yield f"Experimental: {_word(found.get('ExperimentalBuild'))}"
    registries = found.get("RegistryConfig") or {}
    indexes = registries.get("IndexConfigs") or {}
    insecure = sorted(name for name, one in indexes.items() if not one.get("Secure"))
    if insecure or registries.get("InsecureRegistryCIDRs"):
        yield "Insecure Registries:"
        yield from (f" {name}" for name in insecure)
        yield from (f" {name}" for name in registries.get("InsecureRegistryCIDRs") or ())
    if mirrors := registries.get("Mirrors"):
        yield "Registry Mirrors:"
        yield from (f" {mirror}" for mirror in mirrors)
    yield f"Live Restore Enabled: {_word(found.get('LiveRestoreEnabled'))}"
    yield from _given(found, ("Product License", "ProductLicense"))


def _word(value: object) -> str:
    return "true" if value else "false"
