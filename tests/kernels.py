"""A real IPython kernel, driven as Jupyter drives one, for tests that run cells.

    kernel.run("1 + 1").data["text/plain"]      run a cell, wait for it
    cell = kernel.submit("…")                   start a cell, do not wait
    cell.wait_for("begin")                      until the output shows this text
    kernel.interrupt()                          what ■ does
    cell.result(timeout=3)                      wait for the reply *and* the end of the output

Several cells may be submitted at once; each message goes to the cell that
caused it. Everything runs in the thread of the test: messages are read while
something is waited for, and their times are the times of reading.

The kernel's environment is the test's, without what ``environment`` leaves out.

Knows: jupyter_client. Does not know: pytest, containers, our package but for its name.
"""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import zmq
from jupyter_client.manager import KernelManager

LOAD = "%load_ext ipycontainers"


QUICK = Path(__file__).with_name("quick")


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The kernel's environment: no CI marks, no IPython profile of the developer's."""
    kept = {key: value for key, value in os.environ.items() if not _is_left_out(key)}
    return {
        **kept,
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONPATH": str(QUICK),
        **extra,
    }


def _is_left_out(key: str) -> bool:
    return key in {"CI", "COLUMNS", "PYTHONPATH", "PYTHONSTARTUP"} or key.startswith(
        ("GITHUB_", "PYTEST_", "JPY_", "BINDER_", "JUPYTERHUB_")
    )


@dataclass(frozen=True)
class Error:
    ename: str
    evalue: str
    traceback: list[str]

    def __str__(self) -> str:
        return "\n".join(self.traceback)


@dataclass
class Result:
    """What a cell has shown; complete once ``reply`` is set and ``idle`` is true."""

    code: str
    started: float
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    reply: dict[str, Any] | None = None
    idle: bool = False
    replied: float = 0.0

    @property
    def status(self) -> str:
        """ok, error or aborted."""
        return self.reply["status"] if self.reply else "running"

    @property
    def duration(self) -> float:
        """Seconds from sending the cell to its reply."""
        return self.replied - self.started

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    def _stream(self, name: str) -> str:
        return "".join(text for _, stream, text in self.chunks if stream == name)

    @property
    def chunks(self) -> list[tuple[float, str, str]]:
        """Each stream message: seconds since the start, stdout or stderr, text."""
        return [
            (when - self.started, message["content"]["name"], message["content"]["text"])
            for when, message in self.messages
            if message["msg_type"] == "stream"
        ]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The content of each display_data, execute_result and update_display_data."""
        kinds = {"display_data", "execute_result", "update_display_data"}
        return [message["content"] for _, message in self.messages if message["msg_type"] in kinds]

    @property
    def data(self) -> dict[str, Any]:
        """The MIME bundle of the last output, empty when there is none."""
        return self.outputs[-1]["data"] if self.outputs else {}

    @property
    def error(self) -> Error | None:
        for _, message in self.messages:
            if message["msg_type"] == "error":
                content = message["content"]
                return Error(content["ename"], content["evalue"], content["traceback"])
        return None


class Cell:
    """A cell that was sent; ``now`` is what is known of it so far."""

    def __init__(self, kernel: Kernel, code: str) -> None:
        self._kernel = kernel
        self.now = Result(code, time.monotonic())
        kernel.seen.append(self.now)

    def result(self, timeout: float = 60) -> Result:
        done = self._kernel.pump(lambda: self.now.reply and self.now.idle, timeout)
        assert done, f"no reply after {timeout} s:\n{self.now.code}\n{self.now.stdout[-2000:]}"
        return self.now

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Until stdout or stderr shows the text."""
        now = self.now
        shown = self._kernel.pump(
            lambda: text in now.stdout or text in now.stderr or now.reply, timeout
        )
        seen = f"{now.stdout[-2000:]}\n{now.stderr[-2000:]}\n{now.error}"
        assert shown, f"{text!r} not shown after {timeout} s:\n{seen}"
        assert text in now.stdout + now.stderr, f"the cell ended without {text!r}:\n{seen}"


class Kernel:
    """One kernel process; ``close`` ends it, also when it hangs or is dead."""

    # Of each cell that any kernel was given, until somebody clears it.
    seen: ClassVar[list[Result]] = []

    def __init__(
        self,
        folder: Path,
        *,
        cwd: Path,
        env: Mapping[str, str],
        load: bool = True,
        python: Sequence[str] = (),
    ) -> None:
        """``python``: the interpreter, with words before it, in place of the test's own."""
        self._load = load
        self._context = zmq.Context()
        self._manager = KernelManager(
            kernel_name="python3",
            context=self._context,
            connection_file=str(folder / f"kernel-{time.monotonic_ns()}.json"),
        )
        if python:
            self._manager.kernel_spec.argv[:1] = python
        self._manager.start_kernel(cwd=str(cwd), env=environment(folder, env))
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        self._cells: dict[str, Cell] = {}  # by the id of the request
        self.pid: int = self._manager.provisioner.pid
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        if self._load:
            loaded = self.run(LOAD)
            assert loaded.status == "ok", loaded.error

    def run(
        self, code: str, timeout: float = 60, *, watched: bool = False, cell_id: str = ""
    ) -> Result:
        return self.submit(code, watched=watched, cell_id=cell_id).result(timeout)

    def submit(self, code: str, *, watched: bool = False, cell_id: str = "") -> Cell:
        """``watched``: a person is there, who could be asked for input. ``cell_id`` is named as
        JupyterLab does."""
        cell = Cell(self, code)
        send = self._client.session.msg
        self._client.session.msg = partial(send, metadata={"cellId": cell_id} if cell_id else None)
        try:
            self._cells[self._client.execute(code, allow_stdin=watched)] = cell
        finally:
            self._client.session.msg = send
        return cell

    def complete(self, code: str, timeout: float = 30) -> dict[str, Any]:
        """What Tab at the end of the code offers: the content of complete_reply."""
        reply = self._client.complete(code, reply=True, timeout=timeout)
        return dict(reply["content"])

    def inspect(self, code: str, timeout: float = 30) -> str:
        """What Shift-Tab at the end of the code shows, as plain text."""
        reply = self._client.inspect(code, reply=True, timeout=timeout)
        return str(reply["content"]["data"].get("text/plain", ""))

    def send(self, model: str, content: object) -> None:
        """What the front end of a widget sends to the model of this id."""
        data = {"method": "custom", "content": content}
        message = self._client.session.msg("comm_msg", {"comm_id": model, "data": data})
        self._client.shell_channel.send(message)

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    @property
    def labels(self) -> dict[str, str]:
        """Of each container that a cell here makes. Others use the engine at the same time."""
        return {"org.ipycontainers.kernel-pid": str(self.pid)}

    def is_alive(self) -> bool:
        return bool(self._manager.is_alive())

    def kill9(self) -> None:
        """End the kernel process as the out-of-memory killer would."""
        os.kill(self.pid, signal.SIGKILL)
        end = time.monotonic() + 5
        while self.is_alive() and time.monotonic() < end:
            time.sleep(0.02)

    def restart(self, *, now: bool = False) -> None:
        """What "Restart kernel" does; loads the extension again."""
        self._client.stop_channels()
        self._manager.restart_kernel(now=now)
        self._connect()

    def shutdown(self) -> None:
        """What "Shut down kernel" does: asks first."""
        self._manager.shutdown_kernel()

    def close(self) -> None:
        self._client.stop_channels()
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=not self.is_alive())
        self._manager.cleanup_resources()
        self._context.destroy(linger=0)

    def pump(self, claim: Callable[[], object], timeout: float) -> bool:
        """Read messages until ``claim`` is true; false when the time is over or the kernel dead."""
        end = time.monotonic() + timeout
        while not claim():
            read = self._read_iopub() | self._read_shell()
            if not read and (time.monotonic() > end or not self.is_alive()):
                return bool(claim())
        return True

    def _read_iopub(self) -> bool:
        try:
            message = self._client.get_iopub_msg(timeout=0.02)
        except queue.Empty:
            return False
        cell = self._cells.get(message["parent_header"].get("msg_id", ""))
        if cell is not None:
            if message["msg_type"] == "status":
                cell.now.idle |= message["content"]["execution_state"] == "idle"
            else:
                cell.now.messages.append((time.monotonic(), message))
        return True

    def _read_shell(self) -> bool:
        try:
            message = self._client.get_shell_msg(timeout=0)
        except queue.Empty:
            return False
        cell = self._cells.get(message["parent_header"].get("msg_id", ""))
        if cell is not None:
            cell.now.reply = message["content"]
            cell.now.replied = time.monotonic()
        return True
