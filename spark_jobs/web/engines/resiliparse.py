"""Main content by resiliparse's rules: fast, but keeps more of a page's furniture than the default engine."""

from __future__ import annotations

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from spark_jobs.web.charset import clean
from spark_jobs.web.dom.text import Bytes
from spark_jobs.web.engines.content import Content, ExtractionError
from spark_jobs.web.engines.openings import openings

MAX_DEPTH = 512
"""Where browsers cap their trees. Extraction takes time with the square of the depth, so deeper is refused."""

_USUAL_DEPTH = 64


class ResiliparseEngine:
    """Raises too_deep where depth would cost time or memory with its square."""

    name = "resiliparse"
    version = 1

    def __init__(self) -> None:
        # Loads the kernel, which a process that is forked for a few hundred pages should have already.
        openings(_bytes(""))

    def extract(self, html: str) -> Content:
        # A parser opens formatting elements again in each block that follows: time and memory grow with the square.
        formatting, depth = openings(_bytes(html)) if html.count("<") > MAX_DEPTH else (0, 0)
        if formatting > MAX_DEPTH:
            raise ExtractionError("too_deep")
        try:
            tree = HTMLTree.parse(html)
            if depth > MAX_DEPTH and _is_deeper(tree, _USUAL_DEPTH) and _is_deeper(tree, MAX_DEPTH):
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


def _is_deeper(tree: HTMLTree, depth: int) -> bool:
    """What this costs is the length of the selector more than the page, so a short one is asked first."""
    return tree.document is not None and tree.document.query_selector(">".join("*" * (depth + 1))) is not None


def _bytes(html: str) -> Bytes:
    return np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
