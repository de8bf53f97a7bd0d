"""HTTP spoken with the engine by hand, and what of a cell is not stored."""

from __future__ import annotations

import http.client
from typing import Any

from ipycontainers.course import wire


def test_the_stream_leads_to_the_engine_that_runs_the_cells(kernel: Any, engine: Any) -> None:
    ran = kernel.run("""
from ipycontainers.course.wire import address, dial
import http.client
asked = http.client.HTTPConnection("localhost")
asked.sock = dial()
asked.request("GET", "/_ping")
print(asked.getresponse().read().decode(), address())
asked.close()
""")
    assert (ran.status, ran.stdout) == ("ok", f"OK {engine.candidate.address}\n")


def test_it_is_a_stream_for_http(engine: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.candidate.address)
    asked = http.client.HTTPConnection("localhost")
    asked.sock = wire.dial()  # type: ignore[assignment]
    asked.request("GET", "/version")
    answer = asked.getresponse()
    assert answer.status == 200
    assert b"ApiVersion" in answer.read()
    asked.close()


def test_what_each_engine_draws_in_its_own_way_is_not_stored(kernel: Any) -> None:
    cell = "from ipycontainers import Platform\nfrom ipycontainers.course import live\n"
    kernel.run(cell)
    stored = kernel.run("live(Platform())").data
    assert (
        stored["text/plain"] == "Platform: run this cell to see it drawn, as it is on your engine."
    )
    assert "API" not in stored["text/html"]
    watched = kernel.run("live(Platform())", watched=True).data
    assert "API" in watched["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in watched
