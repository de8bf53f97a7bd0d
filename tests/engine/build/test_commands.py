"""What RUN, CMD and ENTRYPOINT run, and what a history tells of it."""

from __future__ import annotations

import json
from typing import Any

import images as recipes
from engine.build.building import build
from engine.build.judge import Judge

BUSYBOX = "ipycontainers-test/busybox"

CHILDREN = f"""FROM {BUSYBOX} AS base
CMD ["x"]
FROM base AS one
ENTRYPOINT ["echo"]
FROM base AS two
ENTRYPOINT ["echo"]
CMD ["y"]
FROM {BUSYBOX} AS three
ENTRYPOINT echo E
CMD ["z"]
"""

ARGUMENTS = f"""FROM {BUSYBOX}
SHELL ["/bin/sh", "-ec"]
ARG A=1 B
ARG C="x y"
RUN ["test", "1", "=", "1"]
ENV C=env
RUN test "$A$B$C$HTTP_PROXY" = 12envp
ARG HTTP_PROXY
RUN test "$http_proxy" = q
"""


# R27
def test_a_new_entrypoint_has_no_command_of_its_base(docker: Any) -> None:
    shown = {}
    for name, runs in {
        "one": [[], ["w"]],
        "two": [[], ["w"], None],
        "three": [[], ["w"]],
    }.items():
        made = build(docker, CHILDREN, target=name)
        shown[name] = [
            docker.containers.run(
                made.id,
                words or [],
                entrypoint="echo" if words is None else None,
                remove=True,
            ).decode()
            for words in runs
        ]
    assert shown == {"one": ["\n", "w\n"], "two": ["y\n", "w\n", "\n"], "three": ["E\n", "E\n"]}


# R26
def test_a_history_tells_the_build_arguments_of_run(docker: Any, engine: Any) -> None:
    recipes.ensure(engine.docker, "busybox")
    given = {"B": "2", "HTTP_PROXY": "p", "http_proxy": "q", "NO_PROXY": "r", "unused": "1"}
    query = {"buildargs": json.dumps(given), "networkmode": "none"}
    told = []
    for judge in (Judge(engine.docker), Judge(docker)):
        told.append(judge.of(ARGUMENTS, query))
        judge.forget()
    theirs, ours = told
    assert ours == theirs
    assert [step for step in ours.stages[0].history if "nop" not in step][:3] == [
        '|3 A=1 B=2 HTTP_PROXY=p /bin/sh -ec test "$http_proxy" = q',
        '|2 A=1 B=2 /bin/sh -ec test "$A$B$C$HTTP_PROXY" = 12envp',
        "|3 A=1 B=2 C=x y test 1 = 1",
    ]


def test_what_only_looks_like_a_number_is_a_name(docker: Any) -> None:
    for lines, why in {
        "USER \xb2\nRUN true": "unable to find user \xb2: no matching entries in passwd file",
        "COPY --chown=\xb2 <<E /e\nE": "can't find uid for user \xb2: no such user: \xb2",
        f"USER {'9' * 5000}\nRUN true": "uids and gids must be in range 0-",
    }.items():
        assert why in build(docker, f"FROM {BUSYBOX}\n{lines}\n").error["message"]
    for target in ("\xb2", "9" * 5000):
        refused = build(docker, f"FROM {BUSYBOX}\n", target=target)
        assert refused.error == f"failed to reach build target {target} in Dockerfile"
