"""%%container: which program runs, what it gets, and what the cell says afterwards."""

from __future__ import annotations

import functools
import os
import re
import secrets
import shutil
import subprocess

import pytest
from support import require, wait_for, was_oom_told


@pytest.mark.needs("hostname")
def test_a_cell_runs_in_a_container(cell):
    result = cell("busybox", 'echo "$GREETING from $(hostname)"', options="-e GREETING=hi -h box")
    assert result.status == "ok"
    assert result.stdout == "hi from box\n"
    assert result.stderr == ""


def test_a_cell_that_ends_with_another_code_fails_and_says_how_to_repeat_it(cell):
    result = cell("alpine", "false")
    assert result.status == "error"
    assert result.error.ename == "CellFailed"
    assert result.error.evalue.startswith("exit code 1 in ipycontainers-test/alpine")
    assert len(result.error.traceback) <= 4
    assert "docker run" in str(result.error)


def test_no_raise_error_gives_the_code_and_goes_on(cell, shared_kernel):
    assert cell("alpine", "exit 7", options="--no-raise-error").status == "ok"
    assert shared_kernel.run("print(_exit_code)").stdout == "7\n"
    assert cell("alpine", "true").status == "ok"
    assert shared_kernel.run("print(_exit_code)").stdout == "0\n"


@pytest.mark.parametrize(
    ("image", "words", "body", "shown"),
    [
        ("python", "", "import sys; print(sys.implementation.name)", "cpython\n"),
        ("alpine", "", "echo $0", "/bin/sh\n"),
        ("debian", "", "echo ${BASH_VERSION:+bash}", "bash\n"),
        ("debian", "", "#!/usr/bin/perl -w\nprint 6*7, $/;", "42\n"),
        ("debian", "perl", "print 6*7, $/;", "42\n"),
        ("debian", "bash -euo pipefail", "false | true\necho no", None),
        ("python", "sh", "echo $((6*7))", "42\n"),
        ("python", "python3 -O", "assert False\nprint(__debug__)", "False\n"),
        ("noshell", "/bin/awk -f -", 'BEGIN { print "awk" }', "awk\n"),
    ],
)
def test_the_interpreter_is_named_or_the_images_own(cell, image, words, body, shown):
    result = cell(image, body, words=words)
    if shown is None:
        assert result.error.evalue.startswith("exit code 1")
        assert result.stdout == ""
    else:
        assert result.stdout == shown, result.error


def test_an_image_without_a_shell_says_so(cell):
    result = cell("noshell", "echo hi")
    assert result.error.evalue.startswith("exit code 127")
    assert "/bin/sh" in result.error.evalue
    assert "PROGRAM" in str(result.error)


def test_a_program_that_the_image_lacks_is_127(cell, engine):  # R01
    result = cell("alpine", "echo hi", words="frob", options="-l test=lacks")
    assert result.status == "error"
    assert result.error.evalue.startswith("exit code 127")
    assert "frob" in result.error.evalue
    assert "ipycontainers-test/alpine" in result.error.evalue
    assert "%%container ipycontainers-test/alpine sh" in str(result.error)
    assert result.stdout == ""
    assert "OCI" not in str(result.error)
    assert wait_for(lambda: not engine.list_containers(labels={"test": "lacks"}), seconds=5)


def test_a_program_that_cannot_be_executed_is_126(cell):  # R01
    result = cell("alpine", "echo hi", words="/etc/passwd")
    assert result.error.evalue.startswith("exit code 126")
    assert result.stdout == ""


BODIES = {
    "quotes": """printf '%s|' "a 'b' $HOME \\$x" 'c "d" $e \\f' `echo g` \\\\\n""",
    "heredoc": "cat <<'EOF'\n  $a \"b\" 'c' \\d\n\ttab\nEOF\n",
    "utf8": "echo 'grüße 漢字 🐳 \u00a0'\n",
    "percent": "printf '%s\\n' '%%container x' '{name}' '{{x}}'\n",
    "no newline": "printf x",
}


@pytest.mark.parametrize("name", BODIES)
def test_the_body_arrives_as_it_was_typed(cell, name):
    expected = subprocess.run(
        ["/bin/sh", "-c", BODIES[name]], capture_output=True, text=True, check=True,
        env={"HOME": "/root"},
    ).stdout  # fmt: skip
    assert cell("busybox", BODIES[name], options="-e HOME=/root").stdout == expected


def test_windows_line_ends_arrive(cell, shared_kernel):
    code = "get_ipython().run_cell_magic('container', '{} cat', 'a\\r\\nb\\r\\n')"
    result = shared_kernel.run(code.format("--out text ipycontainers-test/busybox"))
    assert result.status == "ok", result.error
    assert shared_kernel.run("print(repr(text))").stdout == "'a\\r\\nb\\r\\n'\n"


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("options", [
    "", "-u 1234",
    pytest.param("--read-only", marks=pytest.mark.needs("read-only")),
    pytest.param("--read-only -u 1234", marks=pytest.mark.needs("read-only")),
])  # fmt: skip
def test_short_and_long_bodies_run_read_only_and_as_any_user(cell, options, size):
    body = f"echo $(id -u)\n{'#' * size}\necho end\n"
    result = cell("busybox", body, options=options)
    user = "1234" if "-u" in options else "0"
    assert result.stdout == f"{user}\nend\n", result.error


@pytest.mark.slow
@pytest.mark.parametrize(("image", "words"), [
    ("busybox", "sh"), ("python", "python3"), ("busybox", "wc -c"), ("debian", "perl"),
])  # fmt: skip
def test_ten_megabytes_of_body_arrive(shared_kernel, images, image, words):
    name = getattr(images, image)
    tail = {"sh": "echo end", "python3": "print('end')", "perl": "print qq(end\\n)"}.get(words, "x")
    shared_kernel.run(f"body = '#' + 'x' * 10_000_000 + chr(10) + {tail!r}")
    code = f"get_ipython().run_cell_magic('container', '{name} {words}', body)"
    result = shared_kernel.run(code)
    expected = f"{10_000_002 + len(tail)}\n" if words == "wc -c" else "end\n"
    assert result.stdout == expected, result.error


def test_python_is_not_buffered(cell):  # R02
    result = cell("python", "import time\nprint('a')\ntime.sleep(2)\nprint('b')")
    assert result.stdout == "a\nb\n"
    times = {text.strip(): when for when, _, text in result.chunks}
    assert times["b"] - times["a"] > 1.5


def test_the_users_word_on_buffering_wins(cell):  # R02
    body = "import os; print(repr(os.environ['PYTHONUNBUFFERED']))"
    assert cell("python", body, options="-e PYTHONUNBUFFERED=").stdout == "''\n"
    assert cell("python", body).stdout == "'1'\n"


def test_a_user_without_a_name_and_a_home(cell):  # scuba#11, sos#951
    body = 'import os, getpass\nprint(os.getuid(), os.environ["HOME"])'
    assert cell("python", body, options="--user 4242").stdout == "4242 /\n"


def test_multiprocessing_works(cell):  # udocker#411
    body = "import multiprocessing; multiprocessing.Lock(); print('ok')"
    assert cell("python", body).stdout == "ok\n"


def test_the_clock_is_utc_unless_told(cell):  # docker-alpine#113
    body = "date +%z"
    assert cell("busybox", body).stdout == "+0000\n"
    assert cell("busybox", body, options="-e TZ=CET-1").stdout == "+0100\n"
    assert cell("busybox", body, options="-e TZ=Europe/Madrid").stdout == "+0000\n"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("sh -c 'kill -SEGV $$'", 139, "SIGSEGV"),
        ("sh -c 'kill -KILL $$'", 137, "SIGKILL"),
        ("sh -c 'kill -TERM $$'", 143, "SIGTERM"),
        ("sh -c 'kill -HUP $$'", 129, "SIGHUP"),
    ],
)
def test_exit_codes_of_signals_are_explained(cell, body, code, words):
    result = cell("busybox", body)
    assert result.error.evalue.startswith(f"exit code {code} ")
    assert words in result.error.evalue


@pytest.mark.needs("limits")
def test_out_of_memory_is_told_from_a_kill(cell, engine):
    body = "x = []\nfor _ in range(200): x.append(b'x' * 10**6)"
    for _ in range(5):
        name = f"ipyc-oom-{secrets.token_hex(4)}"
        result = cell("python", body, options=f"--name {name} -m 24m --memory-swap 24m")
        assert (result.error.evalue.startswith("exit code 137 "), result.stderr) == (True, "")
        assert "24m" in result.error.evalue
        if "perhaps" not in result.error.evalue:
            break
        # On a busy machine containerd loses it at times (its issue 8893): dockerd is never told.
        assert not was_oom_told(engine.docker, name)
    assert ": out of memory: the kernel killed it (its limit was -m 24m)" in result.error.evalue


def shown_command(result) -> str:
    """What a failed cell offers to paste into a terminal."""
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(result.error.traceback))
    return shown[shown.index("docker run") :]


def pasted(engine, command: str, folder, **environment) -> subprocess.CompletedProcess:
    require(shutil.which("docker"), "docker", "the shown command is docker's")
    return subprocess.run(
        ["bash", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": engine.candidate.address, **environment},
    )


def test_the_shown_command_keeps_secrets(cell, tmp_path, engine):
    options = "-e PASSWORD=hunter2 -e 'A B=c d' -w /tmp"
    result = cell("busybox", "echo $PASSWORD; exit 3", options=options)
    command = shown_command(result)
    assert "-e PASSWORD " in command
    assert "hunter2" not in str(result.error)
    done = pasted(engine, command, tmp_path, PASSWORD="x")
    assert (done.returncode, done.stdout) == (3, "x\n"), done.stderr


def test_what_stands_in_braces_is_shown_in_braces(shared_kernel, images):
    shared_kernel.run("token = 'TOPSECRET'")
    result = shared_kernel.run(f"%container {images.busybox} sh -c 'echo {{token}}; false'")
    assert result.stdout == "TOPSECRET\n"
    assert "TOPSECRET" not in str(result.error)
    assert "{token}" in str(result.error)


READ_ONLY = functools.partial(pytest.param, marks=pytest.mark.needs("read-only"))
LONG = "#" * 500 + "\necho long; exit 4\n"
TOO_LONG = "#" * 140_000 + "\necho long; exit 4\n"


@pytest.mark.parametrize(
    ("image", "options", "words", "body"),
    [
        ("busybox", "", "", "echo 'a b' \"$HOME\"\n# c\nexit 4\n"),
        ("busybox", "", "", "printf 'a\\tb\\n'; exit 4"),
        ("busybox", "", "", "printf 'x\u2028\fy\n'; exit 4"),
        ("busybox", "", "sh -e", "echo 1\nfalse\necho 2\n"),
        READ_ONLY("busybox", "-w /tmp -u 5:6 --read-only --tmpfs /t", "", "pwd; id -u; exit 4"),
        ("python", "", "", "import sys\nprint('é', [1])\nsys.exit(4)\n"),
        ("debian", "", "perl", "print <<EOF;\nhello\nEOF\nexit 4;\n"),
        ("busybox", "--stdin data.txt", "", "cat; exit 4"),
        ("busybox", "--stdin words", "", "cat; exit 4"),
        ("debian", "--stdin data.txt", "perl", "print <STDIN>; exit 4;"),
        ("busybox", "", "", LONG),
        ("busybox", "", "", TOO_LONG),
        ("debian", "", "perl", LONG.replace("echo long; exit 4", "print qq(long\\n); exit 4;")),
        READ_ONLY("busybox", "-v ./data.txt:/d:ro", "", "cat /d; exit 4"),
        ("busybox", "--here", "", "cat data.txt; pwd; exit 4"),
    ],
)
def test_the_shown_command_does_the_same(
    cell, shared_kernel, engine, notebook_folder, image, options, words, body
):
    (notebook_folder / "data.txt").write_text("in ü\n")
    (notebook_folder / "words.txt").write_text("in ü\n")
    (notebook_folder / "cell.txt").write_text(body)
    shared_kernel.run("words = 'in ü\\n'")
    result = cell(image, body, options=options, words=words)
    done = pasted(engine, shown_command(result), notebook_folder)
    code = result.error.evalue.split()[2]
    assert (str(done.returncode), done.stdout) == (code, result.stdout), done.stderr


def test_the_wrong_language_gets_a_hint(cell):
    result = cell("busybox", "import sys\nprint(sys.version)\n")
    assert "for Python write: %%container ipycontainers-test/busybox python3" in str(result.error)


def test_out_and_err_fill_variables_also_on_failure(cell, shared_kernel):
    result = cell("busybox", "echo 1; echo 2 >&2; exit 4", options="--out o --err e")
    assert result.status == "error"
    assert (result.stdout, result.stderr) == ("", "")
    assert shared_kernel.run("print([o, e])").stdout == "['1\\n', '2\\n']\n"


def test_stdin_comes_from_a_variable_or_a_file(cell, shared_kernel, notebook_folder):
    shared_kernel.run("words = 'ü\\n'; data = b'\\xff\\x00'")
    (notebook_folder / "table.csv").write_text("1,2\n")
    assert cell("busybox", "cat", options="--stdin words").stdout == "ü\n"
    assert cell("busybox", "wc -c", options="--stdin data").stdout.strip() == "2"
    assert cell("busybox", "cat", options="--stdin table.csv").stdout == "1,2\n"
    assert cell("debian", "print <STDIN>", words="perl", options="--stdin words").stdout == "ü\n"
    missing = cell("busybox", "cat", options="--stdin nosuch")
    assert missing.error.ename == "Invalid"
    assert str(notebook_folder / "nosuch") in missing.error.evalue


def test_stdin_that_the_program_never_reads_does_not_hang(cell, shared_kernel):
    shared_kernel.run("big = b'x' * 10_000_000")
    assert cell("busybox", "echo done", options="--stdin big", timeout=20).stdout == "done\n"


def test_without_stdin_a_program_reads_nothing(cell):
    assert cell("busybox", "cat; echo end", timeout=20).stdout == "end\n"


def test_the_line_magic_runs_the_images_own_command(shared_kernel, images):
    assert shared_kernel.run(f"%container {images.busybox}").status == "ok"
    result = shared_kernel.run(f"%container {images.busybox} printf '%s|' 'a b' $HOME")
    assert result.stdout == "a b|$HOME|"
    failed = shared_kernel.run(f"%container {images.busybox} nosuchprogram")
    assert failed.error.evalue.startswith("exit code 127")


def test_the_line_expands_names_in_braces_only(shared_kernel, images):  # R03
    shared_kernel.run("molecules = '-- --'; n = 2")
    line = "%container -e A={molecules} -e 'B={n * 21}' -e C=$molecules -e D={{.State}}"
    result = shared_kernel.run(f"{line} {images.busybox} sh -c 'echo \"$A|$B|$C|$D\"'")
    assert result.stdout == "-- --|42|$molecules|{{.State}}\n", result.error
    awk = f"%container {images.busybox} awk '{{print $1}}' /etc/passwd"
    assert shared_kernel.run(awk).stdout.startswith("root:x:0:0"), awk


def test_diff_names_what_the_cell_changed(cell):
    body = "echo x > /tmp/new; rm /bin/wc; echo y >> /srv/f; mkdir /d"
    lines = cell("busybox", f"mkdir /srv; {body}", options="--diff").stdout.splitlines()
    assert lines == sorted(lines, key=lambda line: line[2:])
    assert lines == [
        "C /bin", "D /bin/wc", "A /d", "A /srv", "A /srv/f", "C /tmp", "A /tmp/new",
    ]  # fmt: skip
    long = "#" * 200_000 + "\ntouch /tmp/new\n"
    shown = cell("busybox", long, options="--diff").stdout
    assert shown.endswith("C /tmp\nA /tmp/new\n")
    assert "ipycontainers" not in shown


def test_a_missing_image_is_one_line(shared_kernel):
    result = shared_kernel.run("%%container --pull never no-such-image:1\ntrue")
    assert result.error.ename == "NotFound"
    assert "no-such-image:1" in result.error.evalue
    assert len(result.error.traceback) <= 3


def test_an_option_error_starts_nothing(shared_kernel, images, engine):
    def ids():
        return {one["Id"] for one in engine.list_containers(labels=shared_kernel.labels)}

    before = ids()
    for line, word in [
        (f"--memroy 1g {images.busybox}", "--memory"),
        (f"-it {images.busybox}", "notebook"),
        (f"-v /no/such/folder:/x {images.busybox}", "/no/such/folder"),
        ("", "image"),
    ]:
        result = shared_kernel.run(f"%%container {line}\ntrue")
        assert result.error.ename == "Invalid", (line, result.error)
        assert word in str(result.error).lower(), (line, result.error)
        assert len(result.error.traceback) <= 4
    assert ids() <= before


def test_help_shows_the_options(shared_kernel):
    shown = shared_kernel.inspect("%%container")
    for word in ("--cap-drop", "--here", "--no-raise-error", "#!"):
        assert word in shown


def test_a_long_silence_is_no_error(images, kernels, engine):  # R10
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    kernel.run("%config ContainerMagics.timeout = 2.0")
    result = kernel.run(f"%%container {images.busybox}\nsleep 5; echo done")
    assert result.stdout == "done\n", result.error


def test_one_variable_may_take_both_streams(cell, shared_kernel):
    cell("busybox", "echo a; sleep .2; echo b >&2", options="--out x --err x")
    assert shared_kernel.run("print(repr(x))").stdout == "'a\\nb\\n'\n"


def test_names_in_braces_are_those_of_the_function_too(shared_kernel, images):
    shared_kernel.run("word = 'global'")
    code = (
        "def say(word):\n"
        f"    get_ipython().run_line_magic('container', '{images.busybox} echo {{word}}')\n"
        "say('local')"
    )
    assert shared_kernel.run(code).stdout == "local\n"


def test_no_raise_error_is_not_for_programs_that_never_ran(cell, shared_kernel):
    result = cell("busybox", "true", words="frob", options="--no-raise-error")
    assert result.error.evalue.startswith("exit code 127")
    result = cell("busybox", "true", options="--no-raise-error -u nosuch")
    assert result.error.evalue.startswith("exit code 125")
    assert shared_kernel.run("print(_exit_code)").stdout == "125\n"


def test_every_refusal_of_the_engine_is_125(cell, shared_kernel):
    cell("busybox", "exit 7")
    result = cell("busybox", "true", options="--network nosuch-network")
    assert "nosuch-network" in result.error.evalue
    assert "docker run" in str(result.error)
    assert shared_kernel.run("print(_exit_code)").stdout == "125\n"


@pytest.mark.parametrize(
    ("code", "words"), [(125, ""), (126, ": a command in it"), (127, ": a command in it")]
)
def test_a_program_that_ran_may_end_with_docker_runs_own_codes(cell, code, words):
    result = cell("busybox", f"exit {code}")
    assert result.error.evalue.startswith(f"exit code {code} in ipycontainers-test/busybox{words}")
    assert "engine" not in result.error.evalue


def test_half_characters_are_an_error_and_odd_bytes_arrive(shared_kernel, images):
    run = "get_ipython().run_cell_magic('container', '{} {}', {!r})"
    half = shared_kernel.run(run.format("", images.busybox, "echo \ud800"))
    assert half.error.ename == "Invalid"
    assert len(half.error.traceback) <= 2
    odd = shared_kernel.run(run.format("", images.busybox, "printf '\udcff' | od -An -tx1"))
    assert odd.stdout.split() == ["ff"]


def test_diff_leaves_out_mounts_and_escapes_names(cell, notebook_folder):
    body = "touch here \"$(printf '/srv/a\nA b')\""
    result = cell("busybox", f"mkdir /srv; {body}", options="--here --diff -u 0 -v /vol")
    assert result.stdout.splitlines() == ["A /srv", "A /srv/a\\nA b"], result.error
    (notebook_folder / "here").unlink()


def test_diff_is_bounded(cell):
    body = "mkdir /many; cd /many; seq 3000 | xargs touch"
    lines = cell("busybox", body, options="--diff").stdout.splitlines()
    assert len(lines) == 1001
    assert lines[-1] == "… and 2,001 more"


def test_settings_may_be_configured_before_loading(kernels, engine, images):
    kernel = kernels(load=False)
    address = engine.candidate.address
    kernel.run(f"get_ipython().config.ContainerMagics.engine = {address!r}")
    kernel.run("get_ipython().config.ContainerMagics.timeout = 30.0")
    assert kernel.run("%load_ext ipycontainers").status == "ok"
    assert kernel.run(f"%%container {images.busybox}\necho hi").stdout == "hi\n"
    assert kernel.run("%reload_ext ipycontainers").status == "ok"
    assert kernel.run(f"%%container {images.busybox}\necho again").stdout == "again\n"
    kernel.run("%config ContainerMagics.engine = 'unix:///no/such.sock'")
    failed = kernel.run(f"%%container {images.busybox}\necho hi")
    assert failed.error.ename == "NoEngine"
    assert "/no/such.sock" in failed.error.evalue


def test_awk_and_sed_read_their_program_from_the_cell(cell):
    assert cell("busybox", 'BEGIN { print "awk" }', words="awk").stdout == "awk\n"


def test_twenty_short_lives_lose_nothing(cell):  # R11
    for _ in range(20):
        result = cell("busybox", "echo hi; exit 7", options="--rm")
        assert result.stdout == "hi\n"
        assert result.error.evalue.startswith("exit code 7 ")
