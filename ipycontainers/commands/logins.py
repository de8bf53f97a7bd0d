"""docker login and logout.

A password comes from a variable, by --password-stdin with --stdin or by -p {name}, so that it is in
no cell, no output and no history. What is kept is docker's own config.json, or its helper has it.

Knows: what docker prints of them. Does not know: how credentials are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipycontainers.client import logins
from ipycontainers.errors import CommandFailed

from .console import failed, refusals

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

GUIDE = "https://docs.docker.com/engine/reference/commandline/login/#credentials-store"
HINT = "--password-stdin --stdin NAME takes it from the variable NAME"


def login(call: Call, console: Console) -> None:
    """``docker login -u USER --password-stdin [SERVER]``"""
    server = logins.address(call.arguments[0] if call.arguments else "")
    user, password = call.text("username"), _password(call, console)
    if not user and not password:
        user, password = logins.known(server)
        if user and password:
            console.out("Authenticating with existing credentials...\n")
    if not user or not password:
        raise CommandFailed(
            "Error: Cannot perform an interactive login from a non TTY device",
            f"-u USER; {HINT}",
            exit_code=1,
        )
    body = {"username": user, "password": password, "serveraddress": server}
    with refusals():
        answer = console.daemon.post("auth", body=body) or {}
    if logins.keep(server, user, password, str(answer.get("IdentityToken") or "")):
        console.err(
            f"WARNING! Your password will be stored unencrypted in {logins.place()}.\n"
            f"Configure a credential helper to remove this warning. See\n{GUIDE}\n\n"
        )
    console.out(f"{answer.get('Status') or 'Login Succeeded'}\n")


def _password(call: Call, console: Console) -> str:
    typed = call.text("password")
    if typed and call.has("password-stdin"):
        raise failed("--password and --password-stdin are mutually exclusive")
    if typed:
        if not getattr(call.values["password"], "pieces", ()):
            raise CommandFailed(
                "a password that is typed stays in the notebook and in its history",
                f"{HINT}; -p {{NAME}} does too",
                exit_code=1,
            )
        return str(typed)
    if not call.has("password-stdin"):
        return ""
    if not call.text("username"):
        raise failed("Must provide --username with --password-stdin")
    data = console.given(call)
    if data is None:
        raise CommandFailed("the password on stdin is empty", HINT, exit_code=1)
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def logout(call: Call, console: Console) -> None:
    """``docker logout [SERVER]``"""
    given = call.arguments[0] if call.arguments else ""
    server = logins.address(given)
    # As what it may have been kept, by dockers of all times.
    older = () if server == logins.HUB else (given, f"http://{server}", f"https://{server}")
    wrong = logins.forget((server, *older))
    console.out(f"Removing login credentials for {server}\n")
    for sentence in wrong:
        console.err(f"WARNING: could not erase credentials: {sentence}\n")
