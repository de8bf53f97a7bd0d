"""Builds on our engine and on dockerd: the same lines, files, Config and history."""

from __future__ import annotations

import gzip
import lzma
import secrets
from typing import Any

import pytest
from engine.build.building import Build, build
from engine.sides import exact
from layers import Entry, file, folder, link, tar

BUSYBOX = "ipycontainers-test/busybox"
FROM = f"FROM {BUSYBOX}\n"
ARCHIVE = tar(
    folder("in", mode=0o750, uid=1234, gid=12),
    file("in/su", b"xx", mode=0o4755, uid=1234, gid=12),
    link("in/l", "../top"),
    file("top", b"y", mode=0o644, uid=55),
)
SOURCES = (
    folder("s"),
    file("s/f", b"1", mode=0o640, uid=3),
    folder("s/sub", mode=0o700),
    file("s/sub/g", b"g", mode=0o755),
    link("s/l", "f"),
    file("f", b"F", mode=0o600, uid=1000),
    link("to-f", "f"),
    link("to-s", "s"),
    link("out", "../../etc/passwd"),
)


@pytest.fixture(scope="module")
def theirs(engine: Any) -> Any:
    """docker-py on dockerd."""
    return engine.docker


@pytest.fixture
def both(docker: Any, theirs: Any) -> tuple[Any, Any]:
    """docker-py on dockerd and on ours."""
    return theirs, docker


def same(
    both: tuple[Any, Any], text: str, /, *entries: Entry, fails: bool = False, **query: Any
) -> Build:
    """Ours, which has to be as dockerd's in all that can be seen."""
    query = {"nocache": 1, **query}
    theirs, ours = judged(both[0], text, *entries, **query), build(both[1], text, *entries, **query)
    assert (ours.status, ours.text, ours.error) == (theirs.status, theirs.text, theirs.error)
    assert (ours.error is not None) == fails, ours.text
    assert bool(ours.id) == bool(theirs.id)
    if ours.id:
        assert (ours.files(), config := ours.config(), ours.history()) == theirs.seen
        assert exact(config) == exact(theirs.seen[1])
    return ours


def judged(docker: Any, text: str, *entries: Entry, **query: Any) -> Build:
    """dockerd's, which is asked once for both launchers, but for what the cache has a part in."""
    key = (text, tar(*entries), tuple(query), str(query))
    if query["nocache"] and key in ANSWERS:
        return ANSWERS[key]
    made = ANSWERS[key] = build(docker, text, *entries, **query)
    if made.id:
        made.seen = (made.files(), made.config(), made.history())
    return made


ANSWERS: dict[object, Build] = {}


# --- COPY and ADD --------------------------------------------------------------------------------


def test_what_copy_takes_and_where_it_goes(both: Any) -> None:
    prepared = "RUN mkdir -p /t/d /t/real; ln -s d /t/l; ln -s /gone /t/dangling; ln -s f /t/real/f"
    rules = """
        s /t/new | s /t/d | s f /many/ | f /t/l/g | f /t/dangling | f /t/h/ | f /t/p/q
        to-f /t/of | to-s /t/os | to-s/f /t/osf | s/./f /t/dot | /s/f /t/root | f /t/real/
        . /all | s/* /star/ | [e-g] /class/ | ?o-f *.none /w/"""
    copies = "".join(
        f"\nCOPY {rule.strip()}"
        for line in rules.splitlines()
        if line.strip()
        for rule in line.split("|")
    )
    same(
        both,
        f"{FROM}{prepared}{copies}\nWORKDIR /w\nCOPY f .\nCOPY f sub/\nCOPY f name\n",
        *SOURCES,
    )


def test_owners_by_name_and_number(both: Any) -> None:
    known = file("passwd", b"u:x:77:88::/:/bin/sh\n"), file("group", b"g:x:99:\n")
    lines = "COPY passwd group /etc/\nCOPY --chown=5:6 s /x\nCOPY --chown=u:88 s /deep/y/\n"
    same(both, f"{FROM}{lines}ADD --chown=u:g f /z/w\nCOPY --chown=77 s /etc\n", *SOURCES, *known)


def test_add_unpacks_what_is_an_archive_and_copy_does_not(both: Any) -> None:  # imagebuilder#99
    files = (
        file("a.tar", ARCHIVE),
        file("a.bin", gzip.compress(ARCHIVE, mtime=0)),
        file("a.xz", lzma.compress(ARCHIVE)),
        file("no.gz", gzip.compress(b"hello", mtime=0)),
        link("linked", "a.bin"),
    )
    lines = (
        "ADD a.tar /a\nADD a.bin /b/\nADD a.xz /c\nCOPY a.bin /d\nADD linked /e/\nADD no.gz /f/\n"
    )
    same(both, f"{FROM}{lines}ADD --chown=3:3 a.tar /g\nADD a.tar a.bin /h/\n", *files)


def test_a_link_of_the_image_is_followed_and_stays(both: Any) -> None:  # kaniko#774, moby#41035
    prepared = (
        "RUN mkdir -p /etc/runit/d; cd /etc; ln -s runit/d service; touch real; ln -s real name"
    )
    lines = "COPY f /etc/service/f\nCOPY f /etc/name\n"
    made = same(both, f"{FROM}{prepared}\n{lines}", *SOURCES)
    assert made.files()["etc/service"][0] == b"2"


def test_a_folder_takes_the_place_of_a_link(both: Any) -> None:
    tree = folder("s"), folder("s/lnk"), file("s/lnk/f", b"1")
    same(both, f"{FROM}RUN mkdir -p /t/real; ln -s real /t/lnk\nCOPY s /t/\n", *tree)


@pytest.mark.parametrize(
    "line",
    [
        "COPY ../x /",
        "COPY out /x",
        "COPY gone /x",
        "ADD gone /x",
        "COPY *.none /x",
        "COPY s f /x",
        "COPY --chown=zed f /x",
        "COPY s /etc/passwd",
        "COPY --from=7 /x /y",
        "ADD http://127.0.0.1:1/x /x",
    ],
)
def test_what_copy_refuses(both: Any, line: str) -> None:
    same(both, f"{FROM}{line}\n", *SOURCES, fails=True)


def test_setuid_and_attributes_are_kept_between_stages(docker: Any) -> None:  # kaniko#618
    caps = {"SCHILY.xattr.security.capability": "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"}
    archive = tar(file("su", b"x", mode=0o4755, uid=1000), file("cap", b"y", pax_headers=caps))
    lines = "FROM scratch AS one\nADD a.tar /\nFROM scratch\nCOPY --from=one / /two/\n"
    made = build(docker, lines, file("a.tar", archive))
    assert made.files()["two/su"][1:4] == ("0o4755", 0, 0)
    saved = b"".join(docker.images.get(made.id).save())
    assert b"SCHILY.xattr.security.capability" in saved


def test_chmod_of_copy_is_set(docker: Any) -> None:
    lines = f"{FROM}COPY --chmod=4711 --chown=5:6 f /x/y\nCOPY --chmod=0750 s /s\n"
    files = build(docker, lines, *SOURCES).files()
    assert files["x/y"][1:4] == ("0o4711", 5, 6)
    assert files["x"][1] == "0o755"
    assert files["s/sub/g"][1] == "0o750"


# --- RUN and the rest ----------------------------------------------------------------------------


def test_what_run_leaves(both: Any) -> None:
    script = (
        "mkdir -p /t/a/b /t/c /t/k; echo 1 >/t/a/b/f; echo 2 >/t/c/g; echo 3 >/t/h; "
        "chmod 4711 /t/h; ln /t/h /t/h2; mkdir -m 1777 /t/st; mkfifo /t/p; echo err >&2"
    )
    again = "rm -rf /t/a /t/h /t/c; mkdir /t/c; echo 9 >/t/c/new; rmdir /t/k; echo file >/t/k"
    same(both, f'{FROM}RUN {script}\nRUN {again}\nRUN ["true"]\n')


def test_volumes_forget_what_run_writes(both: Any) -> None:
    lines = "RUN mkdir /v; echo 1 >/v/a\nVOLUME /v\nRUN echo 2 >/v/b\nCOPY f /v/c\n"
    made = same(both, f"{FROM}{lines}", *SOURCES)
    assert [name for name in made.files() if name.startswith("v/")] == ["v/a", "v/c"]
    assert both[1].volumes.list() == []


def test_arguments_from_and_stages(both: Any) -> None:  # R26
    text = (
        "ARG V=latest\nFROM ipycontainers-test/busybox:${V} AS one\nRUN echo [$V] >/a\nARG V\n"
        "RUN echo [$V] >/b\nFROM scratch\nCOPY --from=one /a /b /\nCOPY --from=0 /b /c\n"
        f'COPY --from={BUSYBOX} /bin/busybox /bb\nENV X=$V Y=${{V:-y}}\nCMD ["x"]\n'
    )
    for given in ({}, {"V": "latest", "unused": "1"}):
        same(both, text, buildargs=given, labels={"b": "2", "a": "1"})
    assert build(both[1], text, buildargs={"V": "latest"}).text.count("Using cache") == 8  # all


def test_triggers_run_in_children(both: Any) -> None:
    base = f"{FROM}ONBUILD COPY f /f\nONBUILD RUN echo trig >/trig\nONBUILD ENV X=1\n"
    same(both, base, *SOURCES, t="ipyc-build/base")
    same(both, "FROM ipyc-build/base\nRUN cat /f\n", *SOURCES)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("FROM scratch\n", {}),
        (f"{FROM}FOO\n", {}),
        ("", {}),
        (f"{FROM}RUN echo out; exit 3\n", {"q": 1}),
        (f'{FROM}RUN ["/nope"]\n', {}),
        ("FROM scratch\nRUN true\n", {}),
        (f"{FROM}USER zed\nRUN id\n", {}),
        (f"{FROM}RUN true\n", {"target": "gone"}),
        (f"{FROM}", {"t": "A B"}),
        (f"{FROM}", {"dockerfile": "gone"}),
        (f"{FROM}", {"version": 3}),
    ],
)
def test_what_fails_early_and_late(both: Any, text: str, query: dict[str, Any]) -> None:
    same(both, text, fails=True, **query)


def test_a_quiet_build_says_its_id_only(both: Any) -> None:
    assert same(both, f"{FROM}ENV A=1\n", q=1).text == "sha256:ID\n"


# --- the cache -----------------------------------------------------------------------------------


def test_the_cache_knows_content_and_not_times(both: Any) -> None:
    own = secrets.token_hex(8)  # dockerd is asked on each launcher's turn
    text = f"{FROM}ENV OWN={own}\nCOPY s /s\nARG V\nENV W=$V\nCOPY f /f\n"
    variants: list[tuple[tuple[Entry, ...], dict[str, Any]]] = [
        ((), {}),
        ((), {}),
        ((file("f", b"F", mode=0o600, uid=1000, mtime=5),), {}),
        ((file("f", b"F", mode=0o644, uid=1000),), {}),
        ((), {"buildargs": {"V": "2"}}),
        ((), {"nocache": 1}),
    ]
    for number, (other, query) in enumerate(variants):
        entries = {entry.name: (entry, content) for entry, content in (*SOURCES, *other)}
        same(both, text, *entries.values(), **{"nocache": int(not number), **query})


def test_the_cache_is_there_for_the_next_engine(mine: Any) -> None:
    text = f"{FROM}RUN echo >/a\nCOPY f /f\n"
    first = build(mine.client, text, *SOURCES)
    mine.kill9()
    mine.start()
    again = build(mine.client, text, *SOURCES)
    assert again.text.count("Using cache") == 2
    assert again.id == first.id


def test_layers_are_the_same_everywhere(own: Any, mine: Any) -> None:
    """Also on another engine, later, and with nothing of the cache."""
    text = (
        f"{FROM}COPY s /s\nRUN mkdir /d; echo 1 >/d/f; touch /s/f; rm /s/l; chmod 4755 /d/f\n"
        "WORKDIR /w\nRUN echo 2 >/d/g; rm /d/f; touch -d @77 /w/old\nADD f /new/f\n"
    )
    first = build(own.client, text, *SOURCES)
    again = build(own.client, text, *SOURCES, nocache=1)
    other = build(mine.client, text, *SOURCES)
    assert first.layers() == again.layers() == other.layers()
    assert len(set(first.layers())) == 6


def test_both_launchers_make_one_layer(own: Any, request: pytest.FixtureRequest) -> None:
    text = (
        f"{FROM}COPY s /s\nRUN mkdir /d; echo 1 >/d/f; rm -r /s/sub; chmod 700 /s; mkdir -m 0 /no\n"
    )
    made = build(own.client, text, *SOURCES)
    known = request.config.stash.setdefault(LAYERS, made.layers())
    assert known == made.layers()


LAYERS = pytest.StashKey[list[str]]()
