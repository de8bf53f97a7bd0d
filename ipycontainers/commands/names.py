"""Names of images, as a verb of docker takes them.

Knows: docker's words for a name that is none. Does not know: requests.
"""

from __future__ import annotations

from ipycontainers.errors import Invalid
from ipycontainers.oci.reference import Reference

from .console import failed


def named(text: str, wrong: str = "") -> Reference:
    """What a name means. Raises CommandFailed in docker's words, behind those of ``wrong``."""
    try:
        return Reference.parse(text)
    except Invalid as error:
        raise failed(f"{wrong}: {error.message}" if wrong else error.message) from error


def is_bare(text: str) -> bool:
    """Whether a name has neither tag nor digest."""
    return "@" not in text and ":" not in text.rpartition("/")[2]
