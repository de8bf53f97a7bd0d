"""The engine as docker-py sees it, with both launchers."""

from __future__ import annotations

import io
import json
import socket
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from docker import errors as docker_errors
from embedded import Engine
from layers import file, tar
from support import awaited, patience, wait_for


@pytest.fixture
def image() -> str:
    return "ipycontainers-test/busybox"


def archive(**files: bytes) -> bytes:
    return tar(*(file(name, content) for name, content in files.items()))


def raw(own: Engine, request: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """One request by hand: status, headers, body."""
    method, path = request.split()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(own.socket))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "Content-Type: application/json\r\n" if body else ""
        sock.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    head_text, _, rest = answer.partition(b"\r\n\r\n")
    first, *lines = head_text.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, rest


def start(docker: Any, image: str, *command: str, **more: Any) -> Any:
    return docker.containers.run(image, list(command), detach=True, **more)


# --- the engine ----------------------------------------------------------------------------------


def test_ping_and_versions(own: Engine) -> None:
    status, headers, body = raw(own, "GET /_ping")
    assert (status, body) == (200, b"OK")
    assert (headers["Api-Version"], headers["Ostype"]) == ("1.41", "linux")
    assert raw(own, "HEAD /_ping")[::2] == (200, b"")
    status, _, body = raw(own, "GET /v1.99/info")
    assert status == 400
    assert "too new" in json.loads(body)["message"]
    status, headers, body = raw(own, "GET /v1.0/info")
    assert status == 400
    assert headers["Content-Type"].startswith("text/plain")
    assert b"too old" in body


def test_what_is_not_there_is_named(own: Engine) -> None:
    status, _, body = raw(own, "POST /v1.41/containers/x/checkpoints")
    assert status == 501
    assert json.loads(body)["message"] == ("this engine has no POST /containers/x/checkpoints yet")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("GET /containers/a/b:1/json", "No such container: a/b:1"),
        ("POST /containers/a/b/stop", "No such container: a/b"),
        ("DELETE /containers/a/b", "No such container: a/b"),
        ("GET /volumes/../oci", "get ../oci: no such volume"),
        ("GET /networks/a/b", "network a/b not found"),
    ],
)
def test_a_name_with_slashes_is_nobodys(own: Engine, asked: str, said: str) -> None:
    """docker inspect asks for a container first, whatever the name: it goes on after 404."""
    status, _, body = raw(own, asked)
    assert (status, json.loads(body)["message"]) == (404, said)


def test_what_there_is_none_of_can_be_pruned(own: Engine) -> None:
    """docker system prune asks for each kind in turn, and goes no further where one fails."""
    for path, answer in (
        ("/networks/prune", {"NetworksDeleted": None}),
        ("/build/prune", {"CachesDeleted": None, "SpaceReclaimed": 0}),
    ):
        status, _, body = raw(own, f"POST {path}")
        assert (status, json.loads(body)) == (200, answer)


def test_an_image_for_another_machine_is_not_run_in_its_place(own: Engine, image: str) -> None:
    body = json.dumps({"Image": image}).encode()
    status, _, answer = raw(own, "POST /containers/create?platform=linux/s390x", body)
    assert status == 404
    assert "wanted linux/s390x, actual: linux/" in json.loads(answer)["message"]


def test_it_says_which_launcher_it_has(own: Engine, docker: Any) -> None:
    (part,) = docker.version()["Components"]
    assert part["Details"]["Launcher"] == own.launcher
    assert docker.info()["DockerRootDir"] == str(own.data)


def test_a_body_that_is_no_json_is_the_askers_fault(own: Engine) -> None:
    assert raw(own, "POST /v1.41/exec/x/start", b"[]")[0] in (400, 404)
    status, _, body = raw(own, "GET /v1.41/containers/json?filters=[")
    assert status == 400
    assert "filter" in json.loads(body)["message"]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ({"Memory": 5}, "Minimum memory limit allowed is 6MB"),
        ({"Memory": "5"}, "cannot unmarshal Memory"),
        ({"MemorySwap": 8 << 20}, "always set the Memory limit when using Memoryswap"),
        ({"Memory": 9 << 20, "MemorySwap": 8 << 20}, "memoryswap limit should be larger"),
        ({"Memory": 8 << 20, "MemoryReservation": 9 << 20}, "less than memory reservation"),
        ({"NanoCpus": 10**15}, "Range of CPUs is from 0.01 to "),
        ({"NanoCpus": -1}, "Range of CPUs is from 0.01 to "),
        ({"CpuQuota": 5}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(
    own: Engine, image: str, host: dict[str, Any], said: str
) -> None:
    body = json.dumps({"Image": image, "HostConfig": host}).encode()
    status, _, answer = raw(own, "POST /v1.41/containers/create", body)
    assert status == 400
    assert said in json.loads(answer)["message"]


# --- a container's life --------------------------------------------------------------------------


def test_run_gives_the_output_and_leaves_nothing(docker: Any, image: str) -> None:
    assert docker.containers.run(image, "echo hi", remove=True) == b"hi\n"
    assert docker.containers.list(all=True, ignore_removed=True) == []


def test_streams_are_apart_and_the_exit_code_is_told(docker: Any, image: str) -> None:
    container = start(docker, image, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert container.wait()["StatusCode"] == 3
    assert container.logs(stdout=True, stderr=False) == b"out\n"
    assert container.logs(stdout=False, stderr=True) == b"err\n"
    container.reload()
    state = container.attrs["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 3, 0)


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [("nope", 127, "executable file not found in $PATH"), ("/etc", 126, "permission denied")],
)
def test_a_program_that_cannot_run_is_told_in_dockers_words(
    docker: Any, image: str, command: str, code: int, text: str
) -> None:
    container = docker.containers.create(image, [command])
    with pytest.raises(docker_errors.APIError) as caught:
        container.start()
    assert caught.value.status_code == 400
    assert text in caught.value.explanation
    container.reload()
    assert container.attrs["State"]["ExitCode"] == code
    assert container.attrs["State"]["Status"] == "created"


def test_a_user_that_is_not_there_is_told_at_the_start(docker: Any, image: str) -> None:
    container = docker.containers.create(image, ["true"], user="nosuch")
    with pytest.raises(docker_errors.APIError, match="unable to find user nosuch"):
        container.start()


def test_it_is_started_once_and_stopped_once(docker: Any, own: Engine, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    path = f"/v1.41/containers/{container.id}"
    assert raw(own, f"POST {path}/start")[0] == 304
    with pytest.raises(docker_errors.APIError, match="Stop the container before") as caught:
        container.remove()
    assert caught.value.status_code == 409
    container.kill()
    assert container.wait()["StatusCode"] == 137
    assert raw(own, f"POST {path}/stop")[0] == 304
    with pytest.raises(docker_errors.APIError, match="is not running"):
        container.kill()
    container.start()
    container.remove(force=True)
    with pytest.raises(docker_errors.NotFound, match="No such container"):
        container.reload()


def test_stop_lets_the_program_tidy_up(docker: Any, image: str) -> None:
    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    container = start(docker, image, "sh", "-c", script)
    assert wait_for(lambda: b"ready" in container.logs())
    container.stop(timeout=10)
    assert container.wait()["StatusCode"] == 5
    assert container.logs() == b"ready\nbye\n"


def test_a_program_that_ignores_stop_is_killed(docker: Any, image: str) -> None:
    script = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    container = start(docker, image, "sh", "-c", script)
    assert wait_for(container.logs) == b"up\n"
    container.stop(timeout=1)
    assert container.wait()["StatusCode"] == 137


def test_names_are_taken_once_and_labels_filter(docker: Any, image: str) -> None:
    docker.containers.create(image, name="lab", labels={"a": "1", "b": "2"})
    with pytest.raises(docker_errors.APIError, match='name "/lab" is already in use') as caught:
        docker.containers.create(image, name="lab")
    assert caught.value.status_code == 409
    with pytest.raises(docker_errors.APIError, match="Invalid container name"):
        docker.containers.create(image, name="-")
    docker.containers.create(image, labels={"a": "1"})

    def named(*labels: str) -> list[str]:
        found = docker.containers.list(
            all=True, ignore_removed=True, filters={"label": list(labels)}
        )
        return [container.name for container in found]

    assert len(named("a=1")) == 2
    assert named("a=1", "b") == ["lab"]
    assert named("a=2") == []
    assert docker.containers.list() == []
    with pytest.raises(docker_errors.APIError, match="Invalid filter 'colour'"):
        docker.containers.list(filters={"colour": "red"})


def test_an_image_that_is_not_there(docker: Any) -> None:
    with pytest.raises(docker_errors.ImageNotFound, match="No such image: nosuch:latest"):
        docker.containers.create("nosuch")


def test_inspect_echoes_what_was_asked(docker: Any, image: str) -> None:
    container = docker.containers.create(
        image, ["echo", "a b"], environment={"A": "1"}, working_dir="/tmp", hostname="box"
    )
    found = docker.api.inspect_container(container.id)
    assert (found["Path"], found["Args"]) == ("echo", ["a b"])
    assert found["Config"]["Image"] == image
    assert found["Config"]["WorkingDir"] == "/tmp"
    assert found["Config"]["Hostname"] == "box"
    assert "A=1" in found["Config"]["Env"]
    assert found["Image"] == docker.images.get(image).id
    (listed,) = docker.api.containers(all=True)
    assert listed["Command"] == "echo 'a b'"
    assert (listed["State"], listed["Status"]) == ("created", "Created")


# --- streams -------------------------------------------------------------------------------------


def test_output_of_fast_programs_is_never_lost(docker: Any, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    said = [container.exec_run(["echo", str(number)]).output for number in range(40)]
    assert said == [f"{number}\n".encode() for number in range(40)]


def test_exec_tells_streams_code_and_missing_programs(docker: Any, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    ran = container.exec_run(["sh", "-c", "echo a; echo b >&2; exit 7"], demux=True)
    assert tuple(ran) == (7, (b"a\n", b"b\n"))
    ran = container.exec_run("nope")
    assert ran.exit_code == 126  # as dockerd; the text says which program is missing
    assert b"executable file not found in $PATH" in ran.output
    ran = container.exec_run("true", user="nosuch")
    assert ran.exit_code == 126
    assert b"unable to find user nosuch" in ran.output
    container.kill()
    container.wait()
    with pytest.raises(docker_errors.APIError, match="is not running") as caught:
        container.exec_run("true")
    assert caught.value.status_code == 409


def test_exec_of_a_terminal_is_not_framed(docker: Any, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    command = ["sh", "-c", "test -t 1 && echo yes || echo no"]
    assert container.exec_run(command, tty=True).output == b"yes\r\n"
    assert container.exec_run(command).output == b"no\n"


def test_a_detached_exec_ends_by_itself(docker: Any, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    made = docker.api.exec_create(container.id, ["sh", "-c", "sleep 0.2; exit 4"])["Id"]
    assert docker.api.exec_start(made, detach=True) in ("", b"")
    assert docker.api.exec_inspect(made)["Running"]
    assert wait_for(lambda: docker.api.exec_inspect(made)["ExitCode"] == 4)


def test_input_goes_in_and_its_end_too(docker: Any, image: str) -> None:
    config = {"Image": image, "Cmd": ["sh", "-c", "cat; echo end"], "OpenStdin": True}
    made = docker.api.create_container_from_config({**config, "StdinOnce": True})["Id"]
    wants = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    stream = docker.api.attach_socket(made, params=wants)
    docker.api.start(made)
    stream._sock.sendall(b"x" * 100_000)
    stream._sock.shutdown(socket.SHUT_WR)
    said = b"".join(iter(lambda: stream._sock.recv(65536), b""))
    stream._sock.close()
    stream.close()
    assert said.count(b"x") == 100_000
    assert said.endswith(b"end\n")
    assert docker.api.wait(made)["StatusCode"] == 0


def test_attach_before_the_start_gets_everything(docker: Any, image: str) -> None:
    for number in range(10):
        container = docker.containers.create(image, ["echo", str(number)])
        stream = container.attach_socket(params={"stdout": 1, "stderr": 1, "stream": 1})
        container.start()
        said = b"".join(iter(lambda s=stream: s._sock.recv(65536), b""))
        stream._sock.close()
        stream.close()
        assert said == b"\1\0\0\0\0\0\0\2" + f"{number}\n".encode()


def test_logs_follow_select_and_carry_times(docker: Any, image: str) -> None:
    script = "echo 1; sleep 0.3; echo 2 >&2; sleep 0.3; echo 3"
    container = start(docker, image, "sh", "-c", script)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"
    assert container.logs(tail=1) == b"3\n"
    stamp, _, text = container.logs(timestamps=True, tail=1).partition(b" ")
    assert text == b"3\n"
    assert stamp.endswith(b"Z")
    with pytest.raises(docker_errors.APIError, match="at least one stream"):
        container.logs(stdout=False, stderr=False)


def test_without_a_log_there_is_none_to_read(docker: Any, image: str) -> None:
    container = start(docker, image, "true", log_config={"type": "none"})
    container.wait()
    with pytest.raises(docker_errors.APIError, match="does not support reading") as caught:
        docker.api.logs(container.id)
    assert caught.value.status_code == 501


def test_wait_answers_at_the_end_of_either_kind(docker: Any, image: str) -> None:
    container = docker.containers.create(image, ["sh", "-c", "sleep 0.2; exit 6"])
    ended, removed = (awaited(docker, container.id, word) for word in ("next-exit", "removed"))
    container.start()
    assert ended() == 6
    container.remove()
    assert removed() == 6
    with pytest.raises(docker_errors.APIError, match="invalid condition"):
        docker.api.wait(start(docker, image, "true").id, condition="whenever")


def test_events_tell_a_containers_life(docker: Any, image: str) -> None:
    begin = time.time() - 1
    container = docker.containers.create(image, ["sh", "-c", "exit 2"], labels={"k": "v"})
    events = docker.events(
        decode=True, since=begin, filters={"container": [container.id], "type": "container"}
    )
    container.start()
    container.wait()
    container.remove()
    seen = {}
    for event in events:
        seen[event["Action"]] = event["Actor"]["Attributes"]
        if event["Action"] == "destroy":
            break
    events.close()
    assert list(seen) == ["create", "start", "die", "destroy"]
    assert seen["die"]["exitCode"] == "2"
    assert seen["die"]["k"] == "v"


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["created", "running", "exited"])
def test_files_go_in_and_come_out_in_every_state(docker: Any, image: str, state: str) -> None:
    container = docker.containers.create(image, ["sleep", "100"])
    if state != "created":
        container.start()
    if state == "exited":
        container.kill()
        container.wait()
    assert container.put_archive("/tmp", archive(a=b"text"))
    pieces, status = container.get_archive("/tmp/a")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as got:
        assert got.extractfile("a").read() == b"text"
    assert (status["name"], status["size"]) == ("a", 4)
    with pytest.raises(docker_errors.NotFound, match="Could not find the file /nowhere"):
        container.put_archive("/nowhere", archive(a=b""))
    with pytest.raises(docker_errors.NotFound):
        container.get_archive("/nowhere")
    if state == "exited":
        container.start()
        assert container.exec_run("cat /tmp/a").output == b"text"


def test_archives_are_refused_in_words(docker: Any, own: Engine, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    container.exec_run("mkdir /tmp/a")
    with pytest.raises(docker_errors.APIError, match="extraction point is not a directory"):
        container.put_archive("/bin/sh", archive(a=b""))
    path = f"/v1.41/containers/{container.id}/archive?path=/tmp&noOverwriteDirNonDir=1"
    status, _, body = raw(own, f"PUT {path}", archive(a=b""))
    assert (status, json.loads(body)["message"]) == (
        400,
        'cannot overwrite directory "/a" with non-directory',
    )
    assert raw(own, f"PUT {path}", archive(b=b""))[0] == 200
    _, told = container.get_archive("/tmp/.")
    assert told["name"] == "."


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"working_dir": "rel"}, "the working directory 'rel' is invalid, it needs to be"),
        ({"cap_add": ["NOPE"]}, 'invalid CapAdd: unknown capability: "CAP_NOPE"'),
        ({"stop_signal": "NOPE"}, "Invalid signal: NOPE"),
        ({"volumes": ["/tmp:/x:zz"]}, "invalid mode: zz"),
        ({"volumes": ["a/b:/x"]}, "If you intended to pass a host directory, use absolute path"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    docker: Any, image: str, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(docker_errors.APIError) as caught:
        docker.containers.create(image, ["true"], **asked)
    assert message in caught.value.explanation
    assert caught.value.status_code == 400


def test_an_unknown_network_is_no_missing_image(docker: Any, image: str) -> None:
    made = docker.containers.create(image, ["true"], network_mode="lan")
    with pytest.raises(docker_errors.APIError, match="network lan not found") as caught:
        made.start()
    assert caught.value.status_code == 404
    assert (made.attrs["State"]["Status"], made.attrs["State"]["Error"]) == ("created", "")
    made.reload()
    assert made.attrs["State"]["Error"] == "network lan not found"


def test_what_an_exec_lacks_is_told_with_126(docker: Any, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    said = "OCI runtime exec failed: exec failed: unable to start container process: "
    for asked, reason in (
        ({"user": "bob"}, "unable to find user bob: no matching entries in passwd file"),
        ({"workdir": "/nope"}, 'chdir to cwd ("/nope") set in config.json failed: no such file'),
        ({"workdir": "rel"}, "Cwd must be an absolute path"),
    ):
        code, output = container.exec_run("id", **asked)
        assert code == 126
        assert output.decode().startswith(said + reason)


def test_a_file_is_no_working_directory(docker: Any, image: str) -> None:
    with pytest.raises(docker_errors.APIError, match="/bin/sh is not a directory"):
        docker.containers.run(image, "pwd", working_dir="/bin/sh")


def test_each_line_of_a_log_is_a_frame(docker: Any, image: str) -> None:
    container = start(docker, image, "printf", "a\nb\r1\n\nc")
    container.wait()
    assert list(container.logs(stream=True)) == [b"a\n", b"b\r1\n", b"\n", b"c"]
    assert container.logs(tail=2) == b"\nc"


def test_waiting_tells_why_nothing_ran(docker: Any, image: str) -> None:
    container = docker.containers.create(image, ["absent"])
    with pytest.raises(docker_errors.APIError):
        container.start()
    told = container.wait()
    assert told["StatusCode"] == 127
    assert "executable file not found" in told["Error"]["Message"]


def test_links_lead_nowhere_outside(docker: Any, own: Engine, image: str) -> None:
    container = start(docker, image, "sleep", "100")
    container.exec_run(["sh", "-c", "ln -s / /tmp/root; ln -s ../../../../../.. /tmp/up"])
    outside = own.data / "outside"
    for link in ("root", "up"):
        with pytest.raises(docker_errors.NotFound):
            container.get_archive(f"/tmp/{link}{own.data}/oci/index.json")
        with pytest.raises(docker_errors.NotFound):
            container.put_archive(f"/tmp/{link}{own.data}", archive(outside=b""))
    assert not outside.exists()
    assert container.put_archive("/tmp/root/tmp", archive(inside=b"1"))
    assert container.exec_run("cat /tmp/inside").output == b"1"


def test_changes_are_what_the_program_changed(docker: Any, image: str) -> None:
    script = "echo 1 > /new; mkdir /d; echo 2 > /d/f; rm /etc/group; echo x >> /etc/passwd"
    container = start(docker, image, "sh", "-c", script)
    container.wait()
    assert {change["Path"]: change["Kind"] for change in container.diff()} == {
        "/new": 1,
        "/d": 1,
        "/d/f": 1,
        "/etc": 0,
        "/etc/group": 2,
        "/etc/passwd": 0,
    }
    assert start(docker, image, "true").diff() is None


def test_volumes_are_shared_and_anonymous_ones_go(docker: Any, image: str) -> None:
    config = {"Image": image, "Cmd": ["sh", "-c", "echo 1 > /v/a; echo 2 > /n/b"]}
    host = {"Binds": ["named:/n"]}
    made = docker.api.create_container_from_config(
        {**config, "Volumes": {"/v": {}}, "HostConfig": host}
    )["Id"]
    docker.api.start(made)
    assert docker.api.wait(made)["StatusCode"] == 0
    assert len(docker.volumes.list()) == 2
    docker.api.remove_container(made, v=True)
    assert [volume.name for volume in docker.volumes.list()] == ["named"]
    said = docker.containers.run(image, "cat /n/b", volumes=["named:/n"], remove=True)
    assert said == b"2\n"
    docker.volumes.get("named").remove()


# --- images --------------------------------------------------------------------------------------


def test_an_image_is_named_used_and_removed(docker: Any, image: str) -> None:
    found = docker.images.get(image)
    assert found.attrs["Os"] == "linux"
    assert found.attrs["Config"]["Cmd"] == ["sh"]
    assert found.tag("other", "1")
    assert set(docker.images.get("other:1").tags) == {f"{image}:latest", "other:1"}
    assert [one.id for one in docker.images.list("other")] == [found.id]
    docker.images.remove("other:1")
    container = docker.containers.create(image)
    with pytest.raises(docker_errors.APIError, match="is using its referenced image") as caught:
        docker.images.remove(image)
    assert caught.value.status_code == 409
    container.remove()
    with pytest.raises(docker_errors.ImageNotFound):
        docker.images.get("other:1")


def test_what_is_no_archive_is_told_in_the_stream(docker: Any) -> None:
    with pytest.raises(docker_errors.ImageLoadError):
        docker.images.load(b"no archive")


def test_thirty_that_run_are_removed_at_once(docker: Any, image: str) -> None:
    made = [start(docker, image, "sleep", "60") for _ in range(30)]
    begun = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(lambda one: one.remove(force=True), made))
    assert docker.api.containers(all=True) == []
    assert (
        time.monotonic() - begun < 8 * patience()
    )  # one after the other takes 10 s for each that waits


# --- what cannot be enforced ---------------------------------------------------------------------


def test_nothing_pretends(docker: Any, own: Engine, image: str) -> None:
    host = {"ReadonlyRootfs": True, "NetworkMode": "none", "CapDrop": ["ALL"], "NanoCpus": 10**9}
    config = {"Image": image, "Cmd": ["true"], "Hostname": "box", "HostConfig": host}
    warnings = docker.api.create_container_from_config(config)["Warnings"]
    assert any(text.startswith("--cpus is ignored") for text in warnings)
    protections = [text for text in warnings if text.startswith("not enforced: ")]
    if own.launcher == "bubblewrap":
        assert protections == []
    else:
        assert len(protections) == 3
        assert "--read-only" in protections[0]


NO_GROUP = "no control group (cgroup v2) is delegated to this engine"


@pytest.mark.parametrize(
    ("host", "traced", "isolated"),
    [
        ({"ReadonlyRootfs": True}, "not enforced: --read-only (the launcher ptrace cannot)", ""),
        (
            {"Binds": ["/tmp:/x:ro"]},
            "not enforced: a mount's :ro (the launcher ptrace cannot)",
            "",
        ),
        ({"NetworkMode": "none"}, "not enforced: --network none (the launcher ptrace cannot)", ""),
        ({"CapDrop": ["ALL"]}, "not enforced: --cap-drop (the launcher ptrace cannot)", ""),
        (
            {"Tmpfs": {"/t": "size=1m"}},
            "a tmpfs's size is ignored: the launcher ptrace cannot limit it",
            "",
        ),
        *(
            ({key: value}, f"{option} is ignored: {NO_GROUP}", "same")
            for key, value, option in (
                ("Memory", 64 << 20, "--memory"),
                ("NanoCpus", 10**9, "--cpus"),
                ("PidsLimit", 10, "--pids-limit"),
            )
        ),
        (
            {"ShmSize": 1 << 20},
            "--shm-size is ignored: the launcher ptrace cannot limit it",
            "",
        ),
        *(
            ({key: value}, f"{option} is ignored by this engine", "same")
            for key, value, option in (
                ("Sysctls", {"net.ipv4.ip_forward": "1"}, "--sysctl"),
                ("GroupAdd", ["5"], "--group-add"),
                ("UsernsMode", "host", "--userns"),
            )
        ),
    ],
)
def test_each_option_that_means_nothing_is_told(
    docker: Any, own: Engine, image: str, host: dict[str, Any], traced: str, isolated: str
) -> None:
    config = {"Image": image, "Cmd": ["true"], "HostConfig": host}
    told = docker.api.create_container_from_config(config)["Warnings"]
    words = traced if own.launcher == "ptrace" or isolated == "same" else isolated
    assert told == ([words.format(own.launcher)] if words else [])


def test_an_address_that_nobody_can_have_is_told(docker: Any, own: Engine, image: str) -> None:
    ends = {"bridge": {"IPAMConfig": {"IPv4Address": "172.17.0.9"}}}
    config = {"Image": image, "Cmd": ["true"], "NetworkingConfig": {"EndpointsConfig": ends}}
    told = docker.api.create_container_from_config(config | {"MacAddress": "02:42:ac:11:00:09"})
    ignored = [f"{option} is ignored by this engine" for option in ("--mac-address", "--ip")]
    assert told["Warnings"] == (ignored if own.launcher == "ptrace" else [])
    if own.launcher != "ptrace":  # dockerd's words, at the start
        with pytest.raises(docker_errors.APIError, match="supported on user defined networks only"):
            docker.api.start(told["Id"])


def test_the_hostname_is_told_where_it_cannot_be(docker: Any, own: Engine, image: str) -> None:
    config = {"Image": image, "Cmd": ["true"], "Hostname": "box"}
    told = docker.api.create_container_from_config(config)["Warnings"]
    ignored = "--hostname is ignored: the launcher ptrace cannot set it"
    assert told == ([ignored] if own.launcher == "ptrace" else [])


def test_at_the_end_of_the_output_the_end_is_known(docker: Any, image: str) -> None:
    for _ in range(10):
        container = docker.containers.create(image, ["true"])
        stream = container.attach_socket(params={"stdout": 1, "stream": 1})
        container.start()
        assert stream._sock.recv(100) == b""
        stream._sock.close()
        stream.close()
        container.reload()
        assert container.status == "exited"


def test_an_attachment_ends_with_a_container_that_never_ran(
    docker: Any, own: Engine, image: str
) -> None:
    container = docker.containers.create(image, ["true"])
    stream = container.attach_socket(params={"stdout": 1, "stream": 1})
    container.remove()
    stream._sock.settimeout(30)
    assert stream._sock.recv(100) == b""
    stream._sock.close()
    stream.close()
