"""The flags of docker run and create.

Names, kinds and sentences are the docker command's (20.10). What a value becomes in the request is
for ``creation``.

Knows: these flags. Does not know: requests.
"""

from __future__ import annotations

from .verb import Flag, flag


def many(names: str, type: str, help: str, *, offers: str = "") -> Flag:  # noqa: A002  # as flag
    """A flag that may be repeated, of a kind that docker has a word of its own for."""
    return Flag(tuple(names.split()), type, help, "", True, offers)


def _pull(before: str) -> Flag:
    return flag(
        "--pull",
        "string",
        f'Pull image before {before} ("always"|"missing"|"never")',
        "missing",
        offers="always|missing|never",
    )


# Ours: a cell has no standard input, and a password is not to be typed into one.
STDIN = "What is read from stdin: a Python variable or a file"

CREATE = (
    flag("--add-host", "list", "Add a custom host-to-IP mapping (host:ip)"),
    flag("-a --attach", "list", "Attach to STDIN, STDOUT or STDERR"),
    flag(
        "--blkio-weight",
        "uint16",
        "Block IO (relative weight), between 10 and 1000, or 0 to disable",
        "0",
    ),
    flag("--blkio-weight-device", "list", "Block IO weight (relative device weight)"),
    flag("--cap-add", "list", "Add Linux capabilities"),
    flag("--cap-drop", "list", "Drop Linux capabilities"),
    flag("--cgroup-parent", "string", "Optional parent cgroup for the container"),
    flag(
        "--cgroupns",
        "string",
        "Cgroup namespace to use (host|private) 'host': Run the container in the Docker host's "
        "cgroup namespace 'private': Run the container in its own private cgroup namespace '': Use "
        "the cgroup namespace as configured by the default-cgroupns-mode option on the daemon "
        "(default)",
        offers="host|private",
    ),
    flag("--cidfile", "string", "Write the container ID to the file"),
    flag("--cpu-period", "int", "Limit CPU CFS (Completely Fair Scheduler) period"),
    flag("--cpu-quota", "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    flag("--cpu-rt-period", "int", "Limit CPU real-time period in microseconds"),
    flag("--cpu-rt-runtime", "int", "Limit CPU real-time runtime in microseconds"),
    flag("-c --cpu-shares", "int", "CPU shares (relative weight)"),
    flag("--cpus", "decimal", "Number of CPUs"),
    flag("--cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    flag("--cpuset-mems", "string", "MEMs in which to allow execution (0-3, 0,1)"),
    flag("--device", "list", "Add a host device to the container"),
    flag("--device-cgroup-rule", "list", "Add a rule to the cgroup allowed devices list"),
    flag("--device-read-bps", "list", "Limit read rate (bytes per second) from a device"),
    flag("--device-read-iops", "list", "Limit read rate (IO per second) from a device"),
    flag("--device-write-bps", "list", "Limit write rate (bytes per second) to a device"),
    flag("--device-write-iops", "list", "Limit write rate (IO per second) to a device"),
    flag("--disable-content-trust", "", "Skip image verification", "true"),
    flag("--dns", "list", "Set custom DNS servers"),
    flag("--dns-option", "list", "Set DNS options"),
    flag("--dns-search", "list", "Set custom DNS search domains"),
    flag("--domainname", "string", "Container NIS domain name"),
    flag("--entrypoint", "string", "Overwrite the default ENTRYPOINT of the image"),
    flag("-e --env", "list", "Set environment variables"),
    flag("--env-file", "list", "Read in a file of environment variables"),
    flag("--expose", "list", "Expose a port or a range of ports"),
    many("--gpus", "gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)"),
    flag("--group-add", "list", "Add additional groups to join"),
    flag("--health-cmd", "string", "Command to run to check health"),
    flag("--health-interval", "duration", "Time between running the check (ms|s|m|h)", "0s"),
    flag("--health-retries", "int", "Consecutive failures needed to report unhealthy"),
    flag(
        "--health-start-period",
        "duration",
        "Start period for the container to initialize before starting health-retries countdown "
        "(ms|s|m|h)",
        "0s",
    ),
    flag("--health-timeout", "duration", "Maximum time to allow one check to run (ms|s|m|h)", "0s"),
    flag("-h --hostname", "string", "Container host name"),
    flag(
        "--init", "", "Run an init inside the container that forwards signals and reaps processes"
    ),
    flag("-i --interactive", "", "Keep STDIN open even if not attached"),
    flag("--ip", "string", "IPv4 address (e.g., 172.30.100.104)"),
    flag("--ip6", "string", "IPv6 address (e.g., 2001:db8::33)"),
    flag("--ipc", "string", "IPC mode to use"),
    flag("--isolation", "string", "Container isolation technology"),
    flag("--kernel-memory", "bytes", "Kernel memory limit"),
    flag("-l --label", "list", "Set meta data on a container"),
    flag("--label-file", "list", "Read in a line delimited file of labels"),
    flag("--link", "list", "Add link to another container"),
    flag("--link-local-ip", "list", "Container IPv4/IPv6 link-local addresses"),
    flag("--log-driver", "string", "Logging driver for the container"),
    flag("--log-opt", "list", "Log driver options"),
    flag("--mac-address", "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    flag("-m --memory", "bytes", "Memory limit"),
    flag("--memory-reservation", "bytes", "Memory soft limit"),
    flag(
        "--memory-swap",
        "bytes",
        "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
    ),
    flag("--memory-swappiness", "int", "Tune container memory swappiness (0 to 100)", "-1"),
    many("--mount", "mount", "Attach a filesystem mount to the container"),
    flag("--name", "string", "Assign a name to the container"),
    many("--network", "network", "Connect a container to a network", offers="network"),
    flag("--network-alias", "list", "Add network-scoped alias for the container"),
    flag("--no-healthcheck", "", "Disable any container-specified HEALTHCHECK"),
    flag("--oom-kill-disable", "", "Disable OOM Killer"),
    flag("--oom-score-adj", "int", "Tune host's OOM preferences (-1000 to 1000)"),
    flag("--pid", "string", "PID namespace to use"),
    flag("--pids-limit", "int", "Tune container pids limit (set -1 for unlimited)"),
    flag("--platform", "string", "Set platform if server is multi-platform capable"),
    flag("--privileged", "", "Give extended privileges to this container"),
    flag("-p --publish", "list", "Publish a container's port(s) to the host"),
    flag("-P --publish-all", "", "Publish all exposed ports to random ports"),
    _pull("creating"),
    flag("--read-only", "", "Mount the container's root filesystem as read only"),
    flag("--restart", "string", "Restart policy to apply when a container exits", "no"),
    flag("--rm", "", "Automatically remove the container when it exits"),
    flag("--runtime", "string", "Runtime to use for this container"),
    flag("--security-opt", "list", "Security Options"),
    flag("--shm-size", "bytes", "Size of /dev/shm"),
    flag("--stop-signal", "string", "Signal to stop a container", "SIGTERM"),
    flag("--stop-timeout", "int", "Timeout (in seconds) to stop a container"),
    flag("--storage-opt", "list", "Storage driver options for the container"),
    flag("--sysctl", "map", "Sysctl options"),
    flag("--tmpfs", "list", "Mount a tmpfs directory"),
    flag("-t --tty", "", "Allocate a pseudo-TTY"),
    many("--ulimit", "ulimit", "Ulimit options"),
    flag("-u --user", "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
    flag("--userns", "string", "User namespace to use"),
    flag("--uts", "string", "UTS namespace to use"),
    flag("-v --volume", "list", "Bind mount a volume"),
    flag("--volume-driver", "string", "Optional volume driver for the container"),
    flag(
        "--volumes-from",
        "list",
        "Mount volumes from the specified container(s)",
        offers="container",
    ),
    flag("-w --workdir", "string", "Working directory inside the container"),
)

RUN = (
    *(_pull("running") if one.name == "pull" else one for one in CREATE),
    flag("--stdin", "string", STDIN),
    flag("-d --detach", "", "Run container in background and print container ID"),
    flag("--detach-keys", "string", "Override the key sequence for detaching a container"),
    flag("--sig-proxy", "", "Proxy received signals to the process", "true"),
)
