"""The docker command's contexts: a name for an engine, kept in files.

    ~/.docker/                       or $DOCKER_CONFIG
      config.json                    {"currentContext": "NAME", …}
      contexts/meta/SHA256(NAME)/meta.json
                                     {"Name": …, "Endpoints": {"docker": {"Host": …,
                                      "SkipTLSVerify": false}}}
      contexts/tls/SHA256(NAME)/docker/{ca,cert,key}.pem

https://docs.docker.com/engine/manage-resources/contexts/. Read here and not by
docker-py, since choosing an engine must not cost its import, and since its reader
takes a missing context for the default one.

Knows: these files. Does not know: whether anything answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from ipycontainers import errors

DEFAULT = "default"


def folder(environ: Mapping[str, str]) -> Path:
    if environ.get("DOCKER_CONFIG"):
        return Path(environ["DOCKER_CONFIG"])
    return home(environ) / ".docker"


def home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def current(environ: Mapping[str, str]) -> str:
    """The name of the chosen context. A config that cannot be read names none, as docker."""
    if environ.get("DOCKER_CONTEXT"):
        return environ["DOCKER_CONTEXT"]
    try:
        config = json.loads((folder(environ) / "config.json").read_text("utf-8"))
        return str(config.get("currentContext") or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def exists(name: str, environ: Mapping[str, str]) -> bool:
    return _meta(name, environ).is_file()


def endpoint(name: str, environ: Mapping[str, str]) -> tuple[str, bool, dict[str, str]]:
    """Address, whether to verify, and the files of TLS by "ca", "cert", "key".

    Raises NoEngine when there is no such context or it names no engine.
    """
    try:
        docker = json.loads(_meta(name, environ).read_text("utf-8"))["Endpoints"]["docker"]
        address = str(docker["Host"])
    except OSError as error:
        raise errors.NoEngine(
            f"there is no docker context named {name}", "`docker context ls` lists them"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise errors.NoEngine(
            f"the docker context {name} names no engine", f"docker context inspect {name}"
        ) from error
    certificates = folder(environ) / "contexts" / "tls" / _digest(name) / "docker"
    files = {
        part: str(certificates / f"{part}.pem")
        for part in ("ca", "cert", "key")
        if (certificates / f"{part}.pem").is_file()
    }
    return address, not docker.get("SkipTLSVerify"), files


def _meta(name: str, environ: Mapping[str, str]) -> Path:
    return folder(environ) / "contexts" / "meta" / _digest(name) / "meta.json"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
