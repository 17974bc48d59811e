"""Main content by resiliparse's rules: fast, but keeps more of a page's furniture than the default engine."""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from spark_jobs.web.charset import clean
from spark_jobs.web.engines.content import Content, ExtractionError

MAX_DEPTH = 512
"""Where browsers cap their trees. Extraction takes time with the square of the depth, so deeper is refused."""

_DEEPER = ">".join(["*"] * (MAX_DEPTH + 1))
_FORMATTING = re.compile(r"<(\\?/)?([bBiIsSuU]|(?i:big|code|em|font|small|strike|strong|tt))(?=[\s/>])")


class ResiliparseEngine:
    """Raises too_deep where depth would cost time or memory with its square."""

    name = "resiliparse"
    version = 1

    def extract(self, html: str) -> Content:
        if unclosed_formatting(html) > MAX_DEPTH:
            raise ExtractionError("too_deep")
        try:
            tree = HTMLTree.parse(html)
            if html.count("<") > MAX_DEPTH and _too_deep(tree):
                raise ExtractionError("too_deep")
            text = extract_plain_text(tree, main_content=True, preserve_formatting=True, alt_texts=False)
            title = tree.title
        except ExtractionError:
            raise
        except (ValueError, RuntimeError, UnicodeError):
            raise ExtractionError("bad_html") from None
        text = clean(text).strip()
        if not text:
            raise ExtractionError("no_text")
        return Content(text, " ".join(clean(title or "").split()) or None)


def _too_deep(tree: HTMLTree) -> bool:
    return tree.document is not None and tree.document.query_selector(_DEEPER) is not None


def unclosed_formatting(html: str) -> int:
    """Most elements such as <b> and <font> open at once; 0 where there cannot be too many.

    A parser opens all of them again in each block that follows, so time and memory grow with the square.
    """
    if html.count("<") <= MAX_DEPTH:
        return 0
    count: dict[str, int] = {}
    most = total = 0
    for end, name in _FORMATTING.findall(html):
        name = name.lower()
        if not end:
            count[name] = count.get(name, 0) + 1
            total += 1
            most = max(most, total)
        elif count.get(name):
            count[name] -= 1
            total -= 1
    return most
