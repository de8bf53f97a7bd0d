"""Names of images and new ones of containers: docker rmi, tag, commit.

Knows: the requests, what docker prints of them. Does not know: notebooks, registries.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .console import failed, missing, refusals
from .life import attempted, forgiven
from .names import is_bare, named
from .result import Lines

if TYPE_CHECKING:
    from .call import Call
    from .console import Console


def remove(call: Call, console: Console) -> Lines:
    """``docker rmi [-f] [--no-prune] IMAGE…``: what was untagged and deleted, a line each."""
    query = {"force": "1" if call.has("force") else ""}
    query["noprune"] = "1" if call.has("no-prune") else ""
    done = Lines()

    def one(name: str) -> None:
        with missing("image", name):
            for gone in console.daemon.delete("images", name, **query) or ():
                kind = "Deleted" if gone.get("Deleted") else "Untagged"
                done.append(f"{kind}: {gone[kind]}")

    wrong = [error for name in call.arguments if (error := attempted(one, name))]
    return forgiven(call, console, done, wrong)


def tag(call: Call, console: Console) -> None:
    """``docker tag SOURCE TARGET``, which prints nothing."""
    source, target = call.arguments
    wrong = 'Error parsing reference: "{}" is not a valid repository/tag'
    if not re.fullmatch("(sha256:)?[a-f0-9]{64}", source):
        named(source, wrong.format(source))
    reference = named(target, wrong.format(target))
    if reference.digest:
        raise failed("refusing to create a tag with a digest reference")
    query: dict[str, Any] = {"repo": reference.familiar_name, "tag": reference.tag}
    with refusals():
        console.daemon.post("images", source, "tag", **query)


def commit(call: Call, console: Console) -> Lines:
    """``docker commit [-a] [-c] [-m] [-p] CONTAINER [REPOSITORY[:TAG]]``: the new image's id."""
    container, *name = call.arguments
    query: dict[str, Any] = {
        "container": container,
        "comment": call.text("message"),
        "author": call.text("author"),
        "changes": list(call.texts("change")),
        "pause": "1" if call.has("pause") else "0",
    }
    if name and name[0]:
        reference = named(name[0])
        query["repo"] = reference.familiar_name
        query["tag"] = "" if is_bare(name[0]) else reference.tag
    with refusals():
        made = console.daemon.post("commit", body={}, **query)
    return Lines([str(made["Id"])])
