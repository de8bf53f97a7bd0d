"""Who the user is to registries: what ``docker login`` keeps, read and written as docker does.

    header("registry.example.org/team/name")     {"X-Registry-Auth": …}, for pull and push
    keep("registry.example.org", "me", "secret")  in docker's config.json, or by its helper
    forget("registry.example.org")

docker-py can read ``config.json`` and ask a docker-credential-NAME program, and cannot write.
A password is never part of a message.

https://docs.docker.com/reference/cli/docker/login/#credential-stores

Knows: docker's config.json. Does not know: registries' own protocols.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ipycontainers import errors

HUB = "https://index.docker.io/v1/"  # what docker calls Docker Hub
HUB_NAMES = ("", "docker.io")


def header(reference: str) -> dict[str, str]:
    """What a request for this image carries; also where there are no credentials, since an engine
    refuses a push without. Where a helper fails it is a stranger who asks, as with docker."""
    from docker import auth

    found: Any = None
    with _told():
        registry, _ = auth.resolve_repository_name(reference)
    with contextlib.suppress(errors.EngineError), _told():
        found = auth.load_config().resolve_authconfig(registry)
    return {"X-Registry-Auth": auth.encode_header(found or {}).decode()}


def headers() -> dict[str, str]:
    """What a build carries: the credentials of every registry; none where a helper fails."""
    from docker import auth

    found: dict[str, Any] = {}
    with contextlib.suppress(errors.EngineError), _told():
        config: Any = auth.load_config()
        found = dict(config.get_all_credentials())
    return {"X-Registry-Config": auth.encode_header(found).decode()}


def known(server: str) -> tuple[str, str]:
    """User and password that are kept for a server, "" where there are none."""
    from docker import auth

    with _told():
        found = auth.load_config().resolve_authconfig(None if server == HUB else server) or {}
    lower = {key.lower(): str(value or "") for key, value in found.items()}
    return lower.get("username", ""), lower.get("password", "")


def address(server: str) -> str:
    """The name under which docker keeps credentials: a host, or the address of Docker Hub."""
    if server in HUB_NAMES or server == HUB:
        return HUB
    return server.removeprefix("https://").removeprefix("http://").partition("/")[0]


def place() -> Path:
    """docker's config.json, which need not be there."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def keep(server: str, user: str, password: str, token: str = "") -> bool:
    """Whether the password lies in a file now, not encrypted. ``token`` is kept in its place.

    Raises EngineError where it cannot be kept.
    """
    config = _read()
    helper = _helper(config, server)
    entry: dict[str, str] = {}
    if helper:
        with _told():
            _store(helper).store(server, "<token>" if token else user, token or password)
    else:
        secret = base64.b64encode(f"{user}:{'' if token else password}".encode()).decode()
        entry = {"auth": secret, **({"identitytoken": token} if token else {})}
    config.setdefault("auths", {})[server] = entry
    _write(config)
    return not helper and not token


def forget(names: Sequence[str]) -> list[str]:
    """What went wrong with a helper, a sentence each."""
    config, wrong = _read(), []
    found = [name for name in dict.fromkeys(names) if name in (config.get("auths") or {})]
    for name in found:
        if helper := _helper(config, name):
            try:
                with _told():
                    _store(helper).erase(name)
            except errors.EngineError as error:
                wrong.append(error.message)
        del config["auths"][name]
    if found:
        _write(config)
    return wrong


def _read() -> dict[str, Any]:
    try:
        parsed = json.loads(place().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise errors.EngineError(f"{place()}: {error}") from error
    return parsed if isinstance(parsed, dict) else {}


def _write(config: dict[str, Any]) -> None:
    """In one step, for its owner only; behind a link where docker's own file is one."""
    path = place().resolve()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=".config-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(config, file, indent="\t")
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise errors.EngineError(f"{path}: {error.strerror}") from error


def _helper(config: dict[str, Any], server: str) -> str:
    helpers = config.get("credHelpers") or {}
    return str(helpers.get(server) or config.get("credsStore") or "")


def _store(name: str) -> Any:
    from docker.credentials import Store

    return Store(name)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What docker-py raises of a helper or a config.json, without what they hold."""
    import warnings

    from docker.credentials.errors import StoreError
    from docker.errors import DockerException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is missing, which is an error a moment later
            yield
    except (StoreError, DockerException) as error:
        raise errors.EngineError(f"the credentials cannot be had: {error}") from error
