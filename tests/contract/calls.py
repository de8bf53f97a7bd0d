"""The calls that are made on each engine, in order; what one changes, the next ones find.

Knows: docker-py, what a user would ask. Does not know: which engine, what is compared.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

from contract.bench import LABEL, LABELS, MINE, PREFIX, Bench, archive, members
from support import wait_for

Call = Callable[[Bench], Any]
JSON = {"Content-Type": "application/json"}


def raw(bench: Bench, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """Status, content type and text of any request."""
    data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
    answer = bench.api.request(method, bench.api._url(path), data=data, **more)
    kind = answer.headers.get("Content-Type", "")
    return {"status": answer.status_code, "type": kind, "text": answer.text}


def _create(bench: Bench, **body: Any) -> Any:
    """A create request; what it makes is removed again."""
    given = {"Image": bench.image, "Cmd": ["true"], "Labels": LABELS, **body}
    query = f"?name={PREFIX}wrong"
    answer = bench.api._post_json(bench.api._url(f"/containers/create{query}"), data=given)
    if answer.status_code == 201:
        bench.api.remove_container(f"{PREFIX}wrong", force=True)
    return {"status": answer.status_code, "answer": answer.json()}


def _exec(bench: Bench, command: Any, start: dict[str, Any] | None = None, **more: Any) -> Any:
    """What it prints, and how inspect shows it afterwards."""
    made = bench.api.exec_create(bench.running, command, **more)["Id"]
    before = bench.api.exec_inspect(made)
    output = bench.api.exec_start(made, **(start or {}))
    return {"before": before, "output": output, "after": bench.api.exec_inspect(made)}


def _again(bench: Bench) -> Any:
    made = bench.api.exec_create(bench.running, ["true"])["Id"]
    bench.api.exec_start(made)
    return bench.api.exec_start(made)


def _resized(bench: Bench) -> Any:
    name = bench.create("terminal", ["sh", "-c", "sleep 1; stty size"], tty=True, stdin_open=True)
    bench.api.start(name)
    bench.api.resize(name, height=33, width=44)
    bench.api.wait(name)
    return bench.api.logs(name)


def _attached(bench: Bench, **more: Any) -> Any:
    """Both streams of a program that echoes its input, from before its start to its end."""
    name = bench.create("attached", ["sh", "-c", "echo err >&2; cat"], stdin_open=True, **more)
    stream = bench.api.attach_socket(name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    bench.api.start(name)
    time.sleep(0.3)
    sock: socket.socket = getattr(stream, "_sock", stream)
    sock.sendall(b"given\n")
    time.sleep(0.3)
    found = b""
    sock.settimeout(30)
    while len(found) < (8 + 4 + 8 + 6):
        found += sock.recv(100)
    stream.close()
    bench.api.remove_container(name, force=True)
    return found


def _events(bench: Bench) -> Any:
    """What one short life tells: every event that a client may wait for."""
    since = time.time()
    name = bench.ran("eventful", ["true"])
    bench.api.rename(name, f"{name}-2")
    bench.api.remove_container(f"{name}-2", v=True)
    told = bench.api.events(since=since, until=time.time() + 0.5, filters=MINE, decode=True)
    return [one for one in told if one["Type"] == "container"]


def _volume_events(bench: Bench) -> Any:
    since = time.time()
    name = f"{PREFIX}told"
    bench.api.create_volume(name, labels=LABELS)
    bench.api.remove_volume(name)
    told = bench.api.events(since=since, until=time.time() + 0.5, decode=True)
    return [one for one in told if one["Type"] == "volume" and one["Actor"]["ID"] == name]


def _stopped(bench: Bench, **more: Any) -> Any:
    name = bench.create(
        "stopping", ["sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep .1; done"]
    )
    bench.api.start(name)
    assert wait_for(lambda: bench.api.logs(name))
    bench.api.stop(name, **more)
    return bench.api.inspect_container(name)["State"]


def _waited(bench: Bench, condition: str) -> Any:
    name = bench.create(f"waited-{condition}", ["sh", "-c", "exit 5"])
    bench.api.start(name)
    if condition == "removed":
        time.sleep(0.5)
        return "not asked"
    return bench.api.wait(name, condition=condition, timeout=20)


def _put(bench: Bench, path: str, **files: bytes) -> Any:
    return bench.api.put_archive(bench.created, path, archive(**files))


def _got(bench: Bench, path: str, name: str = "") -> Any:
    stream, status = bench.api.get_archive(name or bench.exited, path)
    return {"status": status, "members": members(b"".join(stream))}


def _history(bench: Bench) -> Any:
    return [{**one, "Tags": _own(bench, one["Tags"])} for one in bench.api.history(bench.image)]


def _image(bench: Bench) -> Any:
    found = bench.api.inspect_image(bench.image)
    return {**found, "RepoTags": _own(bench, found["RepoTags"])}


def _images(bench: Bench) -> Any:
    found = bench.api.images(bench.image)
    return [{**one, "RepoTags": _own(bench, one["RepoTags"])} for one in found]


def _own(bench: Bench, tags: list[str] | None) -> list[str]:
    """Without names that somebody else gave this image."""
    return [tag for tag in tags or () if tag.startswith(bench.image)]


def _tagged(bench: Bench) -> Any:
    done = bench.api.tag(bench.image, f"{PREFIX}image", "1")
    tags = bench.api.inspect_image(f"{PREFIX}image:1")["RepoTags"]
    removed = bench.api._result(
        bench.api._delete(bench.api._url("/images/{0}", f"{PREFIX}image:1")), json=True
    )
    return {"tagged": done, "has": f"{PREFIX}image:1" in tags, "removed": removed}


def _exported(bench: Bench) -> Any:
    """The files that a user would look for."""
    found = members(b"".join(bench.api.export(bench.exited)))
    return [one for one in found if one[0] in ("new", "bin/busybox", "etc/passwd", "tmp/")]


def _committed(bench: Bench) -> Any:
    made = bench.api.commit(bench.exited, f"{PREFIX}commit", "1", "text", "me", 'CMD ["x"]')
    config = bench.api.inspect_image(f"{PREFIX}commit:1")
    kept = ("RepoTags", "Comment", "Author", "Architecture", "Os")
    shown = {key: config[key] for key in kept}
    bench.api.remove_image(f"{PREFIX}commit:1")
    return {"answer": sorted(made), **shown, "cmd": config["Config"]["Cmd"]}


def _statistics(bench: Bench) -> Any:
    found = bench.api.stats(bench.running, stream=False)
    return sorted(found)


def _streamed(bench: Bench) -> Any:
    stream = bench.api.stats(bench.running, decode=True)
    return [sorted(next(stream))[:3], sorted(next(stream))[:3]]


def _top(bench: Bench, arguments: str | None = None) -> Any:
    found = bench.api.top(bench.running, arguments)
    return {"titles": found["Titles"], "shell": any(LABEL or True for _ in found["Processes"])}


def _paused(bench: Bench) -> Any:
    bench.api.pause(bench.running)
    try:
        state = bench.api.inspect_container(bench.running)["State"]
        again = raw(bench, "POST", f"/containers/{bench.running}/pause")
        removal = raw(bench, "DELETE", f"/containers/{bench.running}")
        execution = raw(
            bench, "POST", f"/containers/{bench.running}/exec", {"Cmd": ["true"]}, headers=JSON
        )
    finally:
        bench.api.unpause(bench.running)
    return {"state": state, "again": again, "removal": removal, "exec": execution}


def _listed(bench: Bench, **filters: Any) -> Any:
    found = bench.api.containers(all=True, filters={**MINE, **filters})
    return sorted((one for one in found), key=lambda one: one["Names"])


def _volumes(bench: Bench, **filters: Any) -> Any:
    return bench.api.volumes(filters={**MINE, **filters})


def _version(bench: Bench) -> Any:
    found = bench.api.version(api_version=False)
    return {key: type(value).__name__ for key, value in found.items()}


def _info(bench: Bench) -> Any:
    return {key: type(value).__name__ for key, value in bench.api.info().items()}


def _ping(bench: Bench) -> Any:
    answers = [
        bench.api.request(method, bench.api.base_url + "/_ping") for method in ("GET", "HEAD")
    ]
    wanted = ("Api-Version", "Ostype", "Docker-Experimental", "Content-Type", "Cache-Control")
    return [[a.status_code, a.text, {k: a.headers.get(k) for k in wanted}] for a in answers]


ANSWERS: dict[str, Call] = {
    "ping": _ping,
    "version": _version,
    "info": _info,
    "inspect a created one": lambda b: b.api.inspect_container(b.created),
    "inspect a running one": lambda b: b.api.inspect_container(b.running),
    "inspect an ended one": lambda b: b.api.inspect_container(b.exited),
    "list": _listed,
    "list by name": lambda b: _listed(b, name=b.exited),
    "list by status": lambda b: _listed(b, status="exited"),
    "list by exit code": lambda b: _listed(b, exited="3"),
    "list by label": lambda b: _listed(b, label=[f"{LABEL}=1", "colour=red"]),
    "list by volume": lambda b: _listed(b, volume=b.volume),
    "list by ancestor": lambda b: _listed(b, ancestor=b.image),
    "list before": lambda b: _listed(b, before=b.running),
    "logs": lambda b: b.api.logs(b.exited),
    "logs of stderr": lambda b: b.api.logs(b.exited, stdout=False),
    "logs, one line": lambda b: b.api.logs(b.exited, tail=1),
    "logs with times": lambda b: b.api.logs(b.exited, timestamps=True),
    "logs followed": lambda b: list(b.api.logs(b.exited, stream=True, follow=True)),
    "changes": lambda b: b.api.diff(b.exited),
    "no changes": lambda b: b.api.diff(b.created),
    "wait for an ended one": lambda b: b.api.wait(b.exited),
    "wait not-running": lambda b: _waited(b, "not-running"),
    "start again": lambda b: raw(b, "POST", f"/containers/{b.running}/start"),
    "stop what has ended": lambda b: raw(b, "POST", f"/containers/{b.exited}/stop"),
    "stop": _stopped,
    "attach": _attached,
    "resize": _resized,
    "top": _top,
    "top with words": lambda b: _top(b, "-o pid,args"),
    "stats": _statistics,
    "stats, streamed": _streamed,
    "pause": _paused,
    "exec": lambda b: _exec(b, ["sh", "-c", "echo out; exit 4"]),
    "create with a text for a command": lambda b: _create(b, Cmd="a b"),
    "exec with a terminal": lambda b: _exec(
        b,
        ["sh", "-c", "tty | sed 's/[0-9]*$/N/'; test -t 1 && stty size"],  # PRoot's are the host's
        {"tty": True},
        tty=True,
    ),
    "exec with env and workdir": lambda b: _exec(
        b, ["sh", "-c", "echo $A $PWD"], environment={"A": "1"}, workdir="/tmp"
    ),
    "exec as a user": lambda b: _exec(b, ["id", "-u"], user="0:0"),
    "exec, privileged": lambda b: _exec(b, ["true"], privileged=True),
    "exec, demultiplexed": lambda b: _exec(b, ["sh", "-c", "echo o; echo e >&2"], {"demux": True}),
    "exec, detached": lambda b: b.api.exec_start(
        b.api.exec_create(b.running, ["true"])["Id"], detach=True
    ),
    "exec of no program": lambda b: _exec(b, ["/nosuch"]),
    "exec of no folder": lambda b: _exec(b, ["pwd"], workdir="/nosuch"),
    "exec of no user": lambda b: _exec(b, ["true"], user="nobodyatall"),
    "put a file": lambda b: _put(b, "/tmp", put=b"content"),
    "put into a volume": lambda b: _put(b, "/data", put=b"content"),
    "get a file": lambda b: _got(b, "/new"),
    "get what was put": lambda b: _got(b, "/tmp/put", b.created),
    "get a folder": lambda b: _got(b, "/data", b.created),
    "get a folder's content": lambda b: _got(b, "/data/.", b.created),
    "get a link": lambda b: _got(b, "/bin/sh"),
    "export": _exported,
    "commit": _committed,
    "history": _history,
    "inspect an image": _image,
    "list images": _images,
    "tag and remove": _tagged,
    "volumes": _volumes,
    "volumes by driver": lambda b: _volumes(b, driver="local"),
    "volumes by name": lambda b: _volumes(b, name=b.volume[3:]),
    "volumes by an anchored name": lambda b: _volumes(b, name=f"^{PREFIX}v"),
    "volumes by a missing label": lambda b: _volumes(b, label=[f"{LABEL}=2"]),
    "dangling volumes": lambda b: _volumes(b, dangling=True),
    "used volumes": lambda b: _volumes(b, dangling=False),
    "inspect a volume": lambda b: b.api.inspect_volume(b.volume),
    "make a volume again": lambda b: b.api.create_volume(b.volume),
    "prune no volumes": lambda b: b.api.prune_volumes(filters={"label": ["ipyc-no-such"]}),
    "prune no containers": lambda b: b.api.prune_containers(filters={"label": ["ipyc-no-such"]}),
    "prune no images": lambda b: b.api.prune_images(filters={"label": ["ipyc-no-such"]}),
    "events": _events,
    "events of a volume": _volume_events,
    "rename": lambda b: b.api.rename(b.create("old", ["true"]), f"{PREFIX}new"),
    "update": lambda b: b.api.update_container(b.created, restart_policy={"Name": "no"}),
    "list networks": lambda b: sorted(
        (n for n in b.api.networks(names=["bridge", "host", "none"])), key=lambda n: n["Name"]
    ),
    "inspect a network": lambda b: b.api.inspect_network("none"),
    "exec twice": _again,
    "create with no image": lambda b: _create(b, Image=""),
}

ERRORS: dict[str, Call] = {
    "no such container: inspect": lambda b: b.api.inspect_container("nosuch"),
    "no such container: start": lambda b: b.api.start("nosuch"),
    "no such container: stop": lambda b: b.api.stop("nosuch"),
    "no such container: kill": lambda b: b.api.kill("nosuch"),
    "no such container: restart": lambda b: b.api.restart("nosuch"),
    "no such container: pause": lambda b: b.api.pause("nosuch"),
    "no such container: logs": lambda b: b.api.logs("nosuch"),
    "no such container: wait": lambda b: b.api.wait("nosuch"),
    "no such container: remove": lambda b: b.api.remove_container("nosuch"),
    "no such container: rename": lambda b: b.api.rename("nosuch", f"{PREFIX}x"),
    "no such container: top": lambda b: b.api.top("nosuch"),
    "no such container: stats": lambda b: b.api.stats("nosuch", stream=False),
    "no such container: diff": lambda b: b.api.diff("nosuch"),
    "no such container: export": lambda b: b"".join(b.api.export("nosuch")),
    "no such container: exec": lambda b: b.api.exec_create("nosuch", "true"),
    "no such container: archive": lambda b: b.api.get_archive("nosuch", "/"),
    "no such container: commit": lambda b: b.api.commit("nosuch"),
    "no such exec: inspect": lambda b: b.api.exec_inspect("nosuch"),
    "no such exec: start": lambda b: b.api.exec_start("nosuch"),
    "no such image: create": lambda b: b.api.create_container(f"{PREFIX}nosuch", "true"),
    "no such image: inspect": lambda b: b.api.inspect_image(f"{PREFIX}nosuch"),
    "no such image: history": lambda b: b.api.history(f"{PREFIX}nosuch"),
    "no such image: tag": lambda b: b.api.tag(f"{PREFIX}nosuch", "a"),
    "no such image: remove": lambda b: b.api.remove_image(f"{PREFIX}nosuch"),
    "no such image: save": lambda b: b"".join(b.api.get_image(f"{PREFIX}nosuch")),
    "no such volume: inspect": lambda b: b.api.inspect_volume("nosuch"),
    "no such volume: remove": lambda b: b.api.remove_volume("nosuch"),
    "no such volume: remove by force": lambda b: b.api.remove_volume("nosuch", force=True),
    "no such network": lambda b: b.api.inspect_network("nosuch"),
    "name is taken": lambda b: b.create("created", ["true"]),
    "name is taken: rename": lambda b: b.api.rename(b.exited, b.running),
    "name is none": lambda b: b.create("a b", ["true"]),
    "name is none: rename": lambda b: b.api.rename(b.exited, "a b"),
    "remove what runs": lambda b: b.api.remove_container(b.running),
    "kill what has ended": lambda b: b.api.kill(b.exited),
    "kill with no signal": lambda b: b.api.kill(b.running, "NOSUCH"),
    "exec in what has ended": lambda b: b.api.exec_create(b.exited, "true"),
    "exec of nothing": lambda b: b.api.exec_create(b.running, []),
    "pause what has ended": lambda b: b.api.pause(b.exited),
    "unpause what runs": lambda b: b.api.unpause(b.running),
    "top of what has ended": lambda b: b.api.top(b.exited),
    "logs of no stream": lambda b: b.api.logs(b.exited, stdout=False, stderr=False),
    "volume in use": lambda b: b.api.remove_volume(b.volume),
    "volume of another driver": lambda b: b.api.create_volume(f"{PREFIX}x", driver="nosuch"),
    "volume with a slash": lambda b: b.api.create_volume("a/b"),
    "volume with a short name": lambda b: b.api.create_volume("a"),
    "volume with an option": lambda b: b.api.create_volume(f"{PREFIX}x", driver_opts={"a": "b"}),
    "volumes by no filter": lambda b: b.api.volumes(filters={"nosuch": "1"}),
    "volumes dangling neither": lambda b: b.api.volumes(filters={"dangling": "perhaps"}),
    "containers by no filter": lambda b: b.api.containers(filters={"nosuch": "1"}),
    "containers by no status": lambda b: b.api.containers(filters={"status": "nosuch"}),
    "containers by no code": lambda b: b.api.containers(filters={"exited": "x"}),
    "containers before none": lambda b: b.api.containers(filters={"before": "nosuch"}),
    "images by no filter": lambda b: b.api.images(filters={"nosuch": "1"}),
    "events by no time": lambda b: raw(b, "GET", "/events?since=never&until=1"),
    "image's name is none": lambda b: b.api.tag(b.image, "A B"),
    "put into no folder": lambda b: b.api.put_archive(b.created, "/nosuch", archive(a=b"")),
    "put into a file": lambda b: b.api.put_archive(b.exited, "/new", archive(a=b"")),
    "put what is no archive": lambda b: b.api.put_archive(b.created, "/tmp", b"junk" * 200),
    "get no file": lambda b: b.api.get_archive(b.created, "/nosuch"),
    "get no path": lambda b: raw(b, "GET", f"/containers/{b.created}/archive"),
    "a file in a folder's place": lambda b: raw(
        b, "PUT", f"/containers/{b.created}/archive?path=/&noOverwriteDirNonDir=1", archive(tmp=b"")
    ),
    "create with no command": lambda b: _create(b, Cmd=[], Image=b.image, Entrypoint=[""]),
    "create with a number for a command": lambda b: _create(b, Cmd=3),
    "create with a number in a command": lambda b: _create(b, Cmd=["a", 3]),
    "exec with a text for a command": lambda b: raw(
        b, "POST", f"/containers/{b.running}/exec", {"Cmd": "a b"}, headers=JSON
    ),
    "exec with a number in a command": lambda b: raw(
        b, "POST", f"/containers/{b.running}/exec", {"Cmd": ["a", 3]}, headers=JSON
    ),
    "create in no folder": lambda b: _create(b, WorkingDir="relative"),
    "create with little memory": lambda b: _create(b, HostConfig={"Memory": 1000}),
    "create with many processors": lambda b: _create(b, HostConfig={"NanoCpus": 10**15}),
    "create with no capability": lambda b: _create(b, HostConfig={"CapAdd": ["NOSUCH"]}),
    "create with no mode": lambda b: _create(b, HostConfig={"Binds": ["a:/b:nosuch"]}),
    "create with no source": lambda b: _create(
        b, HostConfig={"Mounts": [{"Type": "bind", "Source": "/nosuch", "Target": "/a"}]}
    ),
    "create with no kind of mount": lambda b: _create(
        b, HostConfig={"Mounts": [{"Type": "nosuch", "Target": "/a"}]}
    ),
    "create with one target twice": lambda b: _create(b, HostConfig={"Binds": ["ab:/a", "cd:/a"]}),
    "create with no policy": lambda b: _create(b, HostConfig={"RestartPolicy": {"Name": "x"}}),
    "create with retries": lambda b: _create(
        b, HostConfig={"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}}
    ),
    "create to go and to come back": lambda b: _create(
        b, HostConfig={"AutoRemove": True, "RestartPolicy": {"Name": "always"}}
    ),
    "create with no signal": lambda b: _create(b, StopSignal="NOSUCH"),
    "create with no logs": lambda b: _create(b, HostConfig={"LogConfig": {"Type": "nosuch"}}),
    "create with no environment": lambda b: _create(b, Env=["=x"]),
    "create from no JSON": lambda b: raw(b, "POST", "/containers/create", "{", headers=JSON),
    "create from text": lambda b: raw(
        b, "POST", "/containers/create", "{}", headers={"Content-Type": "text/plain"}
    ),
    "start what cannot be found": lambda b: b.api.start(b.create("no-program", ["/nosuch"])),
    "start what cannot be run": lambda b: b.api.start(b.create("no-file", ["/etc/passwd"])),
    "start in what is a file": lambda b: b.api.start(
        b.create("no-folder", ["pwd"], working_dir="/etc/passwd")
    ),
    "start as nobody known": lambda b: b.api.start(b.create("no-user", ["id"], user="nosuch")),
    "resize what has ended": lambda b: b.api.resize(b.exited, 10, 10),
    "leave no swarm": lambda b: raw(b, "POST", "/swarm/leave?force=1"),
    "inspect no swarm": lambda b: raw(b, "GET", "/swarm"),
    "a path that is none": lambda b: raw(b, "GET", "/nosuch"),
    "a version that is too new": lambda b: _versioned(b, "9.99"),
    "a version that is too old": lambda b: _versioned(b, "1.1"),
}


def _versioned(bench: Bench, version: str) -> Any:
    answer = bench.api.get(f"{bench.api.base_url}/v{version}/info")
    return {"status": answer.status_code, "text": answer.text}
