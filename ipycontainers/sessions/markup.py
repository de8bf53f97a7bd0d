"""HTML from a hostile place, without what is live in it.

What is left neither runs nor loads anything, asks for nothing and stays in its place: no
script, handler, form, style sheet or frame; pictures only where they are in the text itself;
links to the web; the styles that give a table its look.

Knows: HTML, by nh3. Does not know: MIME types.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

LONG = 64 * 1024  # characters; as many take a quarter of a second at the worst
PATIENCE = 10.0
_TAGS = """
    a abbr b bdi bdo blockquote br caption center cite code col colgroup dd del details dfn div dl
    dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp
    small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr
"""
_CELLS = {"align", "valign", "colspan", "rowspan", "headers", "scope", "width", "height"}
_ATTRIBUTES = {
    "*": {"title", "lang", "dir", "style"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"border", "class", "width", "align"},
    "details": {"open"},
    "ol": {"start", "type", "reversed"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "td": _CELLS,
    "th": _CELLS,
    "tr": {"align", "valign"},
}
# None of them loads anything or leaves its place on the page.
_STYLES = """
    background-color border border-bottom border-collapse border-color border-left border-radius
    border-right border-spacing border-style border-top border-width color display font-family
    font-size font-style font-weight height letter-spacing line-height margin margin-bottom
    margin-left margin-right margin-top max-height max-width min-height min-width opacity
    overflow overflow-x overflow-y padding padding-bottom padding-left padding-right padding-top
    text-align text-decoration text-transform vertical-align white-space width word-break
"""
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)(?:;[\w=+-]+)*[;,]", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)


def cleaned(content: str) -> str | None:
    """What may be shown of it; None where that cannot be told within ``PATIENCE`` seconds."""
    return _here(content) if len(content) <= LONG else _apart(content)


def _apart(content: str) -> str | None:
    """In a process that can be ended: what is nested deeply takes quadratic time."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=content.encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            env=environ,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode()


def _here(content: str) -> str:
    import nh3

    return nh3.clean(
        content,
        tags=set(_TAGS.split()),
        clean_content_tags={"script", "style", "template", "noscript", "title", "iframe"},
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_attribute,
        filter_style_properties=set(_STYLES.split()),
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    """The value of an attribute that may stay; None: it goes."""
    if name == "src":
        return value if _PICTURE.match(value) else None
    if name == "href":
        return value if _LINK.match(value) else None
    if name == "class":  # pandas' tables; others would borrow the look of the front end's own parts
        return "dataframe" if "dataframe" in value.split() else None
    return value


if __name__ == "__main__":
    sys.stdout.buffer.write(_here(sys.stdin.buffer.read().decode()).encode())
