"""The equivalent docker run: it pastes, it says the same, it shows no secret."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainers.errors import Invalid
from ipycontainers.options import OPTIONS, EngineTraits, Option, RunOptions, expand, parse, split

ME = f"{os.getuid()}:{os.getgid()}"
FOLDER = Path("/note books")


def _command(line: str, **more: object) -> str:
    settings: dict[str, object] = {"folder": FOLDER, **more}
    return parse(split(line)).docker_command(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("alpine", "docker run --rm alpine"),
        ("--rm alpine", "docker run --rm alpine"),
        ("--keep alpine", "docker run alpine"),
        ("--rm=false alpine", "docker run alpine"),
        ("-d alpine", "docker run -d alpine"),
        ("-d --rm alpine", "docker run --rm -d alpine"),
        ("-e A=secret -e B alpine", "docker run --rm -e A -e B alpine"),
        ("--memory=1g --detach=false -P alpine", "docker run --rm -m 1g -d=false -P alpine"),
        ("--out a --timeout 3 --no-raise-error --diff alpine", "docker run --rm alpine"),
        (
            "--entrypoint sh alpine -c 'echo a  b'",
            "docker run --rm --entrypoint sh alpine -c 'echo a  b'",
        ),
        ("--entrypoint '' alpine sh", "docker run --rm --entrypoint '' alpine sh"),
        ("--stdin x alpine wc", "docker run --rm -i alpine wc"),
        ("-v ./d:/d:ro alpine", "docker run --rm -v '/note books/d:/d:ro' alpine"),
        ("-v data:/d -v /x -v /a:/b alpine", "docker run --rm -v data:/d -v /x -v /a:/b alpine"),
        (
            "--mount type=bind,src=.,dst=/d alpine",
            "docker run --rm --mount 'type=bind,src=/note books,dst=/d' alpine",
        ),
        (
            "--mount type=volume,src=v,dst=/d alpine",
            "docker run --rm --mount type=volume,src=v,dst=/d alpine",
        ),
        ("--env-file .env alpine", "docker run --rm --env-file '/note books/.env' alpine"),
    ],
)
def test_command(line: str, command: str) -> None:
    assert _command(line) == command


def test_what_really_ran_is_shown() -> None:
    assert _command(
        "--entrypoint sh alpine bash",
        entrypoint=["python", "-u"],
        command=["-c", "print('a')"],
        stdin=True,
    ) == ("docker run --rm -i --entrypoint python alpine -u -c 'print('\"'\"'a'\"'\"')'")


# --- what was typed in braces is shown in braces ------------------------------------------------

SECRET = "TOP'SECRET=1"
VALUES: dict[str, object] = {
    "token": SECRET,
    "pair": f"A={SECRET}",
    "image": "alpine",
    "path": "/data",
    "empty": "",
    "keys": {"k=v": SECRET},
}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("x sh -c 'echo {token}; false'", "docker run --rm x sh -c 'echo {token}; false'"),
        (
            "x {token} {empty} $HOME '{{.a}}'",
            "docker run --rm x '{token}' '{empty}' '$HOME' '{{.a}}'",
        ),
        ("-l a={token} x", "docker run --rm -l 'a={token}' x"),
        ("--label=a={token} x", "docker run --rm -l 'a={token}' x"),
        ("-la={token} x", "docker run --rm -l 'a={token}' x"),
        ("-dl={token} x", "docker run -d -l '{token}' x"),
        ("--name={empty} x", "docker run --rm --name '{empty}' x"),
        ("-e A={token} x", "docker run --rm -e A x"),
        ("-e {pair} x", "docker run --rm -e '{pair}' x"),
        ("--env={pair} -e B{path}=1 x", "docker run --rm -e '{pair}' -e 'B{path}' x"),
        ("-e 'A={keys[\"k=v\"]}' x", "docker run --rm -e A x"),
        ("-l '{keys[\"k=v\"]}' x", "docker run --rm -l '{keys[\"k=v\"]}' x"),
        ("--entrypoint {token} x", "docker run --rm --entrypoint '{token}' x"),
        ("-v {path}:/x {image}", "docker run --rm -v '{path}:/x' '{image}'"),
        (
            "--mount type=bind,src={path},dst=/d x",
            "docker run --rm --mount 'type=bind,src={path},dst=/d' x",
        ),
    ],
)
def test_what_was_typed_in_braces_is_shown_in_braces(line: str, command: str) -> None:
    options = parse(expand(split(line), VALUES))
    shown = options.docker_command(folder=FOLDER)
    assert shown == command
    assert "SECRET" not in shown
    own = options.docker_command(
        entrypoint=[options.entrypoint] if options.entrypoint else None,
        command=[*options.command],
        folder=FOLDER,
    )
    assert own == command


def test_an_expanded_word_is_still_what_it_stands_for() -> None:
    options = parse(expand(split("-e A={token} --name {image} x {token}"), VALUES))
    assert (options.name, options.command) == ("alpine", (SECRET,))
    assert options.texts("env") == (f"A={SECRET}",)


def test_without_a_folder_paths_stay_as_typed() -> None:
    assert _command("-v .:/d alpine", folder=None) == "docker run --rm -v .:/d alpine"


def test_paths_of_a_far_engine_stay_as_typed() -> None:
    assert _command("-v .:/d alpine", traits=EngineTraits(shares_files=False)) == (
        "docker run --rm -v .:/d alpine"
    )


def test_here_is_spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 5678)
    monkeypatch.setattr(os, "getgroups", lambda: [5678, 44])
    shared = "-v '/note books:/note books' -w '/note books'"
    assert _command("--here alpine") == (
        f"docker run --rm {shared} -u 1234:5678 "
        "-e HOME=/tmp -e USER=1234 -e LOGNAME=1234 --group-add 44 alpine"
    )
    assert _command("--here alpine", traits=EngineTraits(rootless=True)) == (
        f"docker run --rm {shared} -u 0:0 alpine"
    )
    assert _command("--here -u 5 -w /x alpine") == (
        "docker run --rm -u 5 -w /x -v '/note books:/note books' alpine"
    )
    everything = EngineTraits(selinux=True, userns_remap=True, rootless=True)
    assert _command("--here alpine", traits=everything).endswith(
        "--security-opt label=disable --userns host alpine"
    )


def test_a_folder_with_a_colon_is_spelt_as_a_mount() -> None:
    command = _command("--here -u 5 alpine", folder=Path("/a:b,c"))
    words = shlex.split(command)
    options = parse(words[2:])
    mounts = options.create_config(
        folder=Path("/"), environ={}, traits=EngineTraits(shares_files=False)
    )["HostConfig"]
    assert isinstance(mounts, dict)
    assert mounts["Mounts"] == [{"Type": "bind", "Source": "/a:b,c", "Target": "/a:b,c"}]


def _lines() -> st.SearchStrategy[RunOptions]:
    """Any RunOptions of docker's options, made from right examples and any texts."""
    shown = [
        option
        for option in OPTIONS
        if option.group == "docker"
        and option.name not in ("env", "entrypoint", "rm", "volume", "mount")
    ]

    def one(option: Option) -> st.SearchStrategy[tuple[Option, str | bool]]:
        if not option.metavar:
            return st.tuples(st.just(option), st.booleans())
        texts = st.just(option.example)
        free = option.name in ("user", "name", "hostname", "workdir", "dns-option", "stop-signal")
        return st.tuples(st.just(option), texts | st.text(min_size=1) if free else texts)

    def build(given: list[tuple[Option, str | bool]], image: str, command: list[str]) -> RunOptions:
        return RunOptions(image, tuple(command), tuple(given))

    image = st.text(min_size=1).filter(lambda text: not text.startswith("-"))
    return st.builds(
        build,
        st.lists(st.sampled_from(shown).flatmap(one), max_size=5),
        image,
        st.lists(st.text(), max_size=3),
    )


@given(_lines())
def test_the_command_read_again_is_the_same(options: RunOptions) -> None:
    command = options.docker_command()
    words = split(command)
    assert words == shlex.split(command)
    assert words[:2] == ["docker", "run"]
    try:
        again = parse(words[2:])
    except Invalid:  # not every list of options makes sense together
        with pytest.raises(Invalid):
            parse(_words(options))
        return
    given_again = tuple(row for row in again.given if row[0].name != "rm")
    assert (again.image, again.command, given_again) == (
        options.image,
        options.command,
        options.given,
    )


def _words(options: RunOptions) -> list[str]:
    words: list[str] = []
    for option, value in options.given:
        words += (
            [f"{option.names[-1]}={str(value).lower()}"]
            if isinstance(value, bool)
            else [option.names[-1], value]
        )
    return [*words, options.image, *options.command]


@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")), max_size=4)
)
def test_a_shell_reads_the_words_that_were_meant(words: list[str]) -> None:
    command = RunOptions("alpine", tuple(words)).docker_command()
    assert shlex.split(command) == ["docker", "run", "--rm", "alpine", *words]


def test_it_pastes_into_a_shell(tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    fake.chmod(0o755)
    command = _command(
        "-v ~/x:/y -l 'a=$HOME `x` \"q\"' alpine sh -c 'echo \"it'\"'\"'s\" $A'", folder=Path("/n")
    )
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f'<run><--rm><-v><{Path.home()}/x:/y><-l><a=$HOME `x` "q"><alpine><sh><-c><echo "it\'s" $A>'
    )
