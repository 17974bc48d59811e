"""Honest labels for a classifier: what people marked as the content of web pages, against the rest of the same pages.

    python -m bench.score_labels FOLDER OUT

FOLDER holds article_extraction_benchmark and wcxb_dev_sample300 (pages with gold text). OUT gets positive.jsonl and
negative.jsonl, whose `group` is the page's host.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from resiliparse.extract.html2text import extract_plain_text

from gristmill.process import run_main, say

LEAST_WORDS = 20
"""Of either part; fewer are no text to judge."""


def pages(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(HTML, gold text, URL) of every page."""
    marked = folder / "wcxb_dev_sample300"
    for path in sorted((marked / "ground-truth").glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        yield _html(marked / "html" / f"{path.stem}.html.gz"), found["ground_truth"]["main_content"], found["url"]
    articles = folder / "article_extraction_benchmark"
    for key, found in json.loads((articles / "ground-truth.json").read_text(encoding="utf-8")).items():
        yield _html(articles / "html" / f"{key}.html.gz"), found["articleBody"], found["url"]


def _html(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")


def rest(html: str, gold: str) -> str:
    """The lines of a page that are not in its gold text."""
    known = " ".join(gold.split())
    lines = extract_plain_text(html, main_content=False, preserve_formatting=True, links=False, alt_texts=False)
    return "\n".join(line.strip() for line in lines.split("\n") if line.strip() and " ".join(line.split()) not in known)


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="pages with gold text")
    parser.add_argument("out", type=Path, help="folder to write")
    args = parser.parse_args(argv)
    found: dict[str, list[str]] = {"positive": [], "negative": []}
    for html, gold, url in pages(args.folder):
        for label, text in (("positive", gold), ("negative", rest(html, gold))):
            if len(text.split()) >= LEAST_WORDS:
                found[label].append(json.dumps({"text": text, "group": urlsplit(url).hostname}, ensure_ascii=False))
    args.out.mkdir(parents=True, exist_ok=True)
    for label, rows in found.items():
        (args.out / f"{label}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        say(f"{label}: {len(rows)} texts")


if __name__ == "__main__":
    run_main(main)
