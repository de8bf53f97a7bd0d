"""Each verb that lists and shows, beside the docker command on the same engine."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from operator import attrgetter

import pytest
from commands.conftest import BUSYBOX, Both
from support import free_port, wait_for

from ipycontainers.commands import looking
from ipycontainers.commands.verb import Verb

OURS = f"ipyc-listed-{os.getpid()}"
A, B = f"{OURS}-a", f"{OURS}-b"
TAG = f"ipyc.example/listed-{os.getpid()}:1"


@pytest.fixture(scope="module")
def things(both: Both) -> Iterator[Both]:
    """A container that runs, with all that a table shows of one, and one that has ended."""
    _clear(both)
    port = free_port()
    for words in (
        ("volume", "create", "--label", "a=1", A),
        ("network", "create", "--label", "b=2", A),
        ("tag", BUSYBOX, TAG),
        ("run", "-d", "--name", A, "--label", "x=1", "--label", "y=two words", "-v", f"{A}:/data",
         "-p", f"127.0.0.1:{port}:80", "--expose", "99", BUSYBOX,
         "sh", "-c", "> /etc/new; > /etc/$(printf 'x\\377'); while sleep 1; do :; done"),
        ("run", "--name", B, TAG, "sh", "-c", "exit 3"),
    ):  # fmt: skip
        made = both.docker(*words)
        assert made.code in (0, 3), made.err
    yield both
    _clear(both)


def _clear(both: Both) -> None:
    both.docker("rm", "-f", "-v", A, B)
    both.docker("volume", "rm", A)
    both.docker("network", "rm", A)
    both.docker("rmi", TAG)


MINE = ("-f", f"name={OURS}")
TAGGED = ("-f", f"reference=ipyc.ex*/*-{os.getpid()}", "-f", f"reference={BUSYBOX[:-1]}?")
FIELDS = (
    "{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.CreatedAt}} {{.RunningFor}} {{.Ports}} "
    '{{.State}} {{.Status}} {{.LocalVolumes}} {{.Mounts}} {{.Networks}} {{.Label "x"}}'
)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-a",),
        ("-a", "--no-trunc"),
        ("-aq",),
        ("-aq", "--no-trunc"),
        ("-l",),
        ("-n", "1"),
        ("-a", "-f", "status=exited"),
        ("-a", "-f", "label=x"),
        ("-a", "-f", f"ancestor={TAG}", "--format", "{{.Names}}"),
        ("-a", "-f", "name=nosuch"),
        ("-a", "--format", FIELDS),
        ("-a", "--format", "table {{.Names}}\\t{{.Status}}\\t{{.Ports}}"),
        ("-a", "--format", "table {{.ID}}: {{upper .Names}}"),
        ("-a", "--format", 'table {{.Label "x"}}\\t{{split .Names "-"}}\\t{{pad .ID 1 2}}'),
        ("-a", "--format", 'table {{range split .Names "-"}}<{{.}}>{{end}}'),
        ("-a", "--format", "raw"),
        ("-a", "--no-trunc", "--format", "{{.Command}} {{.Mounts}} {{.Names}}"),
        ("-a", "--format", "table"),
    ],
)
def test_ps(things: Both, words: tuple[str, ...]) -> None:
    assert things("ps", *MINE, *words, only=_labels_sorted).code == 0


def _labels_sorted(text: str) -> list[str]:
    """Lines, in which labels are in one order: the command has them in any."""
    return [_sorted_labels(line) for line in text.splitlines()]


def _sorted_labels(line: str) -> str:
    head, colon, found = line.partition("labels: ")
    return f"{head}{colon}{','.join(sorted(found.split(',')))}" if colon else line


def _sorted(text: str) -> list[str]:
    """Engines list images of one age in any order."""
    return sorted(text.splitlines())


def test_ps_is_an_object_of_json(things: Both) -> None:
    words = ("ps", *MINE, "-a", "--format", "{{json .}}")
    mine, theirs = ((side(*words)) for side in (things.ours, things.docker))
    assert len(mine.out.splitlines()) == 2
    for one, other in zip(mine.out.splitlines(), theirs.out.splitlines(), strict=True):
        left, right = json.loads(one), json.loads(other)
        for found in (left, right):
            found["Labels"] = sorted(found["Labels"].split(","))  # of the command, in any order
            del found["RunningFor"], found["Status"]
        assert left == right


def test_ps_measures(things: Both) -> None:
    things("ps", *MINE, "-as")
    things("ps", *MINE, "-a", "--format", "{{.Names}} {{.Size}}")


@pytest.mark.parametrize(
    "words",
    [
        ("ps", "extra"),
        ("ps", "--nosuch"),
        ("ps", "-z"),
        ("ps", "-f"),
        ("ps", "--filter"),
        ("ps", "-f", "bad"),
        ("ps", "-f", "nosuch=1"),
        ("ps", "-n", "x"),
        ("ps", "-n", "9" * 30),
        ("ps", "-a=maybe"),
        ("ps", "-a", *MINE, "--format", "{{.Nosuch}}"),
        ("ps", "-a", "--format", "{{.ID"),
        ("ps", "-a", "--format", "{{nosuch}}"),
        ("ps", "-a", "--format", "{{break}}"),
        ("ps", "-a", "--format", "{{.Label}}"),
        ("ps", "---all"),
        ("volume", "--nosuch"),
        ("volume", "-x"),
        ("help", "nosuch"),
        ("volume", "nosuch"),
        ("container", "list", "extra"),
        ("container", "ps", "--nosuch"),
        ("images", "a", "b"),
        ("history",),
        ("history", "nosuch"),
        ("inspect",),
        ("inspect", "nosuch"),
        ("inspect", "-f", "{{.Id}}", "nosuch"),
        ("inspect", "--type", "nosuch", "x"),
        ("inspect", "--type", "image", "nosuch"),
        ("container", "inspect", "nosuch"),
        ("image", "inspect", "nosuch"),
        ("network", "inspect", "nosuch"),
        ("volume", "inspect", "nosuch"),
        ("top", "nosuch"),
        ("top",),
        ("port",),
        ("port", "a", "b", "c"),
        ("port", "nosuch"),
        ("port", A, "99999"),
        ("port", A, "80-81"),
        ("diff", "nosuch"),
        ("diff",),
        ("stats", "--no-stream", "nosuch"),
        ("images", "--format", "{{.Nosuch}}"),
        ("images", "--format", "{{.ID"),
        ("version", "-f", "{{.Nosuch}}"),
        ("version", "-f", "{{.ID"),
        ("version", "-f", "{{.Server.ApiVersion}}"),
        ("info", "-f", "{{.Nosuch}}"),
        ("events", "--until", "1s", "--format", "{{.ID"),
        ("events", "--since", "x", "--until", "1s"),
        ("events", "--since", "2020-13-01", "--until", "1s"),
        ("system", "df", "--format", "{{.Nosuch}}"),
    ],
)
def test_what_is_wrong_is_said_alike(things: Both, words: tuple[str, ...]) -> None:
    assert things(*words).code != 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-q",),
        ("-q", "--no-trunc"),
        ("--digests",),
        ("--no-trunc",),
        (TAG,),
        ("nosuch",),
        ("--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}} {{.CreatedSince}} {{.CreatedAt}}"),
        ("--format", "table {{.Repository}}\\t{{.Size}}"),
        ("--format", "raw"),
        ("--digests", "--format", "raw"),
    ],
)
def test_images(things: Both, words: tuple[str, ...]) -> None:
    assert things("images", *TAGGED, *words, only=_sorted).code == 0


@pytest.fixture
def rows(things: Both) -> Callable[[str], list[str]]:
    """What of a table of all that the engine has is compared: where others make and remove things
    meanwhile, only the heads and what is of ``things`` or always there, in columns of any width."""
    if not things.is_shared:
        return _sorted
    networks = ("bridge", "host", "none")
    told = things.docker("inspect", "-f", "{{.Id}}", A, B, TAG).out
    told += things.docker("network", "inspect", "-f", "{{.Id}}", A, *networks).out
    ids = [one.removeprefix("sha256:")[:12] for one in told.split()]
    mine = re.compile("|".join([*ids, OURS, *networks, TAG.partition(":")[0], BUSYBOX]))

    def found(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if line.isupper() or mine.search(line)]
        return sorted(" ".join(line.split()) for line in lines)

    return found


Rows = Callable[[str], list[str]]


def test_all_images(things: Both, rows: Rows) -> None:
    assert BUSYBOX in things("image", "ls", only=rows).out
    assert things("images", "-aq", only=rows).code == 0


@pytest.mark.parametrize(
    "words",
    [(), ("-q",), ("--no-trunc",), ("-H=false",), ("--format", "{{.ID}} {{.CreatedBy}} {{.Size}}")],
)
def test_history(things: Both, words: tuple[str, ...]) -> None:
    assert things("history", *words, BUSYBOX).code == 0


@pytest.mark.parametrize(
    "form",
    [
        "{{.State.Status}} {{.Name}} {{.Config.Env}} {{.Config.Labels}}",
        "{{range .Mounts}}{{.Source}} {{end}}",
        "{{range $p, $c := .NetworkSettings.Ports}}{{$p}}{{with $c}}{{index . 0}}{{end}};{{end}}",
        "{{json .Config.Cmd}} {{join .Config.Cmd `,`}} {{len .Mounts}} {{.HostConfig.Binds}}",
        "{{.Config.Entrypoint}} {{.HostConfig.Dns}} {{.Config.Volumes}} {{json .Config.OnBuild}}",
        "{{.NetworkSettings.Ports}} {{.Config.ExposedPorts}}",
        '{{index .Config.Labels "x"}}|{{index .Config.Labels "nosuch"}}|',
        '{{index .NetworkSettings.Ports "1/tcp"}} {{index .Config.Volumes "x"}}',
        '{{index .NetworkSettings.Ports "80/tcp"}} {{index .NetworkSettings.Networks "x"}}',
        "{{and .Mounts (index .Mounts 0).Destination}} {{or .Mounts .Name}}",
        "{{.Config.Labels.nosuch}} {{.Config.Healthcheck}} {{.HostConfig.Mounts}} {{.SizeRw}}",
        "{{.HostConfig.Init}} {{.HostConfig.PortBindings}} {{.State}} {{.Config}}",
        "{{json .Mounts}} {{range .Mounts}}{{.Type}} {{.Name}} {{.Driver}}{{end}}",
        "{{.Name.X}}",
        "{{.State.Nosuch}}",
        "{{.State.Status",
        "{{.Id | printf `%.12s`}} {{.HostConfig.Memory}} {{.State.Running}} {{.RestartCount}}",
        "{{with .State}}{{.ExitCode}}{{end}} {{if .State.Running}}on{{else}}off{{end}}",
        "{{.HostConfig.LogConfig}} {{.HostConfig.RestartPolicy}}",
    ],
)
def test_inspect_by_a_template(things: Both, form: str) -> None:
    things("inspect", "-f", form, A, B)


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", A),
        ("inspect", A, BUSYBOX),
        ("inspect", A, "nosuch", B),
        ("container", "inspect", B),
        ("image", "inspect", BUSYBOX),
        ("volume", "inspect", A),
        ("network", "inspect", A),
        ("inspect", "--type", "volume", A),
        ("inspect", "--type", "network", A, "-f", "{{.Name}} {{.Labels}} {{.IPAM.Config}}"),
        ("inspect", "--type", "network", A, "-f", "{{json .}} {{.Created}}"),
    ],
)
def test_inspect(things: Both, words: tuple[str, ...]) -> None:
    things(*words)


def test_inspect_measures(things: Both) -> None:
    things("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", B)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-q",),
        ("-f", f"name={A}"),
        ("-f", f"name={A}", "--no-trunc"),
        ("--format", "{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}} {{.Labels}}"),
        ("--format", "table {{.Name}}\\t{{.ID}}"),
        ("-f", f"name={A}", "--format", "{{.CreatedAt}}"),
    ],
)
def test_networks(things: Both, rows: Rows, words: tuple[str, ...]) -> None:
    assert things("network", "ls", *words, only=rows).code == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("-q",),
        ("-f", f"name={A}"),
        (
            "-f",
            f"name={A}",
            "--format",
            "{{.Name}} {{.Mountpoint}} {{.Labels}} {{.Size}} {{.Links}}",
        ),
        ("--format", "table {{.Name}}\\t{{.Scope}}"),
    ],
)
def test_volumes(things: Both, rows: Rows, words: tuple[str, ...]) -> None:
    assert things("volume", "ls", *words, only=rows).code == 0


def test_top_port_and_diff(things: Both) -> None:
    assert things("top", A, "-o", "pid,args", only=lambda text: text[:20]).code == 0
    assert things("port", A).out.startswith("80/tcp -> 127.0.0.1:")
    assert things("port", A, "80").out.startswith("127.0.0.1:")
    assert things("port", A, "80/tcp").code == 0
    assert things("port", A, "99").code == 1
    assert things("port", A, "x").code == 1
    found = things("diff", A, only=_sorted).out
    assert "A /etc/new\n" in found
    assert "A /etc/x\ufffd\n" in found
    assert things("top", B).code == 1


def test_the_server_of_version(things: Both) -> None:
    mine, theirs = things.ours("version"), things.docker("version")
    assert _server(mine.out) == _server(theirs.out)
    form = "{{.Server.Version}} {{.Server.APIVersion}} {{.Server.Experimental}} {{.Server.Arch}}"
    assert things("version", "-f", form).code == 0


def _server(text: str) -> list[str]:
    lines = text[text.index("Server:") :].splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def test_info_of_the_server(things: Both) -> None:
    mine, theirs = things.ours("info"), things.docker("info")
    counted = ("Containers:", "Running:", "Paused:", "Stopped:", "Images:", "Runtimes:")

    def lines(text: str) -> list[str]:
        return [line for line in _server(text) if not line.startswith(counted)]

    assert lines(mine.out) == lines(theirs.out)
    assert mine.err == theirs.err
    assert things("info", "-f", "{{.Driver}} {{.NCPU}} {{.ServerVersion}}").code == 0


def test_system_df(things: Both, rows: Rows) -> None:
    def sums(text: str) -> str:
        """What others make and remove is in them, too."""
        return re.sub(r"[\d.]+[kMG]?B?( \(\d+%\))?| +", " ", text) if things.is_shared else text

    def details(text: str) -> list[str]:
        """What an image shares with others, and who uses it, changes with them."""
        found = rows(text)
        return (
            [re.sub(r"(\S+B \S+B \d+$)", "", line) for line in found] if things.is_shared else found
        )

    assert things("system", "df", only=sums).code == 0
    form = "{{.Type}} {{.TotalCount}} {{.Size}}"
    assert things("system", "df", "--format", form, only=sums).code == 0
    assert A in things("system", "df", "-v", only=details).out
    form = (
        "{{range .Images}}{{.ID}} {{.Size}}\n{{end}}{{range .Containers}}{{json .Names}}\n{{end}}"
    )
    assert B in things("system", "df", "-v", "--format", form, only=rows).out
    assert things("system", "df", "-v", "--format", "{{.Nosuch}}").code == 1


def test_events(things: Both) -> None:
    # dockerd remembers 256 events, of all that happens on the machine.
    began = f"{time.time():.9f}"
    for old, new in ((B, f"{B}-2"), (f"{B}-2", B)):
        assert things.docker("rename", old, new).code == 0
    container = things.docker("inspect", "-f", "{{.Id}}", B).out.strip()
    words = ("events", "--since", began, "--until", "0s", "-f", f"container={container}")
    # The second in which they happened has to be over.
    assert wait_for(lambda: len(things.docker(*words).out.splitlines()) == 2, every=0.2)
    form = (
        "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Status}} {{.ID}} {{.From}} {{.Time}} {{.TimeNano}}"
    )
    for given in ((), ("--format", form), ("--format", "{{json .}}")):
        assert len(things(*words, *given).out.splitlines()) == 2


def test_stats_once(things: Both) -> None:
    form = "{{.Name}} {{.ID}} {{.PIDs}} {{.Container}}"
    assert things("stats", "--no-stream", "--format", form, A).out.startswith(f"{A} ")
    # Of one that does not run all is nothing, at once.
    assert " 0B / 0B " in things("stats", "--no-stream", B).out


def test_a_variable_takes_one_look_of_stats(things: Both) -> None:
    assert "add --no-stream" in things.ours("stats", A).err


def _filters_of(verb: Verb) -> list[str]:
    return [rule for flag in verb.flags if flag.name == "filter" for rule in flag.offers.split()]


@pytest.mark.parametrize(
    "verb", [verb for verb in looking.ROWS if _filters_of(verb)], ids=attrgetter("name")
)
def test_tab_offers_filters_that_the_engine_has(things: Both, verb: Verb) -> None:
    words = verb.name.split()
    more = ("--since", "1", "--until", "2") if verb.name == "system events" else ()
    for rule in _filters_of(verb):
        name, _, offers = rule.partition("=")
        value = offers.partition("|")[0] if "|" in offers else "0"
        said = things.ours(*words, *more, "--filter", f"{name}={value}")
        assert "nvalid filter" not in said.err, (name, said)


def test_a_network_of_a_container_that_has_ended_would_be_pruned(both: Both) -> None:
    name = f"ipyc-ended-{os.getpid()}"
    mine = ("--filter", f"label={name}")
    try:
        both.docker("network", "create", "--label", name, name)
        assert both.docker("run", "--name", name, "--network", name, BUSYBOX, "true").code == 0
        told = both.ours("network", "prune", *mine)
        assert name in told.out + told.err
        # dockerd prunes for one at a time.
        assert wait_for(lambda: name in both.docker("network", "prune", "-f", *mine).out, every=1)
    finally:
        both.docker("rm", "-f", name)
        both.docker("network", "rm", name)
