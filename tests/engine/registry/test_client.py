"""What one registry is asked and told; by a client in this process, against a double."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from engine.registry.double import DOCKER_MANIFEST, Double, Handler
from layers import Made, file, sha256, tar

from ipycontainers import errors
from ipycontainers.engine.registry.asking import Asker, find
from ipycontainers.engine.registry.client import Client, Refused, reached
from ipycontainers.engine.registry.credentials import Credentials
from ipycontainers.engine.registry.settings import Place, Settings
from ipycontainers.engine.registry.transport import Broken, Transport
from ipycontainers.oci import Digest, Reference

NOBODY = Credentials()
KNOWN = Credentials("me", "secret")
IMAGE = Made([tar(file("a", b"content"))])
LAYER = IMAGE.blobs[0]


@pytest.fixture
def transport() -> Iterator[Transport]:
    with contextlib.closing(Transport(Settings(environ={}), patience=2)) as made:
        yield made


def client(
    double: Double, transport: Transport, credentials: Credentials = NOBODY, **more: Any
) -> Client:
    place = Place("http", double.address, double.address)
    return Client(transport, place, "test/x", credentials, **more)


def content(one: Client) -> bytes:
    with one.blob(Digest.of(LAYER)) as (_, answer):
        return answer.document(1 << 20)


def guarded(double: Double, token: str = "token") -> None:
    """Lets in who brings the token, which /token gives."""

    def behave(handler: Handler) -> None:
        if handler.headers.get("Authorization") == f"Bearer {token}":
            double.serve(handler)
            return
        realm = f'Bearer realm="http://{double.address}/token",service="the registry"'
        handler.send_error_json(401, "UNAUTHORIZED", "login", WWW_Authenticate=realm)

    double.on("/v2/", behave)
    told = json.dumps({"token": token}).encode()
    double.on("/token", lambda handler: handler.send(200, told, "application/json"))


# --- being let in --------------------------------------------------------------------------------


def test_a_stranger_gets_a_token_where_one_is_asked_for(
    double: Double, transport: Transport
) -> None:
    double.add("test/x", IMAGE)
    guarded(double)
    assert client(double, transport).manifest("latest").content == IMAGE.manifest_blob
    (asked,) = double.asked("/token")
    assert "scope=repository%3Atest%2Fx%3Apull" in asked.path
    assert "service=the+registry" in asked.path
    assert "Authorization" not in asked.headers


def test_a_token_is_fetched_once_with_name_and_password(
    double: Double, transport: Transport
) -> None:
    double.add("test/x", IMAGE)
    guarded(double)
    one = client(double, transport, KNOWN)
    one.manifest("latest")
    assert content(one) == LAYER
    (asked,) = double.asked("/token")
    assert asked.headers["Authorization"] == KNOWN.basic


def test_an_identity_token_is_exchanged(double: Double, transport: Transport) -> None:
    double.add("test/x", IMAGE)
    guarded(double)
    forms = []

    def token(handler: Handler) -> None:
        forms.append(handler.rfile.read(int(handler.headers["Content-Length"])).decode())
        handler.send(200, b'{"access_token": "token"}', "application/json")

    double.on("/token", token)
    client(double, transport, Credentials(identity_token="mine")).manifest("latest")
    assert "grant_type=refresh_token" in forms[0]
    assert "refresh_token=mine" in forms[0]


def test_a_registry_token_is_sent_as_it_is(double: Double, transport: Transport) -> None:
    double.add("test/x", IMAGE)
    guarded(double)
    client(double, transport, Credentials(registry_token="token")).manifest("latest")
    assert double.asked("/token") == []


def test_a_password_is_told_only_when_it_is_asked_for(double: Double, transport: Transport) -> None:
    double.add("test/x", IMAGE)

    def behave(handler: Handler) -> None:
        if handler.headers.get("Authorization") == KNOWN.basic:
            double.serve(handler)
            return
        handler.send_error_json(401, "UNAUTHORIZED", "login", WWW_Authenticate='Basic realm="x"')

    client(double, transport, KNOWN).manifest("latest")
    assert "Authorization" not in double.requests[-1].headers
    double.on("/v2/", behave)
    client(double, transport, KNOWN).manifest("latest")
    with pytest.raises(errors.EngineError, match="no basic auth credentials"):
        client(double, transport).manifest("latest")


def test_a_wrong_password_is_told(double: Double, transport: Transport) -> None:
    guarded(double)
    double.on("/token", lambda handler: handler.send(401, b"{}"))
    with pytest.raises(errors.Unauthorized, match="incorrect username or password"):
        client(double, transport, KNOWN).manifest("latest")


def test_a_name_that_is_not_there_has_both_readings(double: Double) -> None:
    """R16"""
    guarded(double, token="good")
    double.on("/token", lambda handler: handler.send(200, b'{"token": "bad"}'))
    asker = Asker(Credentials(), Settings(environ={"HOME": "/nowhere"}))
    name = f"{double.address}/library/alpin"
    with pytest.raises(errors.NotFound) as caught:
        find(asker, Reference.parse(name))
    assert caught.value.message.startswith(
        f"pull access denied for {name}, repository does not exist or may require 'docker login': "
    )
    assert len(double.asked("/token")) <= 2


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"token": 1}', b'{"token": "a\\nb"}', b"[" * 100_000, b'{"token": "t' * 200_000],
    ids=["nothing", "list", "number", "lines", "deep", "endless"],
)
def test_a_token_that_is_none(double: Double, transport: Transport, body: bytes) -> None:
    guarded(double)
    double.on("/token", lambda handler: handler.send(200, body, "application/json"))
    with pytest.raises(errors.EngineError):
        client(double, transport).manifest("latest")


def test_a_password_goes_to_no_realm_that_is_less_safe(
    double: Double, transport: Transport
) -> None:
    one = Client(transport, Place("https", "registry.example.org", "x"), "a", KNOWN)
    with pytest.raises(errors.Unauthorized, match="not encrypted"):
        one._token({"realm": f"http://{double.address}/token"})
    assert double.requests == []


# --- R38: redirects ------------------------------------------------------------------------------


def test_another_host_is_not_told_the_token(double: Double, transport: Transport) -> None:
    """R38"""
    double.add("test/x", IMAGE)
    guarded(double)
    elsewhere = f"http://127.0.0.2:{double.port}/storage?X-Amz-Signature=s"

    def storage(handler: Handler) -> None:
        is_told = "Authorization" in handler.headers
        handler.send(400 if is_told else 200, LAYER)

    double.on("/storage", storage)
    double.on("/blobs/", lambda handler: handler.send(307, Location=elsewhere))
    one = client(double, transport, KNOWN)
    one.manifest("latest")
    assert content(one) == LAYER


@pytest.mark.parametrize("form", ["/v2/test/x/moved", "moved", "http://{address}/v2/test/x/moved"])
def test_the_same_host_is_told_the_token(double: Double, transport: Transport, form: str) -> None:
    """R38"""
    double.add("test/x", IMAGE)
    guarded(double)
    location = form.format(address=double.address)
    double.on("/blobs/", lambda handler: handler.send(302, Location=location))
    double.on("moved", lambda handler: handler.send(200, LAYER))
    one = client(double, transport, KNOWN)
    one.manifest("latest")
    assert content(one) == LAYER
    assert double.asked("moved")[0].headers["Authorization"] == "Bearer token"


def test_redirects_end(double: Double, transport: Transport) -> None:
    """R38"""
    double.on("/blobs/", lambda handler: handler.send(302, Location=handler.path + "x"))
    with pytest.raises(Refused, match="stopped after 10 redirects"):
        content(client(double, transport))
    assert len(double.requests) == 11


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://"])
def test_a_redirect_to_what_is_no_web_address(
    double: Double, transport: Transport, location: str
) -> None:
    double.on("/blobs/", lambda handler: handler.send(302, Location=location))
    with pytest.raises(errors.ContainerError):
        content(client(double, transport))


# --- R44 and hostile manifests -------------------------------------------------------------------


def bare(body: bytes, kind: str) -> Any:
    """Chunked, with no length and no digest."""

    def behave(handler: Handler) -> None:
        if handler.command == "HEAD":
            handler.send(405)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")

    return behave


def test_neither_length_nor_digest_is_needed(double: Double, transport: Transport) -> None:
    """R44"""
    double.on("/manifests/", bare(IMAGE.manifest_blob, DOCKER_MANIFEST))
    double.on("/blobs/", bare(LAYER, ""))
    one = client(double, transport)
    assert one.manifest("latest").digest == Digest.of(IMAGE.manifest_blob)
    assert content(one) == LAYER


def test_the_digest_is_of_the_bytes_and_not_what_is_said(
    double: Double, transport: Transport
) -> None:
    """R44"""
    wrong = sha256(b"other")
    double.on(
        "/manifests/",
        lambda handler: handler.send(
            200, IMAGE.manifest_blob, DOCKER_MANIFEST, Docker_Content_Digest=wrong
        ),
    )
    assert client(double, transport).manifest("latest").digest == Digest.of(IMAGE.manifest_blob)
    with pytest.raises(errors.IntegrityError, match="digest mismatch") as caught:
        client(double, transport).manifest(wrong)
    assert wrong in caught.value.message
    assert sha256(IMAGE.manifest_blob) in caught.value.message


def test_an_endless_manifest_is_bounded(double: Double, transport: Transport) -> None:
    def behave(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" " * 100_000)

    double.on("/manifests/", behave)
    with pytest.raises(Broken, match="longer than 4,194,304 bytes"):
        client(double, transport).manifest("latest")


def test_endless_headers_are_bounded(double: Double, transport: Transport) -> None:
    def behave(handler: Handler) -> None:
        handler.send_response(200)
        for number in range(100_000):
            handler.wfile.write(f"X-{number}: {'y' * 1000}\r\n".encode())

    double.on("/manifests/", behave)
    with pytest.raises(errors.EngineError):
        client(double, transport).manifest("latest")


def test_a_registry_that_is_silent(double: Double) -> None:
    double.on("/manifests/", lambda _: time.sleep(2))
    with (
        contextlib.closing(Transport(Settings(environ={}), patience=0.3)) as impatient,
        pytest.raises(errors.EngineError, match="i/o timeout"),
    ):
        client(double, impatient).manifest("latest")


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b"[" * 100_000])
def test_a_manifest_that_is_none(double: Double, transport: Transport, body: bytes) -> None:
    double.on("/manifests/", lambda handler: handler.send(200, body, DOCKER_MANIFEST))
    with pytest.raises(errors.Invalid):
        client(double, transport).manifest("latest")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}', "toomanyrequests: slow"),
        (500, b"<html>", "received unexpected HTTP status: 500 Internal Server Error"),
        (404, b'{"errors":[]}', "received unexpected HTTP status: 404 Not Found"),
        (503, b'{"errors":"x"}', "received unexpected HTTP status: 503 Service Unavailable"),
    ],
)
def test_a_refusal_is_told_in_dockerds_words(
    double: Double, transport: Transport, status: int, body: bytes, expected: str
) -> None:
    double.on("/manifests/", lambda handler: handler.send(status, body, "application/json"))
    with pytest.raises(Refused) as caught:
        client(double, transport).manifest("latest")
    assert caught.value.message == expected


def test_a_secret_in_an_address_is_in_no_message(double: Double, transport: Transport) -> None:
    elsewhere = "http://me:secret@127.0.0.1:1/x?X-Amz-Signature=secret"
    double.on("/blobs/", lambda handler: handler.send(302, Location=elsewhere))
    with pytest.raises(errors.EngineError) as caught:
        content(client(double, transport))
    assert "secret" not in caught.value.message


def test_http_follows_where_https_is_no_loss(double: Double, transport: Transport) -> None:
    double.add("test/x", IMAGE)
    places = transport.settings.own_places(double.address)
    found = reached([Client(transport, place, "test/x", KNOWN) for place in places])
    assert found.place.scheme == "http"
    assert [place.scheme for place in transport.settings.own_places("example.org")] == ["https"]
