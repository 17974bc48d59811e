"""What the tests of the pages share: a strict reader of HTML, hostile strings, and verdicts made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest

from gristmill import release, verdicts
from gristmill.catalogue import Catalogue
from gristmill.release import DATASETS, candidate_digest
from gristmill.verdicts import Check, Outcome, Verdict

PAYLOADS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<iframe srcdoc='<script>1</script>'></iframe>",
    "</svg></div></main><base href=//evil.example/>",
    "<!--<script>-->",
    "]]><script>1</script>",
    "{{ 7 * 7 }}{% for x in y %}{{ cycler.__init__.__globals__ }}",
    "&lt;script&gt;&#60;b&#62;",
    "javascript:alert(1)//<a href='https://evil.example'>",
    "\u202egnp.exe\u2066\u200b\x00\x1b[31m<b>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "＜script＞ <\u0000script> <scr\u00adipt>",
    "$x^2$ \\frac{1}{2} $\\href{javascript:alert(1)}{x}$",
    "\ud800 <b> \U000e0041\U000e0042 \u2028\u2029",
    "<b>" + "A" * 100_000,
]
INVISIBLE = "\x00\x1b\u202e\u2066\u200b\u00ad\u2028\ud800\U000e0041"
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "footer", "nav", "section", "h1", "h2", "h3",
    "span", "p", "div", "strong", "em", "q", "table", "caption", "thead", "tbody", "tr", "th", "td", "code", "svg",
    "desc", "path", "text", "br", "details", "summary", "blockquote", "figure", "figcaption", "dl", "dt", "dd", "ul",
    "li", "a", "form", "label", "input", "select", "option", "button",
}  # fmt: skip
VOID = {"meta", "br", "input"}


class Page(HTMLParser):
    """Start tags with their attributes, and the text between tags; a comment or an unclosed element is an error."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.raw = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.raw += f"{data} "

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    @property
    def words(self) -> str:
        return " ".join(self.raw.split())

    def values(self, tag: str, attribute: str) -> list[str]:
        return [value or "" for name, found in self.tags if name == tag for key, value in found if key == attribute]

    def check_harmless(self) -> None:
        """Nothing runs, nothing is loaded, nothing is styled from inside the text."""
        assert {tag for tag, _ in self.tags} <= ALLOWED
        names = {name for _, attributes in self.tags for name, _ in attributes}
        assert not {name for name in names if name.startswith("on")}
        assert not names & {"src", "srcset", "style", "xlink:href", "formaction", "http-equiv"}
        for href in (*self.values("a", "href"), *self.values("form", "action")):
            assert not href.startswith(("http:", "https:", "javascript:", "data:", "//"))
        assert not [c for c in INVISIBLE if c in self.raw]


def judge(mill: Any, outcome: Outcome = "pass", checks: Sequence[Check] = (), history: str = "h") -> Verdict:
    """A verdict on the mill's datasets, as a gate would have recorded it."""
    named = {name: mill.digests[name] for name in DATASETS}
    return verdicts.record(
        mill.lake, subject=candidate_digest(named), kind="snapshot", suite="test/1", history=history, outcome=outcome,
        checks=checks or [Check("records balance", "block", "passed", 0.0, {"max": 0}, "why", "contract")],
        digests=named,
    )  # fmt: skip


def released(mill: Any, snapshot: str = "tiny") -> str:
    """Release the mill's datasets, which a verdict approves; the digest."""
    Catalogue(mill.lake).get(snapshot)
    return release.release(mill.lake, snapshot, mill.digests)[0].digest


WARNED = Check(
    "language mix", "warn", "failed", 0.21, {"max": 0.1}, "the mix of languages moved", "drift", "drift.language_mix",
    {"before-1": 0.02, "before-2": 0.03}, (("de", 0.4), ("<b>fr</b>", 0.3)),
)  # fmt: skip
