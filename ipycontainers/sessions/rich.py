"""What is shown of a container's rich output, and how it is made harmless.

A notebook trusts the outputs of its own kernel: HTML in them runs scripts with the rights of
the user. A container's output is not the kernel's. So only the MIME types below pass:

    text/plain                              as it is
    text/html                               through ``markup``: nothing live is left
    image/svg+xml                           as a picture, in which browsers run no script
    image/png, jpeg, gif, webp              when they are what they say
    text/latex                              without commands that make links or styles
    application/json                        as data
    text/markdown                           as plain text, since its HTML and links would be live

With ``trust`` HTML that has a script, and JavaScript, is shown too: in a frame whose sandbox
allows scripts and nothing else, so that it has an origin of its own and reaches neither the
notebook nor its cookies.

Knows: MIME types. Does not know: sessions, IPython.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from . import markup

TEXT_LIMIT = 4 << 20  # characters; a larger text is cut, or left out where it cannot be
MORE = "\n… the rest is not shown"
Data = dict[str, Any]

_STARTS = {  # the first bytes of pictures
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
# Those of MathJax that its own "safe" extension restricts, and what could give them other names.
_LATEX = re.compile(
    r"\\(?:href|url|class|cssId|style|data|require|unicode|mmlToken|html\w*|includegraphics|bbox"
    r"|texttip|mathtip|toggle|csname|def|let|newcommand|renewcommand|newenvironment"
    r"|renewenvironment|DeclareMathOperator|Newextarrow)(?![a-zA-Z])"
)
_ACTIVE = re.compile(
    r"<\s*(?:script|style|iframe|object|embed|link|svg|canvas|form|input|button|video|audio)\b"
    r"|\son\w+\s*=|javascript:",
    re.IGNORECASE,
)
# Clean HTML in which there is something to see: text, a picture, a line, a colour.
_SEEN = re.compile(
    r"(?:^|>)(?!\s*<)(?!\s*$)|<(?:img|hr|li|table)\b"
    r"|style=.[^\"]{0,200}\b(?:background|border)"
)
NEEDS_TRUST = "<not shown: HTML that is made by scripts; a session opened with --trust shows it>"
FRAME = (
    '<iframe sandbox="allow-scripts" referrerpolicy="no-referrer" srcdoc="{}" '
    'style="width: 100%; height: 30em; border: 0; resize: vertical; overflow: auto"></iframe>'
)


def harmless(
    data: Mapping[str, Any], metadata: Mapping[str, Any], *, trust: bool = False
) -> tuple[Data, Data]:
    """The bundle as it may be shown: always with a text/plain, never with anything live.

    ``data`` and ``metadata`` may be anything that JSON can be. What is left out is named in
    the text where nothing else would be shown.
    """
    shown: Data = {}
    left_out = []
    for kind, content in data.items():
        made = _one(kind, content, trust)
        if made is None and kind != "text/plain":
            left_out.append(kind[:80])
        for name, text in (made or {}).items():
            shown.setdefault(name, text)
    if "text/markdown" in data and set(shown) <= {"text/plain"}:
        shown |= _markdown(data["text/markdown"])
    if "text/html" in left_out and set(shown) <= {"text/plain"} and _needs_trust(data["text/html"]):
        shown["text/plain"] = "\n".join(filter(None, [shown.get("text/plain"), NEEDS_TRUST]))
    if not shown:
        shown["text/plain"] = f"<not shown: {', '.join(sorted(left_out)[:10]) or 'nothing'}>"
    shown.setdefault("text/plain", "")
    return shown, {kind: told for kind in shown if (told := _measures(metadata.get(kind)))}


def _one(kind: str, content: object, trust: bool) -> Data | None:
    """What is shown of one MIME type; None: nothing."""
    if kind == "text/html" and isinstance(content, str):
        return _html(content, trust)
    if kind == "application/javascript" and trust and isinstance(content, str):
        return _framed(f"<body><script>{content}</script></body>")
    if kind in _STARTS:
        return _picture(kind, content)
    make = _MAKERS.get(kind)
    return make(content) if make else None


def _plain(content: object) -> Data | None:
    return {"text/plain": _cut(content)} if isinstance(content, str) else None


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + MORE


def _html(content: str, trust: bool) -> Data | None:
    if trust and _ACTIVE.search(content):
        return _framed(content)
    cleaned = markup.cleaned(content) if len(content) <= TEXT_LIMIT else None
    return {"text/html": cleaned} if cleaned and _SEEN.search(cleaned) else None


def _needs_trust(content: object) -> bool:
    """Of HTML that is not shown: whether a frame would show it."""
    return isinstance(content, str) and len(content) <= TEXT_LIMIT and bool(_ACTIVE.search(content))


def _framed(content: str) -> Data | None:
    if len(content) > TEXT_LIMIT:
        return None
    return {"text/html": FRAME.format(html.escape(content, quote=True))}


def _svg(content: object) -> Data | None:
    """As a picture, since what a picture holds is never run, in any front end.

    On white, as it was drawn for: black lines would be lost in a dark theme.
    """
    if not isinstance(content, str) or len(content) > TEXT_LIMIT:
        return None
    encoded = base64.b64encode(content.encode("utf-8", "replace")).decode()
    address = f"data:image/svg+xml;base64,{encoded}"
    return {"text/html": f'<img src="{address}" style="background-color: white">'}


def _picture(kind: str, content: object) -> Data | None:
    if not isinstance(content, str):
        return None
    try:
        start = base64.b64decode("".join(content[:64].split())[:40], validate=True)
    except (binascii.Error, ValueError):
        return None
    good = _STARTS[kind].match(start) and re.fullmatch(r"[A-Za-z0-9+/\s]+={0,2}\s*", content)
    return {kind: content} if good else None


def _latex(content: object) -> Data | None:
    if not isinstance(content, str) or len(content) > TEXT_LIMIT or _LATEX.search(content):
        return None
    # A front end takes what stands between its marks for mathematics, and the rest for text.
    return {"text/latex": content}


def _json(content: object) -> Data | None:
    """Data, of which only numbers that no browser can read are not passed on."""
    try:
        text = json.dumps(content, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    is_container = isinstance(content, (dict, list))
    return {"application/json": content} if is_container and len(text) <= TEXT_LIMIT else None


def _markdown(content: object) -> Data:
    return _plain(content) or {}


_MAKERS: Mapping[str, Callable[[object], Data | None]] = {
    "text/plain": _plain,
    "image/svg+xml": _svg,
    "text/latex": _latex,
    "application/json": _json,
    "text/markdown": lambda _: {},  # see harmless
}


def _measures(metadata: object) -> Data:
    """Of a picture's metadata its width and height in pixels."""
    if not isinstance(metadata, dict):
        return {}
    measures = {name: metadata.get(name) for name in ("width", "height")}
    return {
        name: value
        for name, value in measures.items()
        if isinstance(value, (int, float)) and math.isfinite(value) and 0 < value <= 10_000
    }
