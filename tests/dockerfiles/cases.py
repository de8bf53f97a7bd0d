"""The Dockerfiles here, how each is built, and what of its result is nobody's promise.

A folder that has a ``Dockerfile.dockerd`` is built from that on dockerd, whose classic builder
knows neither here-documents nor --chmod: the files must be the same, and the image's configuration.

Knows: the folders' names. Does not know: engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# By programs with one uid mapped: what they give to others stays theirs.
BY_RUN = "what a program gives away with chown, or makes as another user, is not recorded"
# overlayfs parts a file's names when one of them is written to in a later step.
AS_FILES = "in a whole root, names of one file stay names of one file"


@dataclass(frozen=True)
class Case:
    folder: str
    options: Mapping[str, Any] = field(default_factory=dict)  # of docker-py's build
    as_: str = ""  # what tells it from others of the same folder
    client: str = "docker-py"  # "tar": the context as it is; "docker": the command
    after: tuple[str, ...] = ()  # these folders are built and named before
    base: str = "busybox"  # the largest image that it needs
    changing: tuple[str, ...] = ()  # paths whose content is of a moment, perhaps with *
    owned: tuple[str, ...] = ()  # paths given away by a program: BY_RUN
    traced: tuple[str, ...] = ()  # paths that are others with PRoot: AS_FILES

    @property
    def name(self) -> str:
        return f"{self.folder}-{self.as_}" if self.as_ else self.folder

    @property
    def has_twin(self) -> bool:
        return (HERE / self.folder / "Dockerfile.dockerd").exists()


LOGS = ("var/log/*", "var/cache/ldconfig/*", "var/lib/dpkg/*", "var/lib/apt/*", "etc/*-")

CASES = (
    Case("add-archives"),
    Case("add-url"),
    Case("apk", owned=("var/*", "usr/*", "etc/shadow")),
    Case("apt", base="debian", changing=LOGS, owned=("var/lib/hello", "usr/*/hello*")),
    Case("apt-service", base="debian", changing=LOGS, owned=("home/*", "var/*", "usr/*/hello*")),
    Case("arguments"),  # R26
    Case("arguments", {"buildargs": {"V": "2", "UNSET": "u", "HTTP_PROXY": "http://p"}}, "given"),
    Case("arguments", {"buildargs": {"V": "", "IMAGE": "alpine"}}, "empty"),
    Case("commands"),  # R27
    Case("commands", {"target": "child1"}, "1"),
    Case("commands", {"target": "child2"}, "2"),
    Case("commands", {"target": "child3"}, "3"),
    Case("commands", {"target": "child4"}, "4"),
    Case("commands", {"target": "child5"}, "5"),
    Case("comments"),  # moby#35387, moby#28982
    Case("copy-folders"),
    Case("copy-from"),
    Case("copy-links"),
    Case("copy-modes"),
    Case("copy-owners"),
    Case("copy-replaces"),
    Case("copy-through-links"),  # kaniko#774, moby#41035
    Case("copy-wildcards"),
    Case("deep"),
    Case("escape"),
    Case("fifos", client="tar"),  # docker-py#1407
    Case("go", {"buildargs": {"VERSION": "1.2"}}),
    Case("healthcheck"),
    Case("heredoc-copy"),  # R39
    Case("heredoc-run"),  # R39
    Case("ignore-depths"),
    Case("ignore-depths", as_="command", client="docker"),
    Case("ignore-exceptions"),
    Case("ignore-exceptions", as_="command", client="docker"),
    Case("ignore-itself", client="tar"),
    Case("ignore-itself", as_="command", client="docker"),
    Case("links-and-bits"),
    Case("links-later", traced=("c", "h/*")),
    Case("many-steps"),
    Case("metadata", {"labels": {"given": "with the build", "one": "overridden"}}),
    Case("node"),
    Case("non-root", owned=("home/*",)),
    Case("odd-names", client="tar"),
    Case("onbuild-child", after=("onbuild-base",)),
    Case("onbuild-child", {"buildargs": {"GREETING": "hello"}}, "given", after=("onbuild-base",)),
    Case("onbuild-stages", after=("onbuild-base",)),
    Case("python-stages", base="python"),
    Case("python-venv", base="python"),
    Case("scratch"),
    Case("shell"),
    Case("sparse"),
    Case("stages", owned=("tmp/said",)),
    Case("target", {"target": "second"}),
    Case("variables"),
    Case("volumes"),
    Case("whiteouts"),
    Case("workdirs"),
)
