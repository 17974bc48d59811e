"""Main-content engines side by side: word F1 and documents per second on the two gold sets, in one run on one core.

Usage:

    python -m bench.extraction GOLD_FOLDER [--engines gristmill,resiliparse] [--folds 5] [--out FILE.json]

F1 is the mean over pages of the F1 of word multisets (runs of letters, digits and underscores, in lower case); a page
that an engine refuses counts 0. The default engine is scored by models that were trained without the page and its
site; a fold's training takes about a minute. Speed is that of decoded text in, content out, in one process after a
first round that compiles, and of the shipped models. Each page is timed on its own in processor seconds.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill.process import run_main, say
from scripts.gold import GoldPage, fold_of, load_gold, word_f1
from scripts.train_blocks import fit_models, sample_of
from spark_jobs.web.engines import DEFAULT, ENGINES, Engine, ExtractionError, engine
from spark_jobs.web.engines.learned import LearnedEngine

WARM_PAGES = 20
ALL = "all"

LINE = "{engine:12} {set:28} {kind:14} {pages:4} pages  F1 {f1:.4f}  {docs_per_second:7.1f} docs/s"

Row = dict[str, float | int | str]


def main(argv: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", type=Path, help="folder with both gold sets")
    parser.add_argument("--engines", default=",".join(ENGINES), help="names, with commas (default: all)")
    parser.add_argument("--folds", type=int, default=5, help="of the cross-validation (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args(argv)
    pages = load_gold(args.gold)
    rows: list[Row] = []
    for name in args.engines.split(","):
        chosen = engine(name)
        seconds, texts = timed(chosen, pages)
        if name == DEFAULT:
            texts = unseen(pages, args.folds)
        rows += table(name, pages, texts, seconds)
    for row in rows:
        say(LINE.format_map(row))
    if args.out:
        report = {"machine": platform.processor() or platform.machine(), "folds": args.folds, "rows": rows}
        args.out.write_text(json.dumps(report, indent=1) + "\n")


def extracted(one: Engine, page: GoldPage) -> str:
    """Text of a page; nothing where the engine refuses it."""
    try:
        return one.extract(page.html).text
    except ExtractionError:
        return ""


def timed(one: Engine, pages: Sequence[GoldPage]) -> tuple[list[float], list[str]]:
    """(processor seconds, text) of each page."""
    for page in pages[:WARM_PAGES]:
        extracted(one, page)
    seconds, texts = [], []
    for page in pages:
        start = time.process_time()
        texts.append(extracted(one, page))
        seconds.append(time.process_time() - start)
    return seconds, texts


def unseen(pages: Sequence[GoldPage], folds: int) -> list[str]:
    """Text of each page by models trained on the sites of the other folds."""
    samples = [s for page in pages if (s := sample_of(page))]
    texts: dict[int, str] = {}
    for fold in range(folds):
        models = fit_models([s for s in samples if fold_of(s.page.site, folds) != fold])
        tested = LearnedEngine(models)
        for number, page in enumerate(pages):
            if fold_of(page.site, folds) == fold:
                texts[number] = extracted(tested, page)
        say(f"fold {fold + 1} of {folds}")
    return [texts[number] for number in range(len(pages))]


def table(name: str, pages: Sequence[GoldPage], texts: Sequence[str], seconds: Sequence[float]) -> list[Row]:
    """Means of each set and of each of its page types."""
    groups: Mapping[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for page, text, spent in zip(pages, texts, seconds, strict=True):
        score = word_f1(text, page.text)
        groups[page.source, ALL].append((score, spent))
        groups[page.source, page.kind].append((score, spent))
    rows: list[Row] = []
    for (source, kind), results in sorted(groups.items()):
        score, spent = (sum(column) for column in zip(*results, strict=True))
        rows.append(
            {
                "engine": name,
                "set": source,
                "kind": kind,
                "pages": len(results),
                "f1": round(score / len(results), 4),
                "docs_per_second": round(len(results) / spent, 1),
            }
        )
    return rows


if __name__ == "__main__":
    run_main(main)
