"""The agent as a process here, on every Python that is installed: no container."""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import agents
import pytest
from support import patience, wait_for

from ipycontainers.errors import Invalid
from ipycontainers.exchange import Packed
from ipycontainers.sessions.agent import wire
from ipycontainers.sessions.python_cell import FRESH, Cell

PYTHONS = agents.pythons() or [sys.executable]
AGENT = Path(wire.__file__).parent


@pytest.fixture(scope="module", params=PYTHONS, ids=lambda path: "-".join(Path(path).parts[-3:]))
def session(request: pytest.FixtureRequest) -> Iterator[agents.Session]:
    with agents.local(request.param) as opened:
        yield opened


@pytest.fixture
def fresh() -> Iterator[agents.Session]:
    with agents.local(sys.executable) as opened:
        yield opened


@pytest.mark.parametrize("file", sorted(AGENT.glob("*.py")), ids=lambda file: file.name)
def test_the_agent_is_python_3_6(file: Path) -> None:
    ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 6))


# --- cells ----------------------------------------------------------------------------------


def test_variables_functions_and_imports_live_on(session: agents.Session) -> None:
    session.run("import math\nnumber = 20\ndef double(x):\n    return x * 2")
    assert session.run("double(number) + math.floor(2.5)").result == "42"


def test_only_the_last_expression_is_shown(session: agents.Session) -> None:
    assert session.run("1\n2\n3").outputs == [("result", {"text/plain": "3"}, {}, "")]
    assert session.run("None").outputs == []
    assert session.run("x = 5").outputs == []
    assert session.run("5;").outputs == []
    assert session.run("5 ; # a comment\n\n").outputs == []
    assert session.run("'a;b'").result == "'a;b'"


def test_underscore_is_the_last_value(session: agents.Session) -> None:
    session.run("6 * 7")
    assert session.run("_ + 1").result == "43"


def test_both_streams_are_told_apart(session: agents.Session) -> None:
    shown = session.run("import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (shown.out, shown.err, shown.ended.exit_code) == ("out\n", "err\n", 0)


def test_output_of_programs_is_the_cells(session: agents.Session) -> None:
    shown = session.run("import os\nos.system('echo out; echo err >&2');")
    assert (shown.out, shown.err) == ("out\n", "err\n")


def test_order_is_kept_between_prints_programs_and_displays(session: agents.Session) -> None:
    shown = agents.Shown()
    shown.stream_order()
    session.into(
        shown,
        "import os, sys\n"
        "print('a'); display(1); os.system('echo b'); display(2)\n"
        "print('c', file=sys.stderr); print('d'); print('e', file=sys.stderr)",
    )
    order = [(one[0], one[1] if isinstance(one[1], str) else "") for one in shown.outputs]
    assert order == [
        ("stdout", "a\n"),
        ("display", ""),
        ("stdout", "b\n"),
        ("display", ""),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
        ("stderr", "e\n"),
    ]


def test_a_traceback_has_the_cells_own_lines_and_none_of_the_agents(
    session: agents.Session,
) -> None:
    session.run("def divide(a):\n    return a / 0  # here")
    ended = session.run("def outer():\n    divide(1)\n\nouter()").ended
    text = "\n".join(ended.traceback)
    assert ended.exit_code == 1
    assert (ended.name, ended.message) == ("ZeroDivisionError", "division by zero")
    assert "return a / 0  # here" in text
    assert "    outer()" in text
    assert "ipycontainers" not in text
    assert ended.traceback[-1] == "ZeroDivisionError: division by zero"


def test_a_syntax_error_shows_its_line(session: agents.Session) -> None:
    ended = session.run("x = 1\ndef f(:\n    pass").ended
    assert (ended.exit_code, ended.name) == (1, "SyntaxError")
    assert any("def f(:" in line for line in ended.traceback)
    assert not any("ipycontainers" in line for line in ended.traceback)
    assert session.run("1").result == "1"


def test_exceptions_that_cannot_be_told_end_their_cell_only(session: agents.Session) -> None:
    code = "class Bad(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Bad"
    ended = session.run(code).ended
    assert (ended.exit_code, ended.name) == (1, "Bad")
    assert session.run("def deep(n):\n    return deep(n + 1)\ndeep(0)").ended.exit_code == 1
    assert session.run("raise ValueError('x' * 10**7)").ended.name == "ValueError"
    assert session.run("1").result == "1"


def test_source_of_functions_is_known(session: agents.Session) -> None:
    session.run("def f(x):\n    return x + 1")
    assert session.run("import inspect\nprint(inspect.getsource(f), end='')").out == (
        "def f(x):\n    return x + 1\n"
    )


def test_future_imports_hold_for_later_cells(session: agents.Session) -> None:
    if session.run("import sys; sys.version_info >= (3, 7)").result == "False":
        pytest.skip("annotations came with Python 3.7")
    session.run("from __future__ import annotations")
    assert session.run("def f(x: nowhere): pass\nf.__annotations__['x']").result == "'nowhere'"


def test_await_at_the_top(session: agents.Session) -> None:
    if session.run("import sys; sys.version_info >= (3, 8)").result == "False":
        pytest.skip("await at the top came with Python 3.8")
    session.run("import asyncio\nlater = asyncio.get_event_loop_policy().new_event_loop().close()")
    assert session.run("await asyncio.sleep(0.01)\nawait asyncio.sleep(0, 5)").result == "5"
    session.run("task = asyncio.ensure_future(asyncio.sleep(0, 'kept'))\nawait asyncio.sleep(0)")
    assert session.run("await task").result == "'kept'"
    session.run("async def f(): return 4")
    assert session.run("asyncio.run(f())").result == "4"
    assert session.run("made = asyncio.create_task(f())\nawait made").result == "4"
    failed = session.run("async def g(): return 1 / 0\nawait g()").ended
    assert failed.traceback[1].startswith('  File "<cell ')
    assert not [line for line in failed.traceback if "asyncio" in line or "ipycontainers" in line]


def test_exit_codes(session: agents.Session) -> None:
    session.run("kept = 1")
    assert session.run("import sys\nsys.exit(3)").ended.exit_code == 3
    assert session.run("sys.exit()").ended.exit_code == 0
    shown = session.run("sys.exit('no good')")
    assert (shown.ended.exit_code, shown.err) == (1, "no good\n")
    assert session.run("kept").result == "1"


# --- how values look -----------------------------------------------------------------------


def test_wide_containers_are_broken_into_lines(session: agents.Session) -> None:
    assert session.run("[1, 2]").result == "[1, 2]"
    wide = session.run("{'a': ['x' * 40, 'y' * 40], 'b': ()}").result
    assert wide == f"{{'a': ['{'x' * 40}',\n       '{'y' * 40}'],\n 'b': ()}}"
    assert session.run("list(range(5000))").result.endswith(" 999,\n ...]")
    assert session.run("int, type('T', (), {})").result == "(<class 'int'>, <class '__main__.T'>)"
    assert session.run("int").result == "int"


def test_rich_representations(session: agents.Session) -> None:
    session.run(
        "class Rich:\n"
        "    def __repr__(self): return 'plain'\n"
        "    def _repr_html_(self): return '<b>bold</b>'\n"
        "    def _repr_png_(self): return b'\\x89PNG\\r\\n\\x1a\\n' + bytes(20)\n"
        "    def _repr_latex_(self): raise ValueError('no latex today')\n"
    )
    shown = session.run("Rich()")
    data = shown.outputs[0][1]
    assert data["text/plain"] == "plain"
    assert data["text/html"] == "<b>bold</b>"
    assert data["image/png"].startswith("iVBORw0KGgo")
    assert "no latex today" in shown.err
    assert session.run("Rich").result == "__main__.Rich"


def test_bundles_and_own_displays(session: agents.Session) -> None:
    code = (
        "class Bundle:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        data = {'text/plain': 'b', 'image/png': 'iVBORw0KGgoAAAANSUhEUgAA'}\n"
        "        return data, {'image/png': {'width': 9}}\n"
        "Bundle()"
    )
    assert session.run(code).outputs[0][2] == {"image/png": {"width": 9}}
    own = "class Own:\n    def _ipython_display_(self): print('own')\nOwn()"
    shown = session.run(own)
    assert (shown.out, shown.outputs) == ("own\n", [])


def test_displays_have_identifiers_of_their_container(session: agents.Session) -> None:
    shown = session.run("handle = display('a', display_id='x')\nhandle.update('b')")
    assert [one[0] for one in shown.outputs] == ["display", "update"]
    assert {one[3] for one in shown.outputs} == {"local-x"}
    made = session.run("display('a', display_id=True).update('b')").outputs
    assert made[0][3] == made[1][3] != ""


def test_clear_output(session: agents.Session) -> None:
    shown = session.run("display(1)\nclear_output(wait=True)\ndisplay(2)")
    assert [one[:2] for one in shown.outputs][1] == ("clear", True)


def test_an_image_with_ipython_displays_here(fresh: agents.Session) -> None:
    code = "from IPython.display import HTML, Markdown, display, update_display, clear_output\n"
    shown = fresh.run(code + "display(HTML('<b>b</b>'), display_id='x')\nclear_output()")
    assert [one[0] for one in shown.outputs] == ["display", "clear"]
    assert shown.outputs[0][1]["text/html"] == "<b>b</b>"
    assert fresh.run("Markdown('**m**')").result == "**m**"
    assert fresh.run("update_display(HTML('u'), display_id='x')").outputs[0][0] == "update"


def test_figures_of_pyplot_are_shown_at_the_end_and_by_show(tmp_path: Path) -> None:
    """By a module of the same protocol as matplotlib's pyplot; the real one is in test_python."""
    package = tmp_path / "matplotlib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "figure.py").write_text(
        "class Figure:\n"
        "    def savefig(self, file, format, bbox_inches):\n"
        "        file.write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(16))\n"
    )
    (package / "pyplot.py").write_text(
        "from .figure import Figure\n_open = {}\n"
        "def plot(): _open.setdefault(1, Figure())\n"
        "def figure(number): return _open[number]\n"
        "def get_fignums(): return sorted(_open)\n"
        "def close(which): _open.clear()\n"
        "def show(): raise RuntimeError('Agg cannot show')\n"
    )
    with agents.local(sys.executable, folder=tmp_path) as session:
        first = session.run("import matplotlib.pyplot as plt\nplt.plot()")
        assert ["image/png" in one[1] for one in first.outputs] == [True]
        assert session.run("plt.get_fignums()").result == "[]"
        second = session.run("plt.plot()\nplt.show()\nprint('after')")
        assert ["image/png" in one[1] for one in second.outputs] == [True]


# --- input ---------------------------------------------------------------------------------


def test_input_and_getpass_ask_the_notebook(session: agents.Session) -> None:
    shown = session.run(
        "import getpass\nprint(input('name? '), getpass.getpass('word? '))",
        answers=["Ada", "secret"],
    )
    assert shown.out == "Ada secret\n"
    assert shown.front.prompts == [("name? ", False), ("word? ", True)]


def test_input_where_nobody_can_answer_is_an_end_of_file(session: agents.Session) -> None:
    ended = session.run("input()").ended
    assert (ended.name, ended.message) == ("EOFError", "nobody can answer here")
    assert session.run("import sys; sys.stdin.read()").result == "''"


# --- values --------------------------------------------------------------------------------


def test_values_arrive_and_leave(session: agents.Session) -> None:
    given = {"number": Packed("text", {"type": "int"}, b"41")}
    shown = session.run("number += 1\nword = 'wörd'", values=given, wanted=["number", "word", "no"])
    values = {name: bytes(one.data).decode() for name, one in shown.ended.values.items()}
    assert values == {"number": "42", "word": "wörd"}
    assert shown.ended.unset == ("no",)
    assert session.run("number").result == "42"


def test_large_values_pass_in_pieces(session: agents.Session) -> None:
    text = "ä" * 3_000_000
    given = {"text": Packed("text", {"type": "str"}, text.encode())}
    ended = session.run("text += '.'", values=given, wanted=["text"]).ended
    assert bytes(ended.values["text"].data).decode() == text + "."


def test_a_value_that_cannot_arrive_keeps_the_code_from_running(session: agents.Session) -> None:
    shown = session.run("print('ran')", values={"x": Packed("pickle", {}, b"cos\nsystem\n")})
    assert (shown.out, shown.ended.exit_code, shown.ended.name) == ("", 1, "AssertionError")


def test_a_cell_that_fails_gives_what_it_had_set(session: agents.Session) -> None:
    ended = session.run("number = 7\n1/0", wanted=["number", "never"]).ended
    assert (ended.exit_code, ended.name, ended.unset) == (1, "ZeroDivisionError", ("never",))
    assert ended.values["number"].data == b"7"


def test_a_long_cell_arrives_whole(session: agents.Session) -> None:
    code = "text = '''" + "x" * 3_000_000 + "'''\nlen(text)"
    assert session.run(code).result == "3000000"


# --- processes, threads, ends --------------------------------------------------------------


def test_multiprocessing_works_with_functions_of_cells(session: agents.Session) -> None:
    session.run("import multiprocessing\nlock = multiprocessing.Lock()\ndef f(x): return x * x")
    shown = session.run(
        "with multiprocessing.Pool(2) as pool:\n    squares = pool.map(f, range(5))\nsquares"
    )
    assert shown.result == "[0, 1, 4, 9, 16]"
    code = (
        "def say():\n    with lock:\n        print('from the child')\n"
        "child = multiprocessing.Process(target=say)\nchild.start()\nchild.join()\nchild.exitcode"
    )
    shown = session.run(code)
    assert (shown.out, shown.result) == ("from the child\n", "0")


def test_spawn_works_with_functions_of_modules(session: agents.Session) -> None:
    code = (
        "import math, multiprocessing\n"
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    roots = pool.map(math.sqrt, [4, 9])\nroots"
    )
    assert session.run(code).result == "[2.0, 3.0]"


def test_a_fork_of_a_cell_is_no_second_session(session: agents.Session) -> None:
    code = (
        "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\n"
        "print('parent' if pid else 'child')"
    )
    assert session.run(code).out == "child\nparent\n"
    assert session.run("1").result == "1"


def test_late_output_of_threads_and_processes_goes_to_the_log(session: agents.Session) -> None:
    session.run(
        "import subprocess, threading, time\n"
        "go = threading.Event()\n"
        "def late():\n    go.wait()\n    print('late thread')\n"
        "thread = threading.Thread(target=late)\nthread.start()\n"
        "program = subprocess.Popen(['sh', '-c', 'read x; echo late program'], stdin=-1)"
    )
    shown = session.run(
        "go.set(); thread.join(); program.communicate(b'x'); time.sleep(0.2); print('now')"
    )
    assert (shown.out, shown.err) == ("now\n", "")
    log = wait_for(lambda: (found := session.interpreter.log).count(b"late") >= 2 and found)
    assert log
    assert b"late thread\n" in log
    assert b"late program\n" in log


def test_what_comes_between_cells_is_not_the_next_ones(session: agents.Session) -> None:
    session.run(
        "import threading\ndef late():\n    print('between')\n    display('between')\n"
        "threading.Timer(0.1, late).start()"
    )
    time.sleep(0.5)
    shown = session.run("print('next')")
    assert (shown.out, shown.outputs) == ("next\n", [])
    assert b"between\n" in session.interpreter.log


def test_half_a_character_is_refused_before_anything_runs(session: agents.Session) -> None:
    with pytest.raises(Invalid, match="half of a character"):
        session.run("print('\ud800')")
    assert session.run("1").result == "1"


def test_tasks_of_a_pool_write_to_the_cell_that_submits_them(session: agents.Session) -> None:
    session.run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1)\npool.submit(print, 'first').result()"
    )
    assert session.run("pool.submit(print, 'second').result()").out == "second\n"


def test_a_cell_cannot_break_the_streams_of_the_next(session: agents.Session) -> None:
    session.run("import os, sys\nsys.stdout.close()\nos.close(1)\nos.close(2)\nos.close(0)")
    shown = session.run("print('still')\nos.system('echo here')")
    assert shown.out == "still\nhere\n"


def test_bytes_pass_unchanged(session: agents.Session) -> None:
    shown = agents.Shown()
    session.into(shown, "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4000);")
    assert shown.output  # the text is not UTF-8, so its bytes are compared
    assert shown._out.data == bytes(range(256)) * 4000


def test_exit_replaces_the_interpreter_and_says_so(session: agents.Session) -> None:
    session.run("kept = 1")
    ended = session.run("exit()").ended
    assert (ended.exit_code, ended.lost) == (
        0,
        f"the cell ended its interpreter with exit(); {FRESH}",
    )
    assert session.interpreter.lost == ended.lost
    ended = session.run("kept").ended
    assert (ended.name, ended.lost) == ("NameError", "")


def test_an_interpreter_that_dies_is_replaced(session: agents.Session) -> None:
    shown = session.run("import os\nprint('last words')\nos._exit(4)")
    assert (shown.out, shown.ended.exit_code) == ("last words\n", 4)
    assert shown.ended.lost == f"the interpreter ended with exit code 4; {FRESH}"
    ended = session.run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)").ended
    assert ended.exit_code == 139
    assert "SIGSEGV" in ended.lost
    assert session.run("1").result == "1"


def test_an_interpreter_that_dies_between_cells_is_told_by_the_next(
    session: agents.Session,
) -> None:
    session.run("import os, threading\nthreading.Timer(0.05, os._exit, [9]).start()")
    time.sleep(0.5)  # no cell runs meanwhile
    ended = session.run("2").ended
    assert ended.lost == f"the interpreter ended with exit code 9; {FRESH}"


def test_an_interpreter_that_loses_its_descriptors_is_replaced(session: agents.Session) -> None:
    ended = session.run("import os, time\nos.closerange(3, 200)\ntime.sleep(60)").ended
    assert ended.lost
    assert session.run("1").result == "1"


def test_modules_in_the_working_folder_do_not_shadow_the_agents(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not this one')")
    (tmp_path / "mine.py").write_text("value = 'mine'")
    with agents.local(sys.executable, folder=tmp_path) as session:
        assert session.run("import mine; mine.value").result == "'mine'"


def test_an_old_python_is_refused_in_words() -> None:
    from ipycontainers.errors import CellFailed

    script = "import sys; sys.stderr.write('a session needs Python 3.6 or later'); sys.exit(1)"
    with (
        agents.local("python2", command=[sys.executable, "-c", script], opened=False) as session,
        pytest.raises(CellFailed, match=r"python2 did not start .*needs Python 3\.6") as failed,
    ):
        session.interpreter.open()
    assert failed.value.exit_code == 1


# --- interrupts ----------------------------------------------------------------------------


def _interrupted(session: agents.Session, code: str, after: float = 0.5) -> tuple[float, str]:
    """Seconds from the interrupt to the end of the cell, and what it has printed."""
    shown = agents.Shown()
    with agents.interrupting(after) as moments, pytest.raises(KeyboardInterrupt):
        session.into(shown, code)
    return time.monotonic() - moments[0], shown.out


def test_an_interrupt_ends_the_cell_and_keeps_its_variables(session: agents.Session) -> None:
    seconds, out = _interrupted(session, "kept = 5\nprint('in')\nimport time\ntime.sleep(60)")
    assert seconds < 3 * patience()
    assert out == "in\n"
    assert session.interpreter.lost == ""
    assert session.run("kept").result == "5"


def test_an_interrupt_ends_programs_and_what_they_have_started(session: agents.Session) -> None:
    code = (
        "import subprocess\nsubprocess.call(['sh', '-c', 'trap \"\" INT; sleep 6161 & sleep 6162'])"
    )
    seconds, _ = _interrupted(session, code)
    assert seconds < 3 * patience()
    left = session.run("import os\nprint(os.popen('ps -o pid,ppid,args 2>&1').read())").out
    assert "sleep 616" not in left


def test_an_interrupt_spares_programs_of_earlier_cells(session: agents.Session) -> None:
    session.run("import subprocess, time\nearlier = subprocess.Popen(['sleep', '60'])")
    time.sleep(0.05)  # processes' starts are counted in hundredths of a second
    _interrupted(session, "time.sleep(60)")
    assert session.run("earlier.poll()").result is None
    session.run("earlier.kill(); earlier.wait()")


def test_an_interpreter_that_ignores_the_interrupt_is_replaced(session: agents.Session) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    seconds, _ = _interrupted(session, code)
    assert seconds < 3 * patience()
    assert session.interpreter.lost.startswith("the interpreter ignored the interrupt")
    assert session.run("2").result == "2"


def test_a_cell_that_catches_the_interrupt_may_tidy_up(session: agents.Session) -> None:
    code = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: print('tidy')"
    _, out = _interrupted(session, code)
    assert out == "tidy\n"


def test_a_question_can_be_interrupted(fresh: agents.Session) -> None:
    class Asleep(agents.Front):
        def input(self, prompt: str, password: bool) -> str:
            time.sleep(60)
            return ""

    shown = agents.Shown()
    shown.front = Asleep([])
    with agents.interrupting(0.3), pytest.raises(KeyboardInterrupt):
        fresh.into(shown, "kept = 1\ninput()")
    assert fresh.run("kept").result == "1"


def test_a_deadline_ends_the_cell(session: agents.Session) -> None:
    from ipycontainers.errors import CellTimedOut

    start = time.monotonic()
    with pytest.raises(CellTimedOut):
        session.run("kept = 6\nimport time\ntime.sleep(60)", deadline=start + 0.5)
    assert time.monotonic() - start < 4 * patience()
    assert session.run("kept").result == "6"


def test_interrupts_at_any_moment_lose_nothing(fresh: agents.Session) -> None:
    fresh.run("kept = 7")
    for number in range(40):
        try:
            with agents.interrupting(0.0005 * (number + 1)):
                fresh.run("for i in range(300): print(i); display(i)")
        except KeyboardInterrupt:
            pass
        assert fresh.interpreter.lost == ""
    assert fresh.run("kept").result == "7"


def test_the_end_of_a_cell_is_told_again_to_who_missed_it(
    fresh: agents.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the interrupt strikes between its arrival and its reading."""
    fresh.run("kept = 8")
    hear = Cell.hear

    def missing(cell: Cell, head: dict[str, object], data: bytes) -> None:
        if head.get("op") == "ended":
            monkeypatch.setattr(Cell, "hear", hear)
            raise KeyboardInterrupt
        hear(cell, head, data)

    monkeypatch.setattr(Cell, "hear", missing)
    with pytest.raises(KeyboardInterrupt):
        fresh.run("1")
    assert fresh.interpreter.lost == ""
    assert fresh.run("kept").result == "8"
