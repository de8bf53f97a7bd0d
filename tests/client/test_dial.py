"""TLS, against a real dockerd that verifies its clients."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import patience

from ipycontainers import errors
from ipycontainers.client import Candidate, Tls, connect, open_candidate

Run = Callable[..., Any]


def test_output_and_input_pass_through_tls(
    tls_engine: str, tls: Tls, images: Any, run: Run
) -> None:
    """The program sees the end of its input, and its later output still comes."""
    data = bytes(range(256)) * 8192
    with open_candidate(Candidate("test", tls_engine, True, tls)) as connection:
        ran = run(connection, images.busybox, ["sh", "-c", "cat; echo end; exit 4"], stdin=data)
    assert ran.out == data + b"end\n"
    assert ran.exit.code == 4


def test_the_end_of_the_input_does_not_lose_output_that_is_under_way(
    tls_engine: str, tls: Tls, images: Any, run: Run
) -> None:
    flood = ["sh", "-c", "yes 0123456789 | head -c 3000000; cat >/dev/null; echo end"]
    with open_candidate(Candidate("test", tls_engine, True, tls)) as connection:
        for _ in range(3):
            ran = run(connection, images.busybox, flood, stdin=b"x")
            assert len(ran.out) == 3_000_004


def test_silence_and_closing_work_through_tls(tls_engine: str, tls: Tls, images: Any) -> None:
    with open_candidate(Candidate("test", tls_engine, True, tls), timeout=1) as connection:
        body = {"Image": images.busybox, "Cmd": ["sh", "-c", "sleep 3; echo done"]}
        created = connection.create(body)
        try:
            with connection.attach(created.id) as attachment:
                connection.start(created.id)
                assert attachment.read() == b"\x01\0\0\0\0\0\0\x05done\n"
            watch = connection.watch_exit(created.id)
            start = time.monotonic()
            watch.close()
            assert time.monotonic() - start < 0.5 * patience()
        finally:
            connection.remove(created.id)
    assert not [t for t in threading.enumerate() if t.name == "ipycontainers-exit"]


def test_docker_host_with_the_usual_variables(
    tls_engine: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", tls_engine)
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    # requests would let this take the place of the engine's own authority.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "other-ca.pem"))
    with connect() as connection:
        assert connection.candidate.source == "DOCKER_HOST"
        assert connection.list_images()
        assert not connection.shares_files


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"ca": "other-ca.pem"}, errors.EngineForbidden),
        ({"cert": None, "key": None}, errors.EngineForbidden),
        ({"ca": "nosuch.pem"}, errors.EngineForbidden),
    ],
)
def test_certificates_that_do_not_fit(
    tls_engine: str,
    tls: Tls,
    certificates: Path,
    changes: dict[str, str | None],
    kind: type[Exception],
) -> None:
    paths = {name: value and str(certificates / value) for name, value in changes.items()}
    with pytest.raises(errors.EngineUnavailable) as caught:
        open_candidate(Candidate("test", tls_engine, True, dataclasses.replace(tls, **paths)))
    assert type(caught.value) is kind
    assert caught.value.hint


def test_plain_http_to_a_port_with_tls_says_so(tls_engine: str) -> None:
    with pytest.raises(errors.EngineSilent) as caught:
        open_candidate(Candidate("test", tls_engine, True))
    assert "DOCKER_TLS_VERIFY" in caught.value.hint
