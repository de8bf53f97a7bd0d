from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support import patience, wait_for

from ipycontainers import errors
from ipycontainers.client import Connection

Shell = Any
Sessions = Any

HOLDER = r'mkfifo "\$name.out"|printf .* "/proc/\$\$/fd/1"'  # a line of its text


# --- state ------------------------------------------------------------------------------------


def test_folder_variables_functions_and_aliases_persist(shell: Shell) -> None:
    assert shell("cd /etc; X='a  b'; export GREETING=hi").code == 0
    assert shell("greet() { echo \"$GREETING $1\"; }; alias there='echo there'").err == ""
    assert shell('pwd; echo "$X"; greet you').out == "/etc\na  b\nhi you\n"
    assert shell("there it is").out == "there it is\n"
    assert shell("env").out.splitlines().count("GREETING=hi") == 1


def test_the_exit_code_is_that_of_the_last_command_and_the_next_cell_can_ask(
    shell: Shell,
) -> None:
    assert shell("(exit 7)").code == 7
    assert shell("echo $?").out == "7\n"
    assert shell("false; true").code == 0
    assert shell("nosuchcommand").code == 127


def test_positional_parameters_options_and_descriptors_persist(shell: Shell) -> None:
    shell("set -- one 'two three'; set -u; exec 3>/tmp/kept")
    assert shell('echo "$2"; echo kept >&3; cat /tmp/kept').out == "two three\nkept\n"
    unset = shell("echo $nosuch; echo no")
    assert "nosuch" in unset.err
    assert unset.code != 0
    assert shell("echo still").out == "still\n"


def test_the_environment_and_the_prompt_of_the_image_are_its_own(
    sessions: Sessions, kind: str
) -> None:
    shell = sessions.open(kind, Env=["ENV=production", "OTHER=1"])
    assert shell('echo "$ENV $OTHER"; env | grep -c IPYC').out == "production 1\n0\n"
    assert shell("env | grep -c '^PS[12]='").out == "0\n"


def test_background_jobs_persist(shell: Shell) -> None:
    shell("sleep 100 & job=$!")
    assert shell('kill -0 "$job" && echo lives; kill "$job"; wait "$job" 2>/dev/null').out == (
        "lives\n"
    )


# --- streams ----------------------------------------------------------------------------------


def test_output_is_right_to_the_byte(shell: Shell) -> None:
    cell = shell("printf 'no newline'; printf 'err' >&2")
    assert (cell.out, cell.err) == ("no newline", "err")
    assert shell(r"printf 'a\000\376b\n'; printf '\303'").raw == b"a\0\xfeb\n\xc3"
    assert shell("").raw == b""
    assert shell("# nothing").raw == b""
    assert shell('echo "it\'s" \'a "quoted" word\' \\\\').out == 'it\'s a "quoted" word \\\n'


def test_200_times_hello(shell: Shell) -> None:
    assert [shell("echo hello").out for _ in range(200)] == ["hello\n"] * 200


def test_ten_megabytes_without_a_newline(shell: Shell) -> None:
    cell = shell("head -c 10000000 /dev/zero | tr '\\0' x")
    assert len(cell.raw) == 10_000_000
    assert set(cell.raw) == {ord("x")}
    assert shell("echo next").out == "next\n"


def test_a_long_text_is_run_as_it_is(shell: Shell) -> None:
    text = "x" * 300_000
    cell = shell(f"cat <<'END'\n{text}\nit's \\ $HOME\nEND\necho {text} | wc -c")
    assert cell.out == f"{text}\nit's \\ $HOME\n300001\n"


def test_what_the_session_knows_about_itself_is_no_mark(shell: Shell) -> None:
    """All of its variables, command lines, functions, and standard input."""
    cell = shell("set; ps -ef 2>/dev/null; cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' '; set")
    assert cell.code == 0
    assert "__ipyc_key" in cell.out
    assert shell("trap; export; echo ok").out.endswith("ok\n")


def test_a_cell_has_no_input_and_cannot_eat_the_next(shell: Shell) -> None:
    assert shell('cat; read line; echo "[$line]"; cat <&0').out == "[]\n"
    assert shell("echo next").out == "next\n"


def test_a_job_that_prints_later_mixes_into_no_other_cell(shell: Shell) -> None:
    shell("(sleep 2; echo late; echo late >&2) &")
    cell = shell("for i in 1 2 3 4; do echo two; sleep 1; done")
    assert (cell.out, cell.err) == ("two\n" * 4, "")
    assert wait_for(lambda: shell.interpreter.log.count(b"late") == 2)
    assert shell("echo three").out == "three\n"


def test_jobs_of_many_cells_each_keep_to_themselves(shell: Shell) -> None:
    for number in range(6):
        cell = shell(
            f"(for i in 1 2 3 4 5 6; do echo late{number}; sleep 0.2; done) & echo {number}"
        )
        assert cell.out.replace(f"late{number}\n", "") == f"{number}\n"
    assert wait_for(lambda: shell.interpreter.log.count(b"late") >= 30, seconds=20)
    for _ in range(3):
        assert shell("echo x; sleep 0.2").out == "x\n"
    holders = shell.count(HOLDER)
    for number in range(6):
        assert shell(f"sleep 0.1 & echo {number}").out == f"{number}\n"
        time.sleep(0.3)
    assert shell.count(HOLDER) <= holders + 1, "channels are used again"


def test_a_silent_job_or_one_with_output_elsewhere_needs_no_further_channel(shell: Shell) -> None:
    shell("sleep 100 >/dev/null 2>&1 & sleep 0.5")
    shell("echo a")
    assert shell.count(HOLDER) == 0


def test_starting_and_waiting_for_jobs_says_nothing(shell: Shell) -> None:
    cell = shell("sleep 0.1 & sleep 0.2 & wait; echo done")
    assert (cell.out, cell.err) == ("done\n", "")
    cell = shell("echo next")
    assert (cell.out, cell.err) == ("next\n", "")


def test_a_silence_longer_than_the_timeout(engine: Connection, sessions: Sessions) -> None:
    from ipycontainers.client import connect

    with connect(engine.candidate.address, timeout=2) as short:
        shell = sessions.open("ash", engine=short)
        assert shell("sleep 5; echo done").out == "done\n"
        shell.interpreter.close()


# --- what ends a shell, or tries to -----------------------------------------------------------


def test_redirections_and_options_of_a_cell_do_not_silence_the_session(shell: Shell) -> None:
    shell("exec >/dev/null 2>&1 </dev/null")
    assert shell("echo heard").out == "heard\n"
    shell("set -f; IFS=0123456789; set -u")
    assert shell("echo *").out == "*\n"
    assert shell("(sleep 1; echo late) & echo now").out == "now\n"
    assert shell("sleep 2; echo heard").out == "heard\n"
    shell("set -x; set -v")
    assert shell("echo traced").out == "traced\n"
    shell("set +x +v")
    shell("exec 8>&- 9>&- 7>&-")
    assert shell("echo heard").out == "heard\n"


@pytest.mark.parametrize("text", ['echo "abc', "if true; then", "echo $((", "case x in", "f() {"])
def test_an_unfinished_text_is_a_syntax_error_at_once(shell: Shell, text: str) -> None:
    begun = time.monotonic()
    cell = shell(f"{text}\n")
    assert cell.code == 2
    assert cell.out == ""
    assert cell.err
    assert time.monotonic() - begun < 5 * patience()
    assert shell("echo ok").out == "ok\n"


def test_texts_that_look_unfinished_and_are_not(shell: Shell) -> None:
    assert shell("echo hi \\\n").out == "hi\n"
    assert shell("cat <<EOF\nno end\n").out == "no end\n"
    assert shell("if true; then\ncat <<EOF\n  x\nEOF\nfi\n").out == "  x\n"
    assert shell("echo ok\n").out == "ok\n"


def test_exit_ends_the_cell_with_its_code_and_the_shell_begins_anew(shell: Shell) -> None:
    shell("echo kept >/tmp/file")
    begun = time.monotonic()
    cell = shell("X=1; echo out; echo err >&2; exit 3; echo no")
    assert time.monotonic() - begun < 5 * patience()
    assert (cell.out, cell.err, cell.code) == ("out\n", "err\n", 3)
    assert "exit code 3" in cell.ended.lost
    cell = shell('echo "[$X]"; cat /tmp/file')
    assert (cell.out, cell.ended.lost) == ("[]\nkept\n", "")
    assert shell("exit").ended.lost


def test_set_e_ends_the_cell_and_keeps_the_state(shell: Shell, kind: str) -> None:
    shell("cd /etc; X=\"a\n'b'\"; export Y='y $HOME'; alias there='echo there'; umask 027")
    shell("f() { echo f; }")
    cell = shell("set -e; false; echo no")
    assert (cell.out, cell.err, cell.code) == ("", "", 1)
    assert ("functions" in cell.ended.lost) == (kind != "bash")
    cell = shell('echo "$X"; pwd; umask; env | grep ^Y=')
    assert cell.out == "a\n'b'\n/etc\n0027\nY=y $HOME\n"
    assert shell("there").out == "there\n"
    assert shell("echo still; set +e").out == "still\n"
    assert shell("false; echo goes on").out == "goes on\n"
    assert shell("f").code == (0 if kind == "bash" else 127)


def test_set_e_stays_in_force(shell: Shell) -> None:
    shell("set -e")
    for code in (4, 5):
        cell = shell(f"(exit {code}); echo no")
        assert (cell.out, cell.code) == ("", code)
    assert shell("echo still").out == "still\n"


def test_bash_keeps_arrays_and_options_too(sessions: Sessions) -> None:
    shell = sessions.open("bash")
    shell("shopt -s extglob; declare -A map=([a]='1 2'); list=(x 'y z'); export -f nosuch; :")
    shell('g() { echo "${1/+(a)/b}"; }; export -f g; set -e')
    assert shell("false").ended.lost == ""
    assert (
        shell('echo "${map[a]} ${list[1]}"; g aaa; bash -O extglob -c "g aa"').out
        == "1 2 y z\nb\nb\n"
    )


def test_bash_shows_no_prompt_whatever_a_cell_sets(sessions: Sessions) -> None:
    shell = sessions.open("bash")
    assert shell("PS1=abc PS2=def PS0=ghi PROMPT_COMMAND='echo prompt >&8; echo prompt'").out == ""
    for _ in range(2):
        cell = shell("echo on")
        assert (cell.out, cell.err) == ("on\n", "")
    assert shell("history").out == ""
    assert shell.interpreter.log == b""


def test_a_shell_that_is_killed_or_replaced_by_a_program_begins_anew(shell: Shell) -> None:
    cell = shell("echo before; kill -9 $$")
    assert (cell.out, cell.code) == ("before\n", 137)
    assert "137" in cell.ended.lost
    cell = shell("exec sh -c 'echo program; exit 5'")
    assert (cell.out, cell.err, cell.code) == ("program\n", "", 5)
    assert shell("echo on").out == "on\n"


def test_a_shell_that_died_between_two_cells_is_told_in_the_second(shell: Shell) -> None:
    shell("X=1; (sleep 1; kill -9 $$) >/dev/null 2>&1 &")
    time.sleep(3)
    cell = shell('echo "[$X]"')
    assert (cell.out, cell.code) == ("[]\n", 0)
    assert "137" in cell.ended.lost


def test_the_end_of_the_container_is_told(shell: Shell, engine: Connection) -> None:
    killer = threading.Timer(1, lambda: engine.kill(shell.id))
    killer.start()
    cell = shell("echo before; sleep 100")
    assert (cell.out, cell.code, cell.ended.gone) == ("before\n", 137, True)
    assert shell("echo no").ended.gone
    killer.join()


def test_a_nul_in_the_text_is_refused(shell: Shell) -> None:
    with pytest.raises(errors.Invalid, match="NUL"):
        shell("echo a\0b")


def test_no_zombies(shell: Shell) -> None:
    shell("(sleep 1 & exec sleep 2) & sleep 3")
    time.sleep(1)
    children = 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c -e ") Z $PPID " -e ") Z $$ "'
    assert shell(children).out == "0\n"


@pytest.mark.parametrize("program", [("awk",), ("cat",)])
def test_a_program_that_is_no_shell(sessions: Sessions, program: tuple[str, ...]) -> None:
    shell = sessions.make("ash", program)
    with pytest.raises(errors.CellFailed) as caught:
        shell.open()
    assert program[0] in caught.value.message
    assert "POSIX shell" in caught.value.hint


# --- much -------------------------------------------------------------------------------------


def test_500_cells_without_growth(shell: Shell) -> None:
    import tracemalloc

    def size() -> tuple[int, int, int]:
        files = len(list(Path("/proc/self/fd").iterdir()))
        return files, threading.active_count(), shell.count(HOLDER)

    for _ in range(20):
        shell("x=$(echo hi); echo $x")
    before = size()
    memory = int(shell("awk '/VmRSS/ { print $2 }' /proc/$$/status").out)
    tracemalloc.start()
    first = tracemalloc.get_traced_memory()[0]
    for number in range(500):
        cell = shell(f"x=$(echo {number}); echo $x; true &")
        assert (cell.out, cell.err, cell.code) == (f"{number}\n", "", 0), shell.interpreter.log
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert grown < 800_000  # eight channels have a buffer of 64 KiB each
    assert int(shell("awk '/VmRSS/ { print $2 }' /proc/$$/status").out) < memory + 1000
    files, threads, processes = size()
    assert files <= before[0] + 8
    assert threads <= before[1] + 8
    assert processes <= before[2] + 8


def test_ten_sessions_in_parallel_threads(sessions: Sessions) -> None:
    shells = [sessions.make(kind) for kind in ("ash", "dash", "bash", "ash", "dash") * 2]
    wrong: list[object] = []

    def work(number: int, shell: Shell) -> None:
        try:
            shell.open()
            shell(f"N={number}")
            said = [shell(f"echo $N {step}").out for step in range(20)]
            if said != [f"{number} {step}\n" for step in range(20)]:
                wrong.append((number, said))
        except BaseException as error:  # noqa: BLE001 – told by the test's own thread
            wrong.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(shells)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


def test_three_sessions_close_quickly(sessions: Sessions) -> None:
    shells = [sessions.open("ash") for _ in range(3)]
    begun = time.monotonic()
    for shell in shells:
        shell.interpreter.close()
    assert time.monotonic() - begun < 3 * patience()
