"""Requests of the wrong form: each is refused in words, with dockerd's status, and never by a
failure of the engine's own."""

from __future__ import annotations

import json
from typing import Any

from embedded import Engine
from engine.build.building import build
from layers import file

IMAGE = "ipycontainers-test/busybox"
FROM = f"FROM {IMAGE}\n"
DEEP = "[" * 3000

SAME = [  # in dockerd's words
    {"text": "ONBUILD " * 500 + "RUN x\n"},
    {"text": "ONBUILD " * 500 + "ENV x\n"},
    {"text": "ONBUILD ONBUILD --x=1 ENV a=b\n"},
    {"text": "COPY a\0b /\n"},
    {"text": "COPY f /a\0b\n"},
    {"text": "WORKDIR /a\0b\n"},
    {"text": "VOLUME /a\0b\nRUN true"},
    {"text": "COPY --chown=a\0b f /f\n"},
]
LIKE = [  # in words of ours: text, query, status, and what is said
    ("", {"dockerfile": "\0"}, 500, "Cannot locate specified Dockerfile"),
    ("RUN echo a\0b\n", {}, 200, "null character"),
    ("ENV A=a\0b\nRUN true\n", {}, 200, "null character"),
    ('SHELL ["a\\u0000"]\nRUN x\n', {}, 200, "null character"),
    ("ADD http://[x /\n", {}, 200, "no URL"),
    ("", {"remote": "http://[x"}, 400, "no URL"),
    ("", {"buildargs": DEEP}, 400, "nested too deeply"),
    ("", {"labels": f'{{"a":{DEEP}'}, 400, "nested too deeply"),
    ("", {"ulimits": DEEP}, 400, "nested too deeply"),
]


def endpoints(given: object) -> dict[str, object]:
    return {"Image": IMAGE, "NetworkingConfig": given}


BODIES: list[tuple[str, dict[str, Any]]] = [
    *(
        ("networks/create", {"Name": "x", **body})
        for body in (
            {"IPAM": {"Config": ["x"]}},
            {"IPAM": {"Config": "x"}},
            {"IPAM": {"Config": [{"Subnet": 5}]}},
            {"IPAM": {"Config": [{"AuxiliaryAddresses": "x"}]}},
            {"IPAM": {"Options": "5"}},
            {"IPAM": {"Driver": 5}},
            {"Labels": {"a": 5}},
            {"Options": {"a": 5}},
            {"Ingress": "x"},
        )
    ),
    *(
        ("networks/bridge/connect", {"Container": "x", "EndpointConfig": given})
        for given in (
            "x",
            {"Aliases": "x"},
            {"Links": [5]},
            {"IPAMConfig": "x"},
            {"DriverOpts": "x"},
            {"MacAddress": 5},
        )
    ),
    ("networks/bridge/connect", {"Container": 5}),
    ("networks/bridge/disconnect", {"Container": ["x"]}),
    ("containers/create", endpoints("x")),
    ("containers/create", endpoints({"EndpointsConfig": "x"})),
    ("containers/create", endpoints({"EndpointsConfig": {"bridge": "x"}})),
    ("containers/create", {"Image": IMAGE, "HostConfig": "x"}),
]


def test_builds_are_refused_in_words(isolated_mine: Engine, engine: Any) -> None:
    ours, theirs = isolated_mine.client, engine.docker
    for query in SAME:
        asked = {**query, "nocache": 1}
        text = FROM + asked.pop("text")
        made, judged = (build(it, text, file("f"), **asked) for it in (ours, theirs))
        assert (made.status, made.error) == (judged.status, judged.error), query
    for text, query, status, words in LIKE:
        made = build(ours, FROM + text, **query)
        assert made.status == status, (text, query)
        assert words in str(made.error), (text, query)
    assert "Traceback" not in isolated_mine.log


def test_bodies_are_refused_in_gos_words(isolated_mine: Engine, engine: Any) -> None:
    ours, theirs = isolated_mine.client, engine.docker
    for path, body in BODIES:
        made, judged = (asked(it, path, json.dumps(body)) for it in (ours, theirs))
        assert made == judged, (path, body)
    for path in ("networks/create", "containers/create"):
        for text in (DEEP * 40, '{"Name":' + DEEP * 40):
            status, said = asked(ours, path, text)
            assert (status, "too deeply" in said) == (400, True)
    for path in ("containers/json", "networks", "images/json"):
        answer = ours.api.get(ours.api._url(f"/{path}?filters={DEEP}"))
        assert (answer.status_code, "too deeply" in answer.text) == (400, True)
    assert "Traceback" not in isolated_mine.log


def asked(docker: Any, path: str, body: str) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"}
    answer = docker.api.post(docker.api._url(f"/{path}"), data=body, headers=headers)
    return answer.status_code, answer.text.strip()
