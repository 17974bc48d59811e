"""Gold pages of main-content extraction, and the score that engines are compared by."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gristmill.errors import UserError
from scripts.align import words_of
from spark_jobs.web.charset import charset_of, decode

ARTICLES, WCXB = "article_extraction_benchmark", "wcxb_dev_sample300"
_SECOND_LEVEL = 3
"""Labels of so few letters before a country code (co.uk, com.au) belong to the suffix."""


class GoldError(UserError):
    """Gold data that is not where it was looked for."""


@dataclass(frozen=True)
class GoldPage:
    """`kind`: the page type as its set names it; `site`: what pages must share a fold."""

    source: str
    key: str
    kind: str
    site: str
    html: str
    text: str


def load_gold(folder: Path) -> list[GoldPage]:
    """All pages of both sets below a folder, in a fixed order; raises GoldError."""
    articles, wcxb = folder / ARTICLES, folder / WCXB
    for wanted in (articles / "ground-truth.json", wcxb / "ground-truth"):
        if not wanted.exists():
            raise GoldError(f"there is no {wanted}; give the folder that holds {ARTICLES} and {WCXB}")
    pages = []
    for key, gold in sorted(json.loads((articles / "ground-truth.json").read_text()).items()):
        pages.append(_page(articles, key, "article", gold["url"], gold["articleBody"]))
    for path in sorted((wcxb / "ground-truth").glob("*.json")):
        gold = json.loads(path.read_text())
        kind = gold["_internal"]["page_type"]["primary"]
        pages.append(_page(wcxb, path.stem, kind, gold["url"], gold["ground_truth"]["main_content"]))
    return pages


def _page(folder: Path, key: str, kind: str, url: str, text: str) -> GoldPage:
    body = gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes())
    html, _ = decode(body, charset_of(body, ""))
    return GoldPage(folder.name, key, kind, _site(url) or key, html, text)


def _site(url: str) -> str:
    labels = (urlsplit(url if "//" in url else f"//{url}").hostname or "").split(".")
    long = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _SECOND_LEVEL
    return ".".join(labels[-3:] if long else labels[-2:])


def fold_of(site: str, folds: int) -> int:
    """A site's fold, by its hash."""
    return int.from_bytes(hashlib.sha256(site.encode()).digest()[:8], "big") % folds


def word_f1(text: str, gold: str) -> float:
    """F1 of two texts as multisets of words (runs of letters, digits and underscores, in lower case)."""
    found, wanted = Counter(words_of(text)), Counter(words_of(gold))
    total = found.total() + wanted.total()
    return 2 * (found & wanted).total() / total if total else 1.0
