"""Words become RunOptions, or one sentence that says why not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainers.errors import Invalid
from ipycontainers.options import OPTIONS, RunOptions, expand, help_text, parse, split


def _parse(line: str) -> RunOptions:
    return parse(split(line))


def _refused(line: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        _parse(line)
    assert "\n" not in caught.value.message
    return caught.value


def _given(options: RunOptions) -> list[tuple[str, str | bool]]:
    return [(option.name, value) for option, value in options.given]


@pytest.mark.parametrize("line", ["-e A=1", "-eA=1", "-e=A=1", "--env A=1", "--env=A=1"])
def test_a_value_may_stand_in_five_places(line: str) -> None:
    assert _parse(f"{line} alpine") == _parse("-e A=1 alpine")


def test_the_first_other_word_is_the_image_and_ends_the_options() -> None:
    options = _parse("-t alpine -e --rm -- x")
    assert (options.image, options.command) == ("alpine", ("-e", "--rm", "--", "x"))
    assert _given(options) == [("tty", True)]


def test_two_dashes_end_the_options() -> None:
    assert _parse("-t -- alpine sh").command == ("sh",)


def test_short_flags_combine_and_the_last_may_take_a_value() -> None:
    assert _given(_parse("-dPtu 5 alpine")) == [
        ("detach", True),
        ("publish-all", True),
        ("tty", True),
        ("user", "5"),
    ]
    assert _given(_parse("-te=A=1 alpine")) == [("tty", True), ("env", "A=1")]


def test_a_value_may_look_like_an_option() -> None:
    assert _given(_parse("--label -t -l --rm alpine")) == [("label", "-t"), ("label", "--rm")]


def test_of_an_option_that_cannot_repeat_the_last_counts() -> None:
    options = _parse("--name a --name b --keep --keep=false -t -t=0 alpine")
    assert (options.name, options.keep, options.tty) == ("b", False, False)


def test_properties() -> None:
    options = _parse(
        "--out a --err b --bg --proc p --no-raise-error --timeout 1.5 --keep "
        "--here --pull never --name n --platform linux/arm64 -m 1g "
        "--entrypoint '' image"
    )
    assert (options.out, options.err, options.bg, options.proc) == ("a", "b", True, "p")
    assert (options.raise_error, options.timeout, options.keep) == (False, 1.5, True)
    assert (options.here, options.diff, options.detach, options.tty) == (True, False, False, False)
    assert (options.pull, options.name, options.platform) == ("never", "n", "linux/arm64")
    assert (options.memory, options.entrypoint, options.stdin) == ("1g", "", None)


def test_defaults() -> None:
    options = _parse("image")
    assert options == RunOptions("image")
    assert (options.raise_error, options.pull, options.keep) == (True, "missing", False)
    assert (options.timeout, options.entrypoint, options.out) == (None, None, None)


def test_the_last_word_on_raising_counts() -> None:
    assert not _parse("--raise-error --no-raise-error x").raise_error
    assert _parse("--no-raise-error --raise-error x").raise_error
    assert not _parse("--raise-error=false x").raise_error


def test_rm_false_keeps_as_it_does_for_docker() -> None:
    assert _parse("--rm=false alpine").keep
    assert not _parse("--rm alpine").keep


@pytest.mark.parametrize("line", ["", "-t", "--", "-e A=1", "''"])
def test_no_image(line: str) -> None:
    assert "no image" in _refused(line).message


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("--evn A=1 x", "--env"),
        ("--memroy 1g x", "--memory"),
        ("--volumes a:b x", "--volume"),
        ("--tiemout 3 x", "--timeout"),
        ("-env A=1 x", "--env"),
        ("-name x", "--name"),
        ("--env_file x", "--env-file"),
        ("--her x", "--here"),
        ("-tz x", ""),
        ("--zzzzzz x", ""),
        ("-rm x", "--rm"),
    ],
)
def test_a_misspelt_option_names_the_nearest(line: str, nearest: str) -> None:
    refused = _refused(line)
    assert "%%container?" in refused.hint
    assert (f"did you mean {nearest}?" in refused.hint) is bool(nearest)


def test_nothing_is_abbreviated() -> None:
    assert "--work" in _refused("--work /tmp alpine").message


@pytest.mark.parametrize("line", ["--restart always x", "--link a:b x", "-a stdin x", "--ip 1 x"])
def test_an_option_that_only_docker_has_is_called_so(line: str) -> None:
    assert "option of docker run" in _refused(line).message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-it alpine", "--stdin"),
        ("-ti alpine", "--stdin"),
        ("--interactive alpine", "--stdin"),
        ("-i alpine", "--stdin"),
        ("-i python:3 python", "--stdin"),
        ("-dit alpine", "--stdin"),
        ("--interactive=true alpine", "--stdin"),
        ("-i", "--stdin"),
        ("--help", "--help"),
    ],
)
def test_what_is_interactive_gets_one_sentence(line: str, said: str) -> None:
    assert said in _refused(line).message


def test_values_and_a_session_have_names() -> None:
    given = parse(["-slab", "-i", "frame,n=len(rows)", "--output=x,mine=theirs", "alpine"])
    assert given.session == "lab"
    assert given.inputs == {"frame": "frame", "n": "len(rows)"}
    assert given.outputs == {"x": "x", "mine": "theirs"}
    assert given.output_limit is None


def test_the_limit_of_values_takes_a_suffix() -> None:
    assert parse(["--output-limit", "2m", "alpine"]).output_limit == 2 << 20
    assert "not a size" in _refused("--output-limit much alpine").message


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("table", {"table": "table"}),
        ("table,n=len(rows)", {"table": "table", "n": "len(rows)"}),
        ("n=len(rows),table", {"n": "len(rows)", "table": "table"}),
        ("a=[1, 2],b,c={1: 'x,y'}, d", {"a": "[1, 2]", "b": "b", "c": "{1: 'x,y'}", "d": "d"}),
        ("f=lambda x, y: x,b", {"f": "lambda x, y: x", "b": "b"}),
    ],
)
def test_names_and_expressions_of_values_come_in_any_order(text: str, inputs: object) -> None:
    assert parse(["-i", text, "busybox"]).inputs == inputs


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-i 'len(rows)' busybox", "an expression needs a name"),
        ("-i n=1,2 busybox", "an expression needs a name"),
        ("-i a,,b busybox", "names with commas"),
        ("-i n=(1 busybox", "names with commas between them, or NAME=EXPRESSION"),
        ("-o n= busybox", "names with commas between them, or MINE=THEIRS"),
        ("-i df.a busybox", "-i wants the name of a value"),
        ("-i **all busybox", "** has no meaning"),
        ("-o n=len(rows) busybox", "len(rows) is not a name"),
        (f"-i x=[{'1,' * 300}1],y busybox", "put its value into a variable"),
    ],
)
def test_wrong_values_are_told_why(line: str, said: str) -> None:
    assert said in _refused(line).message


def test_a_session_that_is_open_needs_no_image() -> None:
    parsed = parse(split("-s lab -i table -o n=counts"))
    assert (parsed.session, parsed.image) == ("lab", "")
    assert (parsed.inputs, parsed.outputs) == ({"table": "table"}, {"n": "counts"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-v $PWD:/data x", "write ."),
        ("-v $(pwd):/data x", "--here"),
        ("-v ${PWD}/a:/data x", "{os.getcwd()}"),
        ("-w $PWD x", "write ."),
        ("--mount type=bind,source=$PWD,target=/x x", "write ."),
        ("-v '`pwd`:/x' y", "`pwd`"),
        ("-v $HOME/data:/data x", "write ~"),
        ("-v %cd%:/data x", "write ."),
    ],
)
def test_what_only_a_shell_replaces_gets_one_sentence(line: str, said: str) -> None:
    assert said in _refused(line).message


@pytest.mark.parametrize(
    "line",
    [
        "--keep --rm",
        "-d --timeout 5",
        "-d --stdin x",
        "-d --out x",
        "-d --err x",
        "-d --diff",
        "-d --bg",
        "--bg --diff",
        "-t --err x",
        "-t --stdin x",
        "--proc p",
        "--network-alias a",
        "--trust",
        "-d --rm --keep",
    ],
)
def test_contradictions_are_refused(line: str) -> None:
    assert _refused(f"{line} alpine").hint


@pytest.mark.parametrize(
    "line",
    [
        "--keep --rm=false",
        "--keep=false --rm",
        "-d --keep",
        "-d --rm",
        "--bg --timeout 3",
        "--bg --keep",
        "--bg --proc p",
        "-t --out x",
        "-d=false --diff",
        "-d --here",
    ],
)
def test_what_does_not_contradict_is_taken(line: str) -> None:
    assert _parse(f"{line} alpine").image == "alpine"


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("-m 12parsecs x", "--memory", "12parsecs"),
        ("--cpus many x", "--cpus", "many"),
        ("-p 99999 x", "--publish", "99999"),
        ("--timeout 0 x", "--timeout", "0"),
        ("--timeout nan x", "--timeout", "nan"),
        ("--timeout inf x", "--timeout", "inf"),
        ("--out 1a x", "--out", "1a"),
        ("--out for x", "--out", "for"),
        ("--pull x y", "--pull", "x"),
        ("-v :/data x", "--volume", ":/data"),
        ("--pids-limit 9999999999999999999 x", "--pids", "99"),
        ("-m 99999999999p x", "--memory", "99999999999p"),
        ("--uts private x", "--uts", "private"),
    ],
)
def test_a_wrong_value_is_named_with_its_option(line: str, option: str, value: str) -> None:
    refused = _refused(line)
    assert option in refused.message
    assert value in refused.message
    assert refused.hint.startswith("for example: ")


@pytest.mark.parametrize(
    "line",
    [
        *("-e ={token}", "--env=={token}", "-l ={token}", "-l 'a b={token}'"),
        *("--sysctl a={token}", "-EA={token}", "--envv=A={token}", "-zE{token}"),
        *("-e =top-secret", "-l =top-secret", "-l 'a b=top-secret'", "-EA=top-secret"),
    ],
)
def test_no_error_quotes_the_value_of_a_variable(line: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(expand(split(f"{line} x"), {"token": "top-secret"}))
    assert "top" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("wrong", ["\udcff", "\0"])
@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("-e A={wrong} x", "--env"),
        ("-eA={wrong} x", "--env"),
        ("--label={wrong} x", "--label"),
        ("--name a{wrong} x", "--name"),
        ("--platform a{wrong} x", "--platform"),
        ("-v {wrong}:/x x", "--volume"),
        ("-w /{wrong} x", "--workdir"),
        ("-u {wrong} x", "--user"),
        ("--out {wrong} x", "--out"),
        ("{wrong} x", "the name of the image"),
        ("x y {wrong}", "word 2 behind the image"),
    ],
)
def test_text_that_is_none_is_invalid_and_not_quoted(line: str, what: str, wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(expand(split(line), {"wrong": f"top{wrong}"}))
    assert caught.value.message == f"{what} holds {wrong!a}, which is no character of a text"
    assert "\n" not in caught.value.hint


def test_a_missing_value_says_what_is_missing() -> None:
    refused = _refused("-e")
    assert "NAME[=VALUE]" in refused.message
    assert "-e A=1" in refused.hint


@pytest.mark.parametrize(
    "option", [option for option in OPTIONS if option.metavar], ids=lambda option: option.name
)
def test_every_option_has_a_right_example(option: object) -> None:
    from ipycontainers.options import Option

    assert isinstance(option, Option)
    assert option.example
    extra = {"network-alias": "--network lab ", "proc": "--bg ", "trust": "-s lab "}.get(
        option.name, ""
    )
    assert _parse(f"{extra}{option.names[0]} {option.example} alpine").texts(option.name) == (
        option.example,
    )


@given(
    st.sampled_from([option for option in OPTIONS if option.metavar]),
    st.text(max_size=12) | st.from_regex(r"[a-z0-9=:,./\-\[\]\"]{0,16}", fullmatch=True),
)
def test_any_value_is_taken_or_invalid(option: object, value: str) -> None:
    from ipycontainers.options import Option

    assert isinstance(option, Option)
    with contextlib.suppress(Invalid):
        options = parse([option.names[0], value, "alpine"])
        options.create_config(folder=Path("/"), environ={})


@given(st.lists(st.text(alphabet="-abdehimopstuvwP=1 $", max_size=6), max_size=5))
def test_any_words_are_options_or_invalid(words: list[str]) -> None:
    with contextlib.suppress(Invalid):
        parsed = parse(words)
        assert parsed.image or parsed.session


def test_the_manual_lists_every_option_in_90_columns() -> None:
    lines = help_text().splitlines()
    assert max(map(len, lines)) <= 90
    for option in OPTIONS:
        assert any(", ".join(option.names) in line for line in lines), option.names
        assert option.help in help_text()
    assert help_text().count("%%container ") >= 4


def test_names_are_unique_and_short_before_long() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    assert all(
        list(option.names) == sorted(option.names, key=lambda name: name.startswith("--"))
        for option in OPTIONS
    )
    assert {option.group for option in OPTIONS} == {"docker", "script", "ours"}


def test_import_is_light() -> None:
    code = (
        "import sys; import ipycontainers.options; "
        "print(*sorted({'docker', 'IPython', 'difflib', 'csv', 'json', 'shlex', "
        "'fractions', 'decimal', 'tempfile', 'subprocess'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == []
