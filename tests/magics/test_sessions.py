"""%%container -s NAME: a cell in a program that lives on, and the verbs on sessions."""

from __future__ import annotations

import time
import uuid

import pytest
from sleeping import is_asleep, lasting
from support import patience, wait_for


@pytest.fixture
def name(shared_kernel):
    """Of a session that is stopped at the end."""
    name = f"s{uuid.uuid4().hex[:6]}"
    yield name
    shared_kernel.run(f"%container stop {name}")


@pytest.fixture
def session(shared_kernel, images, name):
    """session("busybox", "…") opens it; session("", "…") goes on with it."""

    def run(image, body, options="", words="", **more):
        image = getattr(images, image) if image else ""
        return shared_kernel.run(f"%%container -s {name} {options} {image} {words}\n{body}", **more)

    return run


# --- a shell -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("image", "words"), [("busybox", ""), ("debian", ""), ("debian", "sh")])
def test_a_shell_keeps_all_that_it_has(session, image, words):
    body = 'cd /tmp; export GREETING=hi; n=5; greet() { echo "$GREETING $1 $n"; }'
    assert session(image, body, words=words).status == "ok"
    assert session("", "pwd; greet you").stdout == "/tmp\nhi you 5\n"


def test_a_cell_that_fails_fails_and_the_session_goes_on(session, name):
    session("busybox", "X=1")
    failed = session("", "echo before; false")
    assert failed.stdout == "before\n"
    assert failed.error.evalue.startswith(f"exit code 1 in the session {name}")
    assert session("", "echo [$X]").stdout == "[1]\n"


def test_exit_begins_a_fresh_shell_and_says_so(session, name):  # R13
    failed = session("busybox", "X=1; echo kept >/file; exit 3")
    assert failed.error.evalue.startswith("exit code 3")
    assert f"session {name}: the shell ended with exit code 3" in failed.stderr
    assert session("", "echo [$X]; cat /file").stdout == "[]\nkept\n"


@pytest.mark.parametrize(("image", "words"), [("busybox", ""), ("debian", ""), ("debian", "sh")])
def test_what_a_cell_leaves_open_ends_with_it(session, image, words):  # R12
    session(image, "true", words=words)
    for body, out in {
        'echo "abc': None,
        "echo hi \\": "hi\n",
        "cat <<EOF\nno end": "no end\n",
        "if true; then": None,
        "echo ok": "ok\n",
        "if true; then\ncat <<EOF\n  x\nEOF\nfi": "  x\n",
    }.items():
        result = session("", body, timeout=10)
        if out is None:
            assert result.error.evalue.startswith("exit code 2 "), (body, result.error)
            told = ("yntax error", "nterminated", "unexpected EOF")
            assert any(words in result.stderr for words in told), result.stderr
        else:
            assert (result.error, result.stdout) == (None, out), body


def test_set_e_ends_its_cell_and_not_the_session(session):  # R13
    failed = session("busybox", "Y=1; set -e; false; echo no")
    assert failed.error.evalue.startswith("exit code 1 ")
    assert failed.stdout == ""
    assert session("", "echo still $Y").stdout == "still 1\n"


def test_two_hundred_short_cells_lose_nothing(session):  # R32
    session("busybox", "true")
    shown = [session("", "echo hello").stdout for _ in range(200)]
    assert shown == ["hello\n"] * 200


def test_orphans_of_a_session_are_no_zombies(session):  # R22
    session("busybox", "(sleep 1 & exec sleep 2) & sleep 3")
    ours = 'cat /proc/[0-9]*/stat | grep -c -e ") Z $PPID " -e ") Z $$ "'
    assert session("", ours).stdout == "0\n"


def test_a_program_that_there_is_not_is_named(session, engine, images, name):  # R01
    failed = session("busybox", "echo hi", words="bash")
    assert failed.error.evalue == f"exit code 127: {images.busybox} has no program 'bash'"
    assert f"%%container {images.busybox} sh" in str(failed.error)
    assert failed.stdout == ""
    mark = {"org.ipycontainers.session": name}
    assert wait_for(lambda: not engine.list_containers(labels=mark))


def test_a_cell_may_be_silent_for_longer_than_an_engine(kernels, images, engine, name):  # R10
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    silent = {
        images.busybox: "sleep 11; echo done",
        images.python: "import time; time.sleep(11); print('done')",
    }
    for image in silent:  # a first container may wait for the image to be unpacked
        kernel.run(f"%container {image} true", 120)
    kernel.run("%config ContainerMagics.timeout = 10.0")
    for number, (image, body) in enumerate(silent.items()):
        result = kernel.run(f"%%container -s {name}{number} {image}\n{body}")
        assert (result.error, result.stdout) == (None, "done\n")


def test_a_job_that_prints_later_is_not_in_the_next_cell(session, shared_kernel, name):
    session("busybox", "(sleep 1; echo late) & true")
    assert session("", "sleep 2; echo two").stdout == "two\n"
    log = wait_for(lambda: shared_kernel.run(f"%container logs {name}").stdout)
    assert "late" in log


def test_out_takes_the_output_of_one_cell(session, shared_kernel):
    session("busybox", "true")
    assert session("", "echo 1; echo 2 >&2", options="--out o").stderr == "2\n"
    assert shared_kernel.run("print(repr(o))").stdout == "'1\\n'\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("stop", "%container stop takes NAME"),
        ("logs -f s", "%container logs takes NAME"),
        ("commit s", "%container commit takes NAME and IMAGE"),
        ("sessions s", "%container sessions takes no words"),
    ],
)
def test_a_verb_without_its_words_is_no_image(shared_kernel, line, told):
    failed = shared_kernel.run(f"%container {line}")
    assert failed.error.evalue == told
    assert f"%container -- {line.split()[0]}" in str(failed.error)


# --- Python --------------------------------------------------------------------------------------


def test_python_keeps_all_that_it_has(session):
    session("python", "import math\ndef area(r):\n    return math.pi * r * r")
    result = session("", "print('here')\nround(area(2))")
    assert result.stdout == "here\n"
    assert result.data == {"text/plain": "13"}


def test_a_traceback_has_the_cells_own_lines(session):
    session("python", "def half(n):\n    return 1 / n")
    failed = session("", "x = 0\nhalf(x)")
    assert failed.error.evalue == "ZeroDivisionError: division by zero"
    shown = "\n".join(failed.error.traceback)
    assert "half(x)" in shown
    assert "return 1 / n" in shown
    assert session("", "x").data == {"text/plain": "0"}


@pytest.mark.parametrize("body", ["%matplotlib inline", "x = 1\n!ls /", "files = !ls"])
def test_what_only_ipython_understands_is_told(session, body):
    failed = session("python", body)
    assert failed.error.evalue.startswith("SyntaxError: ")
    assert "is IPython's, and a session's Python has none" in str(failed.error)
    assert "subprocess.run" in str(failed.error)


@pytest.mark.parametrize("body", ["str.join?", "x = 1\n??str.join"])
def test_a_question_mark_is_answered_by_help(session, body):
    assert "help(str.join)" in str(session("python", body).error)


def test_another_syntax_error_has_no_hint(session):
    assert "hint" not in str(session("python", "x = (1 % 2").error)


def test_a_traceback_is_shown_where_the_cell_does_not_fail(session, shared_kernel):
    result = session("python", "1 / 0", options="--no-raise-error")
    assert result.status == "ok"
    assert result.stderr.endswith("\nZeroDivisionError: division by zero\n")
    assert session("", "1 / 0", options="--no-raise-error --err e").stderr == ""
    shown = shared_kernel.run("print(e, _exit_code)").stdout
    assert shown.endswith("ZeroDivisionError: division by zero\n 1\n")


def test_locks_of_multiprocessing_work(session):
    body = "import multiprocessing; multiprocessing.Lock(); print('ok')"
    assert session("python", body).stdout == "ok\n"


def test_html_comes_without_what_is_live_in_it(session):
    session("python", "class Table:\n    def __init__(self, html): self.html = html\n"
            "    def _repr_html_(self): return self.html")  # fmt: skip
    shown = session("", "Table('<b onclick=\"x()\">hi</b><script>alert(1)</script>')").data
    assert shown["text/html"] == "<b>hi</b>"


def test_script_runs_only_with_trust_and_in_a_frame(session):
    session("python", "class T:\n    def _repr_html_(self): return '<script>1</script>'",
            options="--trust")  # fmt: skip
    shown = session("", "T()").data["text/html"]
    assert 'sandbox="allow-scripts"' in shown
    assert "<script>" not in shown


def test_trust_in_a_shell_is_refused(session):
    failed = session("busybox", "true", options="--trust")
    assert "--trust is for the HTML of a Python session" in failed.error.evalue


def test_input_where_nobody_answers_is_said(session):
    failed = session("python", "input('name? ')")
    assert "nobody is there to answer" in failed.error.evalue
    assert "<ipycontainers" not in str(failed.error.traceback)


# --- all of them ---------------------------------------------------------------------------------


def test_another_interpreter_starts_afresh_and_shares_files(session):
    first = session("debian", "print 6*7; open F, '>/tmp/x'; print F 1; close F", words="perl")
    assert first.stdout == "42"
    assert "perl starts afresh in each cell" in first.stderr
    second = session("", "print -s '/tmp/x'; exit 3")
    assert second.stdout == "1"
    assert second.stderr == ""
    assert second.error.evalue.startswith("exit code 3")


STUBBORN = {
    ("busybox", ""): "echo begin; sh -c 'trap \"\" INT TERM; while :; do sleep 1; done'; echo no",
    ("python", ""): "import time; print('begin')\ntime.sleep(100)",
    ("debian", "perl"): "$| = 1; print qq(begin\\n); sleep 100;",
}


@pytest.mark.parametrize("of", STUBBORN, ids=["sh", "python", "perl"])
def test_an_interrupt_ends_the_cell_and_not_the_session(session, shared_kernel, name, images, of):
    image, words = of
    keep = {"sh": "X=1", "python": "X = 1"}.get(words or image.replace("busybox", "sh"), "1;")
    session(image, keep, words=words)
    cell = shared_kernel.submit(f"%%container -s {name}\n{STUBBORN[of]}")
    cell.wait_for("begin")
    start = time.monotonic()
    shared_kernel.interrupt()
    result = cell.result(timeout=30)
    assert time.monotonic() - start < 4 * patience()
    assert result.error.ename == "KeyboardInterrupt"
    assert result.stdout.strip() == "begin"
    again = {"sh": "echo [$X]", "python": "print([X])"}.get(
        words or image.replace("busybox", "sh"), "print '[1]'"
    )
    assert session("", again).stdout.strip() == "[1]"


DEAF = {
    "python": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [2])\nprint('begin')\n"
    "while True: pass",
    "debian": "trap '' INT; echo begin; while :; do :; done",
}


@pytest.mark.parametrize("image", DEAF)
def test_an_interpreter_that_ignores_the_interrupt_is_replaced_and_the_cell_says_so(
    session, shared_kernel, name, image
):
    session(image, "x=1")
    cell = shared_kernel.submit(f"%%container -s {name}\n{DEAF[image]}")
    cell.wait_for("begin")
    shared_kernel.interrupt()
    result = cell.result(timeout=30)
    assert result.error.ename == "KeyboardInterrupt"
    assert f"warning: session {name}: the " in result.stderr
    assert "a new one has begun, without its variables" in result.stderr
    again = session("", {"python": "print('x' in globals())", "debian": "echo [$x]"}[image])
    assert again.stdout == {"python": "False\n", "debian": "[]\n"}[image]


SLEEPING = {
    ("busybox", ""): "echo begin; sleep {0}",
    ("python", ""): "import subprocess; print('begin'); subprocess.run(['sleep', '{0}'])",
    ("debian", "perl"): "$| = 1; print qq(begin\n); system('sleep', '{0}');",
}


@pytest.mark.parametrize("of", SLEEPING, ids=["sh", "python", "perl"])
def test_an_interrupt_leaves_no_process_of_the_cell(session, shared_kernel, name, of):
    (image, words), seconds = of, lasting()
    session(image, "1;", words=words)
    cell = shared_kernel.submit(f"%%container -s {name}\n{SLEEPING[of].format(seconds)}")
    cell.wait_for("begin")
    assert wait_for(lambda: is_asleep(seconds))
    start = time.monotonic()
    shared_kernel.interrupt()
    assert cell.result(timeout=30).error.ename == "KeyboardInterrupt"
    assert wait_for(lambda: not is_asleep(seconds), seconds=3)
    assert time.monotonic() - start < 4 * patience()


@pytest.mark.needs("join-pid")
@pytest.mark.parametrize("of", STUBBORN, ids=["sh", "python", "perl"])
def test_an_interrupt_touches_nothing_of_a_container_whose_processes_are_seen(
    session, shared_kernel, name, images, engine, of
):
    """As with --pid host, where everything of the machine would end."""
    image, words = of
    other = f"other-{name}"
    body = "while sleep 0.1; do :; done; exit 9"
    shared_kernel.run(f"%%container -d --name {other} {images.busybox} sh\n{body}")
    try:
        session(image, "1;", options=f"--pid container:{other}", words=words)
        cell = shared_kernel.submit(f"%%container -s {name}\n{STUBBORN[of]}")
        cell.wait_for("begin")
        shared_kernel.interrupt()
        assert cell.result(timeout=30).error.ename == "KeyboardInterrupt"
        assert shared_kernel.run(f"%container stop {name}").status == "ok"
        time.sleep(0.5)
        assert engine.inspect(other)["State"]["Running"]
    finally:
        engine.remove(other)


def test_a_timeout_ends_the_cell_and_not_the_session(session):
    session("busybox", "X=1")
    assert session("", "sleep 100", options="--timeout 1").error.ename == "CellTimedOut"
    assert session("", "echo [$X]").stdout == "[1]\n"


def test_other_options_are_an_error_that_shows_the_difference(session, images):
    session("busybox", "true", options="-e A=1")
    assert session("busybox", "echo $A", options="-e A=1").stdout == "1\n"
    failed = session("alpine", "true", options="-e A=2")
    assert "--env was A=1 and is A=2 now" in failed.error.evalue
    assert f"the image was {images.busybox} and is {images.alpine} now" in failed.error.evalue


def test_an_option_without_the_image_is_compared_alone(session):
    session("busybox", "true")
    failed = session("", "true", options="-e A=1")
    assert failed.error.evalue.endswith("other options: --env was not given and is A=1 now")
    failed = session("", "true", options="--read-only")
    assert failed.error.evalue.endswith("other options: --read-only was not given and is given now")


def test_a_session_that_there_is_not_needs_an_image(shared_kernel):
    failed = shared_kernel.run("%%container -s nosuch\ntrue")
    assert "there is no session nosuch" in failed.error.evalue
    assert "%%container -s nosuch IMAGE" in str(failed.error)


def test_the_next_cell_says_why_the_container_ended(session, engine, shared_kernel, name):
    session("busybox", "X=1")
    told = shared_kernel.run(f"%container inspect {name}").stdout
    container = told.partition('"Id": "')[2][:64]
    engine.kill(container)
    failed = wait_for(lambda: session("", "true").error)
    assert f"the session {name} has ended: exit code 137" in failed.evalue
    assert f"%container restart {name}" in str(failed)
    assert shared_kernel.run(f"%container restart {name}").status == "ok"
    assert session("", "echo [$X]").stdout == "[]\n"


HUNGRY = {"busybox": "x=$(head -c 200m /dev/zero | tr '\\0' x)", "python": "bytes(300_000_000)"}


@pytest.mark.needs("limits")
@pytest.mark.parametrize("image", HUNGRY)
def test_out_of_memory_is_said(session, image):
    opened = session(image, "True" if image == "python" else "true",
                     options="-m 48m --memory-swap 48m")  # fmt: skip
    assert (opened.error, opened.stderr) == (None, "")
    failed = session("", HUNGRY[image])
    assert failed.error.evalue.startswith("exit code 137 in the session"), failed.error
    assert "out of memory" in failed.error.evalue
    assert "-m 48m" in failed.error.evalue
    assert "a new one" in failed.stderr or "memory runs out" in failed.stderr
    alive = session("", "print(1)" if image == "python" else "echo 1")
    assert alive.stdout == "1\n"


@pytest.mark.needs("limits")
def test_a_container_that_ran_out_of_memory_says_so_and_how_to_go_on(session, name):
    options = "-m 16m --memory-swap 16m --tmpfs /m"
    assert session("busybox", "true", options=options).stderr == ""
    # What is in memory as a file is nobody's, so that the first process is killed as well.
    session("", "head -c 100m /dev/zero >/m/a")
    failed = wait_for(lambda: session("", "true").error, seconds=20)
    assert f"the session {name} has ended: exit code 137" in failed.evalue
    assert "out of memory" in failed.evalue
    assert f"%container restart {name} starts it afresh" in str(failed)


@pytest.mark.needs("limits")
def test_memory_that_ran_out_in_an_earlier_cell_is_not_blamed(session, engine, shared_kernel, name):
    opened = session("busybox", "true", options="-m 48m --memory-swap 48m")
    assert opened.stderr == ""
    assert session("", HUNGRY["busybox"]).error
    told = shared_kernel.run(f"%container inspect {name}").stdout
    engine.kill(told.partition('"Id": "')[2][:64])
    failed = wait_for(lambda: session("", "true").error)
    assert "exit code 137: killed (SIGKILL), perhaps for being out of memory" in failed.evalue


def test_one_cell_at_a_time(session, shared_kernel, name):
    session("busybox", "X=1")
    body = (
        "import threading\nfrom IPython import get_ipython\n"
        f"def other(): get_ipython().run_cell_magic('container', '-s {name}', 'sleep 3; X=2')\n"
        "thread = threading.Thread(target=other); thread.start()"
    )
    shared_kernel.run(body)
    failed = wait_for(lambda: (cell := session("", "echo $X")).error and cell)
    assert failed.error.ename == "Conflict"
    assert failed.error.evalue == f"the session {name} is busy with another cell"
    assert failed.stdout == ""
    shared_kernel.run("thread.join()")
    assert session("", "echo $X").stdout == "2\n"


def test_sessions_are_listed_and_stopped(session, shared_kernel, images, engine, name):
    session("busybox", "true")
    row = [name, images.busybox, "sh", "1", "running"]
    assert row in [
        line.split() for line in shared_kernel.run("%container sessions").stdout.splitlines()
    ]
    mark = {"org.ipycontainers.session": name}
    assert engine.list_containers(labels=mark)
    assert shared_kernel.run(f"%container stop {name}").status == "ok"
    assert wait_for(lambda: not engine.list_containers(labels=mark))
    assert (
        f"there is no session {name}" in shared_kernel.run(f"%container stop {name}").error.evalue
    )


def test_a_session_that_was_stopped_from_outside_is_not_listed_as_running(
    session, shared_kernel, engine, name
):
    session("busybox", "true")
    [container] = engine.list_containers(labels={"org.ipycontainers.session": name})
    engine.docker.containers.get(container["Id"]).kill()
    assert wait_for(lambda: "exit code 137" in shared_kernel.run("%container sessions").stdout)
    assert f"restart {name}" in str(session("", "true").error)


def test_a_stopped_session_that_is_kept_is_named(session, shared_kernel, engine, name):
    session("busybox", "true", options="--keep")
    kept = engine.list_containers(labels={"org.ipycontainers.session": name})
    try:
        told = shared_kernel.run(f"%container stop {name}").stdout
        assert told == f"its container {kept[0]['Id'][:12]} is kept: docker rm -f removes it\n"
    finally:
        for one in kept:
            engine.remove(one["Id"])


def test_a_session_becomes_an_image(session, shared_kernel, engine, name):
    session("busybox", "echo mine >/made")
    image = f"ipycontainers-test/{name}:1"
    try:
        assert shared_kernel.run(f"%container commit {name} {image}").status == "ok"
        assert shared_kernel.run(f"%%container {image} sh\ncat /made").stdout == "mine\n"
    finally:
        engine.docker.images.remove(image, force=True)


@pytest.mark.parametrize(
    ("image", "body"),
    [
        ("busybox", "sleep 300 & true"),
        ("busybox", "echo begin; trap '' INT TERM; while :; do sleep 1; done"),
        ("python", "import time; print('begin', flush=True); time.sleep(300)"),
    ],
    ids=["between cells", "in a shell's cell", "in Python's cell"],
)
def test_a_session_ends_with_its_kernel(kernels, images, engine, name, image, body):
    kernel = kernels(env={"DOCKER_HOST": engine.candidate.address})
    cell = kernel.submit(f"%%container -s {name} {getattr(images, image)}\n{body}")
    cell.wait_for("begin") if "begin" in body else cell.result()
    mark = {"org.ipycontainers.session": name}
    assert engine.list_containers(labels=mark)
    kernel.kill9()
    assert wait_for(lambda: not engine.list_containers(labels=mark), seconds=15)


def test_two_kernels_have_sessions_of_their_own(kernels, images, engine, name):
    env = {"DOCKER_HOST": engine.candidate.address}
    one, two = kernels(env=env), kernels(env=env)
    one.run(f"%%container -s {name} {images.busybox}\nX=1")
    assert "there is no session" in two.run(f"%%container -s {name}\ntrue").error.evalue
    two.run(f"%%container -s {name} {images.busybox}\nX=2")
    assert one.run(f"%%container -s {name}\necho $X").stdout == "1\n"


@pytest.mark.parametrize("option", ["--bg", "-d", "-t", "--diff", "--stdin x"])
def test_what_a_session_cannot_have_is_said(shared_kernel, images, option):
    failed = shared_kernel.run(f"%%container -s lab {option} {images.busybox}\ntrue")
    assert failed.error.ename == "Invalid"
    assert "session" in failed.error.evalue or "--diff" in failed.error.evalue


def test_opening_three_and_stopping_them_is_quick(shared_kernel, images, engine):  # R22
    names = [f"quick{number}" for number in range(3)]
    took = 0.0
    for one in names:
        took += shared_kernel.run(f"%%container -s {one} {images.busybox}\ntrue").duration
    for one in names:
        took += shared_kernel.run(f"%container stop {one}").duration
    assert took < 3 * patience()
    for one in names:
        assert wait_for(
            lambda mark={"org.ipycontainers.session": one}: not engine.list_containers(labels=mark)
        )


@pytest.mark.parametrize("image", ["busybox", "python"])
def test_the_container_of_a_stopped_session_is_gone_within_two_seconds(
    session, shared_kernel, engine, name, image
):
    session(image, "sleep 100 & true" if image == "busybox" else "x = 1")
    start = time.monotonic()
    shared_kernel.run(f"%container stop {name}")
    mark = {"org.ipycontainers.session": name}
    assert wait_for(lambda: not engine.list_containers(labels=mark))
    assert time.monotonic() - start < 2 * patience()
