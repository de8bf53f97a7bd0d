"""Where our engine's answers may differ from dockerd's, each with its reason.

Knows: reasons. Does not know: how anything is compared.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    call: str  # of ``calls``, perhaps with *
    path: str  # in the answer, perhaps with *
    why: str
    launchers: tuple[str, ...] = ("bubblewrap", "ptrace")


STATUS = "dockerd calls 500, an error of its own, what the client asked wrongly; it is a 400"
WORDS = "our words say more, or name what this engine has"
NO_RUNC = "no shim and no runc say their part of the sentence here"
ADDRESS = "what is free of a pool that is none of this machine's"
NETWORK = "with PRoot a container has the host's network and no address of its own"
SHARED = ("ptrace",)
MACHINE = "of the machine or of how dockerd was started"

ALLOWED = (
    Allowed("info", "Warnings", "no control groups are delegated, and it says so"),
    Allowed("inspect a* one", "Driver", "no graph driver of dockerd's"),
    Allowed("inspect a*", "GraphDriver.*", "no graph driver of dockerd's"),
    Allowed("inspect a* one", "HostConfig.Runtime", "no runc: the launcher runs it"),
    Allowed("inspect a* one", "HostConfig.CgroupnsMode", MACHINE),
    Allowed("inspect a* one", "HostConfig.MaskedPaths", "an ordinary user's rights guard /proc"),
    Allowed("inspect a* one", "HostConfig.ReadonlyPaths", "an ordinary user's rights guard /proc"),
    Allowed("inspect a* one", "LogPath", "another place and another format"),
    Allowed("inspect a* one", "H*Path", "made when it runs, by the launcher"),
    Allowed("inspect a* one", "ResolvConfPath", "made when it runs, by the launcher"),
    Allowed("*", "*NetworkSettings.*Gateway", NETWORK, SHARED),
    Allowed("*", "*NetworkSettings.*IPAddress", NETWORK, SHARED),
    Allowed("*", "*NetworkSettings.*IPPrefixLen", NETWORK, SHARED),
    Allowed("*", "*NetworkSettings.*MacAddress", NETWORK, SHARED),
    Allowed("*", "*NetworkSettings.Sandbox*", "no libnetwork: the keeper has the namespaces"),
    Allowed("list networks", "0.IPAM.Config.0.*", ADDRESS),
    Allowed("connect", "*", NETWORK, SHARED),
    Allowed("disconnect", "*", NETWORK, SHARED),
    Allowed("begin on a network", "after.*", NETWORK, SHARED),
    Allowed("publish no address", "*", "dockerd makes a container that cannot start"),
    Allowed("network name is none", "status", STATUS),
    Allowed("network of no addresses", "status", STATUS),
    Allowed("network from no JSON", "text", WORDS),
    Allowed("exec, privileged", "*", "refused: nobody here has rights to give"),
    Allowed("exec of *", "output", NO_RUNC),
    Allowed("exec twice", "the answer", "409, where dockerd has begun a stream and writes into it"),
    Allowed("start what *", "message", NO_RUNC),
    Allowed("put *", "status", STATUS),
    Allowed("put what is no archive", "message", WORDS),
    Allowed("a file in a folder's place", "*", f"{STATUS}; {WORDS}"),
    Allowed("get no path", "text", "dockerd's lacks a blank"),
    Allowed("create with no mode", "status", STATUS),
    Allowed("create with no image", "*", "dockerd makes a container that cannot start"),
    Allowed("create from no JSON", "*", f"{STATUS}; {WORDS}"),
    Allowed("events by no time", "*", f"{STATUS}; {WORDS}"),
    Allowed("containers by no code", "status", STATUS),
    Allowed("containers before none", "*", "it is a 404, as everywhere else"),
    Allowed("build with no program", "rest.*", NO_RUNC),
    Allowed("build from no archive", "*", f"{STATUS}; {WORDS}"),
    Allowed("build with wrong *", "answer.message", WORDS),
    Allowed("build below the context", "status", STATUS),
    Allowed("a path that is none", "*", "501 says what is not there yet"),
    Allowed("a version that is too old", "text", "docker-py's own oldest is ours, and no newline"),
)
