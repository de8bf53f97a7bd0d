"""Builds that pull what they begin with, and what their lines do to others who wait for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engine.build.building import build, context
from engine.registry.double import Double
from layers import Made, file, tar
from support import wait_for

from ipycontainers.engine.build.running import Cancelled, Cancelling
from ipycontainers.engine.endpoints.backlog import FULL, Backlog, Kept
from ipycontainers.engine.registry.transfers import Step, Transfer, Transfers

LINE = b"x" * 1000


@pytest.fixture
def double() -> Iterator[Double]:
    with contextlib.closing(Double()) as made:
        yield made


# --- whole builds --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["{}", "http://{}/v1/"])
def test_a_base_is_pulled_with_what_the_client_knows(docker: Any, double: Double, key: str) -> None:
    double.add("test/base", Made([tar(file("f", key.encode()))]))
    known = base64.b64encode(b"me:secret").decode()

    def judged(handler: Any) -> None:
        if handler.headers.get("Authorization") == f"Basic {known}":
            double.serve(handler)
        else:
            asks = {"WWW_Authenticate": 'Basic realm="test"'}
            handler.send_error_json(401, "UNAUTHORIZED", "who are you", **asks)

    double.on("/", judged)
    text = f"FROM {double.address}/test/base\nENV A={key}\n"
    assert build(docker, text).error is not None
    document = {key.format(double.address): {"username": "me", "password": "secret"}}
    header = base64.urlsafe_b64encode(json.dumps(document).encode()).decode()
    answer = docker.api.post(
        docker.api._url("/build"), data=context(text), headers={"X-Registry-Config": header}
    )
    told = [json.loads(line) for line in answer.text.splitlines()]
    assert {"Pulling fs layer", "Pull complete"} <= {line.get("status") for line in told}
    assert any("Successfully built" in line.get("stream", "") for line in told)


def test_a_quiet_build_tells_all_when_it_fails(docker: Any, double: Double) -> None:
    double.add("test/quiet", Made([tar(file("f", b"quiet"))]))
    text = f"FROM {double.address}/test/quiet\nCOPY gone /\n"
    told = build(docker, text, q=1)
    assert any(line.get("status") == "Pull complete" for line in told.objects)
    assert told.lines[0].startswith("Step 1/2")
    assert len(build(docker, text.replace("COPY gone /", "ENV A=1"), q=1).objects) == 1


# --- lines that nobody reads ---------------------------------------------------------------------


async def heard_beside(backlog: Backlog, work: Callable[[Transfer], None]) -> list[Step]:
    """What another hears of a pull, to its end, that the build of ``backlog`` hears too."""
    transfers, heard = Transfers(), list[Step]()

    def offered(step: Step) -> None:
        backlog.offer(step.status.encode(), is_count=step.current is not None)

    transfers.join("key", work, "id", offered)
    transfer = transfers.join("key", work, "id", heard.append)
    assert await asyncio.to_thread(transfer.wait, 30)
    return heard


def test_a_client_that_does_not_read_holds_up_its_own_build_only() -> None:
    """Transfers are shared: another pull must hear all and come to its end."""

    def work(transfer: Transfer) -> None:
        for count in range(3000):
            transfer.tell("Downloading" * 100, count, 3000)
        transfer.tell("Pull complete")

    async def run() -> tuple[list[Step], bytes]:
        backlog = Backlog(Cancelling())
        return await heard_beside(backlog, work), await anext(backlog)

    heard, read = asyncio.run(run())
    assert heard[-1].status == "Pull complete"
    assert read.endswith(b"Pull complete")  # what is no count is never left out
    assert FULL <= len(read) < FULL + 2000


def test_a_client_that_has_gone_breaks_nobodys_pull() -> None:
    def work(transfer: Transfer) -> None:
        transfer.tell("Downloading", 1, 2)
        transfer.tell("Pull complete")

    async def run() -> list[Step]:
        backlog = Backlog(Cancelling())
        await backlog.aclose()
        heard = await heard_beside(backlog, work)
        with pytest.raises(Cancelled):  # which its own build hears
            backlog.put(LINE)
        return heard

    assert asyncio.run(run())[-1].status == "Pull complete"


def test_a_build_waits_for_its_client() -> None:
    async def run() -> None:
        backlog, done = Backlog(Cancelling()), list[int]()

        def work() -> None:
            for number in range(2 * FULL // len(LINE)):
                backlog.put(LINE)
                done.append(number)
            backlog.end()

        working = asyncio.create_task(asyncio.to_thread(work))
        assert await asyncio.to_thread(wait_for, lambda: len(done) * len(LINE) >= FULL)
        read = b"".join([lines async for lines in backlog])
        await working
        assert len(read) == len(done) * len(LINE) > FULL

    asyncio.run(run())


def test_a_quiet_build_keeps_bytes_and_not_a_number_of_lines() -> None:
    kept = Kept(5 * len(LINE))
    for number in range(20):
        kept.put(b"%d" % number + LINE)
        kept.offer(LINE, is_count=True)
    assert [line[:2] for line in kept.all()] == [b"16", b"17", b"18", b"19"]
