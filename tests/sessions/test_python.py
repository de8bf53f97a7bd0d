"""Python sessions in real containers, on the engine under test."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import agents
import pytest
from support import patience, require, wait_for

from ipycontainers import exchange
from ipycontainers.errors import CellFailed


@pytest.fixture
def session(engine: Any, images: Any) -> Iterator[agents.Session]:
    with agents.contained(engine, images.python) as opened:
        yield opened


def test_a_session_lives_across_cells(session: agents.Session) -> None:
    session.run("import os\nos.chdir('/srv')\nnumber = 41")
    shown = session.run("print(os.getcwd(), os.getpid() > 0)\nnumber + 1")
    assert (shown.out, shown.result) == ("/srv True\n", "42")
    assert "ZeroDivisionError" in session.run("1/0").ended.traceback[-1]
    assert session.run("import sys; sys.exit(3)").ended.exit_code == 3
    assert session.run("input('who? ')", answers=["me"]).result == "'me'"


def test_nothing_is_written_into_the_container(engine: Any, images: Any) -> None:
    with agents.contained(engine, images.python) as session:
        session.run("1")
        container = session.interpreter._container_id
        written = [one["Path"] for one in engine.changes(container)]
    assert [path for path in written if "__pycache__" not in path and "ipycontainers" in path] == []


def test_programs_and_multiprocessing(session: agents.Session) -> None:
    session.run("import multiprocessing, subprocess\ndef f(x): return x * x")
    shown = session.run(
        "subprocess.run(['sh', '-c', 'echo out; echo err >&2'])\n"
        "with multiprocessing.Pool(2) as pool: squares = pool.map(f, range(4))\nsquares"
    )
    assert (shown.out, shown.err, shown.result) == ("out\n", "err\n", "[0, 1, 4, 9]")


def test_an_interrupt_ends_the_cells_processes_and_nothing_else(session: agents.Session) -> None:
    session.run("import subprocess, time\nearlier = subprocess.Popen(['sleep', '300.5'])\nkept = 1")
    time.sleep(0.1)  # starts of processes are counted in hundredths of a second
    shown = agents.Shown()
    code = (
        "script = 'trap \"\" INT; echo $$; sleep 301.5 & sleep 302.5'\n"
        "subprocess.Popen(['sh', '-c', script]).wait()"
    )
    with agents.interrupting(1.5) as moments, pytest.raises(KeyboardInterrupt):
        session.into(shown, code)
    assert time.monotonic() - moments[0] < 3 * patience()
    assert shown.out.strip().isdigit()
    assert session.run("earlier.poll(), kept").result == "(None, 1)"
    code = (
        "import contextlib, glob\n"
        "for path in glob.glob('/proc/[0-9]*/cmdline'):\n"
        "    with contextlib.suppress(OSError): print(open(path).read())"
    )
    # All the processes of the machine, where the launcher has no namespace for them.
    ours = [line for line in session.run(code).out.split("\n") if line.startswith("sleep")]
    assert [line.split("\0")[1] for line in ours if ".5" in line] == ["300.5"]


def test_an_interpreter_that_ignores_the_interrupt_is_replaced(session: agents.Session) -> None:
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    with agents.interrupting(1) as moments, pytest.raises(KeyboardInterrupt):
        session.run(code)
    assert time.monotonic() - moments[0] < 3 * patience()
    assert "ignored the interrupt" in session.interpreter.lost
    assert session.run("'time' in globals()").result == "False"


def test_late_output_is_in_the_log_and_in_no_other_cell(session: agents.Session) -> None:
    session.run("import subprocess\nsubprocess.Popen(['sh', '-c', 'sleep 0.5; echo late'])")
    shown = session.run("import time\ntime.sleep(1)\nprint('now')")
    assert shown.out == "now\n"
    assert wait_for(lambda: session.interpreter.log == b"late\n"), session.interpreter.log


def test_much_output_comes_whole(session: agents.Session) -> None:
    shown = session.run("print('x' * 79 + '\\n', end='') \nfor _ in range(10**5): print('y' * 99)")
    assert len(shown.out) == 80 + 10**7
    assert session.run("1").result == "1"


def test_a_container_that_is_killed_is_gone(engine: Any, images: Any) -> None:
    with agents.contained(engine, images.python) as session:
        container = session.interpreter._container_id
        threading.Timer(0.5, engine.kill, [container]).start()
        ended = session.run("import time; time.sleep(60)").ended
        assert (ended.gone, ended.exit_code) == (True, 137)


@pytest.mark.needs("limits")
def test_memory_that_runs_out_is_told(engine: Any, images: Any) -> None:
    limits = {"Memory": 64 << 20, "MemorySwap": 64 << 20}
    with agents.contained(engine, images.python, host=limits) as session:
        ended = session.run("b'x' * (200 << 20)").ended
        assert ended.exit_code == 137, session.warnings
        assert ended.gone or "memory" in ended.lost
        assert ended.gone or session.run("1").result == "1"


def test_a_program_that_is_no_python_is_told(engine: Any, images: Any) -> None:
    with (
        pytest.raises(CellFailed, match="sh did not start a session") as failed,
        agents.contained(engine, images.python, program=["sh"]),
    ):
        raise AssertionError("it has started")
    assert failed.value.exit_code


def test_values_of_every_kind_cross(engine: Any, images: Any) -> None:
    value = {"a": [1, 2.5, None, b"bytes"], "b": ("tuple", {1, 2}), "large": b"x" * 3_000_000}
    with agents.contained(engine, images.python, values_module="") as session:
        given = {"value": exchange.pack(value, "value")}
        code = "value['more'] = len(value['large'])\nscript = lambda: 0"
        ended = session.run(code, values=given, wanted=["value", "nosuch"]).ended
        assert ended.unset == ("nosuch",)
        assert exchange.unpack(ended.values["value"]) == {**value, "more": 3_000_000}
        refused = session.run("1", wanted=["script", "value"]).ended
        assert refused.refused == {"script": "-o script: a function has no form to travel in"}
        assert list(refused.values) == ["value"]


def test_many_cells_leave_nothing_behind(session: agents.Session) -> None:
    session.run("import os, threading")
    count = "len(os.listdir('/proc/self/fd')), threading.active_count()"
    before = session.run(count).result
    for number in range(500):
        assert session.run(f"print({number}); {number}").result == str(number)
    assert session.run(count).result == before


def test_sessions_in_threads_do_not_mix(engine: Any, images: Any) -> None:
    failures: list[object] = []

    def use(number: int) -> None:
        try:
            with agents.contained(engine, images.python) as session:
                session.run(f"mine = {number}")
                for _ in range(10):
                    shown = session.run("print(mine)\nmine * 2")
                    assert (shown.out, shown.result) == (f"{number}\n", str(number * 2))
        except BaseException as error:  # noqa: BLE001 – told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.slow
def test_matplotlib_and_pandas_show_themselves(
    engine: Any, images: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The real ones, installed from PyPI for the image's Python into a folder beside it."""
    folder = tmp_path_factory.mktemp("packages")
    folder.chmod(0o755)
    with agents.contained(engine, images.python) as session:
        version = session.run("import sys\nprint('%d.%d' % sys.version_info[:2])").out.strip()
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    asked += ["--python-version", version, "--target", str(folder), "matplotlib", "pandas"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    require(done.returncode == 0, "pypi", f"pip cannot install matplotlib: {done.stderr[-500:]}")
    mounted = {"Binds": [f"{folder}:/packages:ro"]}
    with agents.contained(engine, images.python, host=mounted) as session:
        session.run("import sys\nsys.path.append('/packages')")
        drawn = session.run("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);")
        assert drawn.ended.exit_code == 0, drawn.ended.traceback
        assert [sorted(one[1]) for one in drawn.outputs] == [["image/png", "text/plain"]]
        assert drawn.err == ""
        again = session.run("plt.plot([1])\nplt.show()\nprint('shown')")
        assert [one[0] for one in again.outputs] == ["display"]
        figure = session.run("from matplotlib.figure import Figure\nFigure()")
        assert "image/png" in figure.outputs[0][1]
        table = session.run("import pandas\npandas.DataFrame({'a': [1, 2]})").outputs[0][1]
        assert '<table border="1" class="dataframe">' in table["text/html"]
        assert "<style" not in table["text/html"]
