"""What is typed, to be told by docker and by %docker; see ``acting``.

``A`` and ``B`` are names, ``ipyc-act`` is an image's, each story having its own; ``IMAGE`` is
busybox, ``<`` stands for what is given on standard input.

Knows: docker's verbs. Does not know: how they are compared.
"""

from __future__ import annotations

import io
import json
import tarfile

from commands.acting import Story

COUNTS = "for i in 1 2 3; do echo $i; sleep 0.2; done; echo e >&2; exit 4"
AGAIN = "[ -e /ran ] && exec sleep 100; touch /ran; echo once; exit 3"
FILES = (
    "mkdir -p /d/e; echo f > /d/f; chmod 640 /d/f; ln -s f /d/s; ln -s d /link; "
    "ln -s /etc/passwd /d/out; touch /ready; sleep 100"
)
LIMITED = (
    "-m 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --shm-size 32m "
    "--ulimit nofile=100:200 --cap-add SYS_PTRACE --cap-drop ALL --read-only --tmpfs /run:size=1m "
    "--restart on-failure:2 --oom-score-adj 100 --security-opt no-new-privileges --init "
    "--log-driver json-file --log-opt max-size=1m --sysctl net.core.somaxconn=100 -P"
)
NAMED = (
    "-h box --domainname example.org -e X=1 -e Y= -l a=b -w /tmp -u 1:2 --stop-signal SIGINT "
    "--stop-timeout 3 --expose 80-81/udp -p 127.0.0.1::90 --add-host db:10.0.0.2 --dns 10.0.0.3 "
    "--dns-search example.org --health-cmd true --health-interval 1m30s --health-retries 2 "
    "--mac-address 02:42:00:00:00:07 -v /data -i -t --entrypoint env --group-add 7"
)
POOL = (
    "--subnet 10.213.7.0/24 --ip-range 10.213.7.128/25 --gateway 10.213.7.9 "
    "--aux-address host=10.213.7.200"
)
RUNS = "run -d --name A IMAGE sleep 100"


def _tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        entry = tarfile.TarInfo("d/from-tar")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    return held.getvalue()


def _sorted(text: str) -> object:
    return sorted(text.splitlines())


def _told(text: str) -> object:
    """An object of JSON, in which what is null is not told, and the environment in no order, which
    is any that dockerd gives it."""
    told = {key: value for key, value in json.loads(text).items() if value is not None}
    return told | ({"Env": sorted(told["Env"])} if "Env" in told else {})


def no_layers(text: str) -> object:
    return [line for line in text.splitlines() if not line.startswith("SHORT: ")]


def _steps(text: str) -> object:
    """Without whether a step was built in the story before."""
    return [line for line in text.splitlines() if line.startswith(("Step ", "Successfully tagged"))]


STORIES: dict[str, Story] = {
    "life": Story([
        RUNS,
        "pause A",
        "attach A",
        "pause A",
        "exec A true",
        "unpause A",
        "unpause A",
        "rename A B",
        "rename nosuch A",
        "rename B ' '",
        "kill -s TERM nosuch",
        "kill -s NOSUCH B",
        "restart -t 0 B nosuch",
        "rm B",
        "stop -t 0 B nosuch",
        "kill B",
        "stop B",
        "attach B",
        "attach nosuch",
        "attach",
        "start B nosuch",
        "start nosuch",
        "kill B",
        "wait B",
        "wait nosuch",
        "rm nosuch /",
        "rm -v B",
        "rm B",
        "rm -f nosuch",
    ]),
    "update": Story([
        RUNS,
        "update A",
        "update --restart no A nosuch",
        "update --restart on-failure:x A",
        "update --cpu-shares 512 A",
        "update --memory 6x A",
        "inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.CpuShares}}' A",
        "update --restart on-failure:3 A",
    ]),
    "run": Story([
        "run --rm IMAGE echo hi",
        "run --rm IMAGE sh -c 'echo e >&2; exit 7'",
        "run --name A IMAGE /nosuch",
        "run --name A IMAGE true",
        "rm A",
        "run --rm IMAGE /etc/passwd",
        "run --rm --nosuch IMAGE",
        "run --rm -p x:y IMAGE true",
        "run",
        "run --rm --pull never ipyc-nosuch true",
        "run --rm -i IMAGE cat <",
        "run --rm -e X=1 -w /tmp -u 0:0 -h box IMAGE sh -c 'echo $X $PWD $(id -u) $(hostname)'",
        "run --rm --network nosuch IMAGE true",
        "create --name A -l a=b --restart on-failure:2 --expose 80 IMAGE sh -c 'exit 4'",
        "start -a A",
        "inspect -f '{{.Config.Labels}} {{json .HostConfig.RestartPolicy}}' A",
        "inspect -f '{{.Config.ExposedPorts}} {{.HostConfig.LogConfig.Type}}' A",
        "create --name A IMAGE",
        "create UPPER",
    ], given=b"given",
    ),
    "run-more": Story([
        "run --rm --name A IMAGE /nosuch",
        "run -d --name B IMAGE /nosuch",
        "rm B",
        "run --rm -d --name A IMAGE sleep 100",
        "run --rm --name A IMAGE true",
        "rm -f A",
        f"run --name A --restart always IMAGE sh -c '{AGAIN}'",
        "rm -f A",
        "run --rm --restart always IMAGE true",
        "run --rm -a stdout IMAGE sh -c 'echo out; echo err >&2'",
        "run --rm -a STDERR IMAGE sh -c 'echo out; echo err >&2'",
        "run --rm -a nosuch IMAGE true",
        "run --rm -d -a stdout IMAGE true",
        "run --rm --cidfile cid IMAGE true",
        "run --name A --cidfile cid IMAGE true",
        "run --name A --cidfile nosuch/cid IMAGE true",
        "create --name A --cidfile full IMAGE",
        "rm A",
        "run --rm -t IMAGE sh -c 'echo out; echo err >&2'",
        "run --rm -it IMAGE sh <",
        "run --rm -i --entrypoint cat IMAGE - <",
        "run --rm --env-file env -e X=2 IMAGE sh -c 'echo $X $FROM_FILE'",
        "run --rm IMAGE sh -c 'kill -9 $$'",
        "run --rm -u nosuch IMAGE true",
        "run --rm -w relative IMAGE true",
        "run --rm -v A:/data IMAGE sh -c 'echo kept > /data/file'",
        "run --rm --mount type=volume,src=A,dst=/m,readonly IMAGE cat /m/file",
        "volume rm A",
        "run --rm --network none IMAGE sh -c 'ls /sys/class/net'",
    ], given=b"given",
    ),
    "configured": Story([
        f"create --name A {LIMITED} IMAGE",
        "inspect -f '{{json .HostConfig}}' A",
        "inspect -f '{{json .Config}}' A",
        "rm A",
        f"container create --name A {NAMED} IMAGE sh -c true",
        "inspect -f '{{json .HostConfig}}' A",
        "inspect -f '{{json .Config}}' A",
        "container create --name B --volumes-from A --link A:other --no-healthcheck IMAGE",
        "inspect -f '{{.HostConfig.VolumesFrom}} {{json .Config.Healthcheck}}' B",
        "inspect -f '{{.HostConfig.Links}}' B",
        "create --health-cmd x --no-healthcheck IMAGE",
        "create --expose 9-8 IMAGE",
        "create --restart nosuch IMAGE",
        "create --memory 1 IMAGE",
        "create --cpus x IMAGE",
        "create --device-read-bps nosuch IMAGE",
        "create -v /etc/hosts:/x:bad IMAGE",
    ], only={"inspect -f {{json": _told}),
    "groups": Story([
        RUNS,
        "container exec A true",
        "container stop -t 0 A",
        "container start A",
        "container cp in/file A:/tmp",
        "container commit --pause=false A ipyc-act:1",
        "image tag ipyc-act:1 ipyc-act:2",
        "image rm ipyc-act:1",
        "image remove ipyc-act:2",
        "container rm -f A",
        f"network create {POOL} -o a=b A",
        "network inspect -f '{{json .IPAM}} {{.Options}}' A",
        "network create --subnet 10.213.8.0/24 --gateway 10.1.2.3 B",
        "network create --subnet 10.213.8.0/24 --subnet 10.213.8.0/25 B",
        "container create --name A --network A --ip 10.213.7.20 IMAGE",
        "inspect -f '{{json (index .NetworkSettings.Networks \"ipyc-act-a\").IPAMConfig}}' A",
        "stop",
        "pull",
        "rm -z A",
        "network connect A",
    ]),
    "refused": Story([
        "create -e =x IMAGE",
        "create -l = IMAGE",
        "create --add-host x IMAGE",
        "create --add-host x:y IMAGE",
        "create --dns x IMAGE",
        "create --sysctl nosuch IMAGE",
        "create --ulimit nosuch=1 IMAGE",
        "create --mount foo IMAGE",
        "create --mount type=bind,src=/etc IMAGE",
        "create --env-file nosuch IMAGE",
        "create --label-file nosuch IMAGE",
        "create --pid nosuch IMAGE",
        "create --uts nosuch IMAGE",
        "create --userns nosuch IMAGE",
        "create --cgroupns nosuch IMAGE",
        "create --security-opt nosuch IMAGE",
        "create --storage-opt nosuch IMAGE",
        "create --mac-address x IMAGE",
        "create --memory-swappiness 101 IMAGE",
        "create --health-interval 1 IMAGE",
        "create --health-interval 1y IMAGE",
        "create --health-timeout -1s IMAGE",
        "create --health-retries -1 IMAGE",
        "create --rm --restart always IMAGE",
        "create --name A --ip 1.2.3.4 --dns 127.0.0.1 --oom-kill-disable IMAGE",
        "exec --env-file nosuch A x",
        "volume rm",
        "network create --aux-address x B",
        "tag nosuch@x ipyc-act:2",
        "build -f there context",
        "build context/given",
        "build --ulimit x context",
        "build --add-host x context",
    ]),
    "exec": Story([
        RUNS,
        "exec A sh -c 'echo out; exit 6'",
        "exec A sh -c 'echo err >&2'",
        "exec -e Y=2 -w /tmp -u 0 A sh -c 'echo $Y $PWD; id -u'",
        "exec -i A cat <",
        "exec A /nosuch",
        "exec -d A true",
        "exec nosuch true",
        "exec A",
        "run -d --name B -e IPYC_UNSET=1 IMAGE sleep 100",
        "exec -e IPYC_UNSET B sh -c 'echo [$IPYC_UNSET]'",
        "exec -e =x B true",
        "exec -it B true <",
        "exec -t B sh -c 'echo out; echo err >&2'",
        "exec -w /nosuch B true",
        "exec -u nosuch B true",
        "exec B sh -c 'kill -9 $$'",
        "kill A",
        "exec A true",
    ], given=b"given"),
    "logs": Story([
        f"run -d --name A IMAGE sh -c '{COUNTS}'",
        "logs -f A",
        "wait A",
        "logs --tail 1 A",
        "logs -n 2 A",
        "logs --tail x A",
        "logs -t A",
        "logs --since 1h A",
        "logs --since 2000-01-02T03:04:05Z --until 2000-01-02 A",
        "logs --since never A",
        "logs nosuch",
        "start -a A",
        "start -a A B",
    ], only={"logs -t": lambda text: text.count("\n")}),
    "images": Story([
        "run --name A IMAGE sh -c 'echo new > /new'",
        "commit -m text -a me -c 'CMD [\"cat\", \"/new\"]' A ipyc-act:1",
        "run --rm ipyc-act:1",
        "commit nosuch",
        "commit A UPPER",
        "commit -c 'NOSUCH x' A",
        "tag ipyc-act:1 ipyc-act:2",
        "tag ipyc-nosuch ipyc-act:2",
        "tag ipyc-act:1 Upper",
        "inspect -f '{{.Comment}} {{.Author}} {{.Config.Cmd}}' ipyc-act:2",
        "save -o saved.tar ipyc-act:1 ipyc-act:2",
        "save -o nosuch/saved.tar ipyc-act:1",
        "save -o other.tar ipyc-nosuch",
        "save -o null ipyc-act:1",
        "export -o null A",
        "rmi ipyc-act:2 ipyc-nosuch",
        "rmi -f ipyc-nosuch",
        "rmi ipyc-act:1",
        "load -i saved.tar",
        "load -i nosuch.tar",
        "load -i full",
        "run --rm ipyc-act:2",
        "export -o root.tar A",
        "export -o root.tar nosuch",
        "import -m brought -c 'CMD [\"true\"]' root.tar ipyc-act:imported",
        "inspect -f '{{.Comment}} {{.Config.Cmd}}' ipyc-act:imported",
        "import nosuch.tar",
        "import - ipyc-act:imported <",
    ], given=_tar(), only={"load -i saved": _sorted}),
    "copies": Story([
        f"run -d --name A IMAGE sh -c '{FILES}'",
        "exec A sh -c 'until [ -e /ready ]; do sleep 0.1; done'",
        "cp A:/d there",
        "cp A:/d new",
        "cp A:/d/. contents",
        "cp A:/d/. there",
        "cp A:/d/f there",
        "cp A:/d/f full",
        "cp A:/d/f renamed",
        "cp A:/d/f nosuch/",
        "cp A:/d/f nosuch/file",
        "cp A:/d full",
        "cp A:/link linked",
        "cp -L A:/link followed",
        "cp A:/d/s ./",
        "cp -L A:/d/s ./followed-file",
        "cp A:/nosuch there",
        "cp A:/nosuch nosuch/file",
        "cp A:/d/f null",
        "cp in/file A:/dev/null",
        "cp nosuch:/d there",
        "cp in A:/tmp",
        "cp in A:/tmp/renamed",
        "cp in/. A:/srv",
        "cp in/file A:/tmp/file",
        "cp in/file A:/tmp/nosuch/",
        "cp in/file A:/nosuch/file",
        "cp in A:/tmp/file",
        "cp in/link A:/tmp",
        "cp -L in/link A:/tmp/real",
        "cp in/file/ A:/tmp/x",
        "cp nosuch A:/tmp",
        "cp in nosuch:/tmp",
        "cp A:/d B:/d",
        "cp in there",
        "cp - A:/tmp <",
        "cp - A:/tmp/file <",
        "exec A sh -c 'find /tmp /srv | sort; cat /tmp/file /tmp/d/from-tar; readlink /tmp/link'",
        "exec A sh -c 'stat -c \"%a %u %g %n\" /tmp/in/file /tmp/in/deep/run /tmp/real'",
    ], given=_tar()),
    "volumes": Story([
        "volume create --label A=1 A",
        "volume create A",
        "volume create --label B",
        "volume prune -f --filter label=B",
        "volume inspect -f '{{.Name}} {{.Labels}} {{.Driver}}' A",
        "run --name A -v A:/data IMAGE true",
        "volume rm A nosuch",
        "rm A",
        "volume prune -f --filter label=A",
        "volume rm A",
        "volume rm -f A",
    ]),
    "networks": Story([
        "network create --label A=1 --internal A",
        "network create A",
        "network create --subnet x B",
        "network create --gateway 1.2.3.4 B",
        "run -d --name A --network A --network-alias www IMAGE sleep 100",
        "run -d --name B IMAGE sleep 100",
        "network connect --alias xyz A B",
        "network connect A B",
        "network connect nosuch B",
        "network connect A nosuch",
        "network rm A nosuch",
        "network disconnect A B",
        "network disconnect A B",
        "network disconnect -f A B",
        "rm -f A B",
        "network prune -f --filter label=A",
        "network rm A",
    ]),
    "prunes": Story([
        "run --name A -l A=1 IMAGE true",
        "container prune -f --filter label=A",
        "container prune -f --filter label=A",
        "image prune -f --filter label=A",
        "network create --label A=1 A",
        "system prune -f --filter label=A",
        "system prune -f --volumes --filter until=1h --filter label=A",
    ]),
    "builds": Story([
        "build --network none --no-cache -t ipyc-act:built context",
        "build --network none -t ipyc-act:built context",
        "build --network none -q context",
        "build --network none -q --iidfile iid context",
        "build --network none -q --platform linux/amd64 context",
        "build --network none -t ipyc-act:1 ignoring",
        "build --network none -t ipyc-act:2 -f ignoring/sub/Other ignoring",
        "build --network none --build-arg WHO=you -t ipyc-act:built context",
        "build --network none -f context/Failing context",
        "build --network none -q -f context/Failing context",
        "build nosuch",
        "build -f nosuch context",
        "build -t UPPER context",
        "build --target nosuch context",
    ], only={
        "build --network none -q": str,
        "build --network none --no-cache": str,
        "build --network none -t": str,  # docker's own steps are found again
        "build": _steps,
    }),
    "logins": Story([
        "logout 127.0.0.1:9",
        "login -u me --password-stdin 127.0.0.1:9 <",
        "login --password-stdin 127.0.0.1:9 <",
        "login 127.0.0.1:9",
    ], given=b"secret\n"),
}  # fmt: skip
