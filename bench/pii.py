"""Precision and recall of the PII detectors on a planted set and, where it is given, on a gold set; their speed.

python -m bench.pii [--gold FOLDER] [--documents N] [--seed S] [--text FILE.parquet] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.pii_planted import planted
from gristmill.signals.pii import PII_TYPES
from spark_jobs.text.pii import pii

Span = tuple[str, int, int]
_GOLD_TYPES = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "credit_card", "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
}  # fmt: skip


def find(texts: list[str]) -> list[list[Span]]:
    """The spans of each text: (type, start, end) in bytes."""
    spans = pii(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()))["pii_spans"].to_pylist()
    return [[(PII_TYPES[s["type"]], s["start"], s["end"]) for s in row] for row in spans]


def gold(folder: Path) -> tuple[list[str], list[list[Span]]]:
    """Texts and gold spans of presidio-research's JSON files; character offsets become byte offsets."""
    texts, spans = [], []
    for path in sorted(folder.rglob("*.json")):
        for record in json.loads(path.read_text(encoding="utf-8")):
            text = record["full_text"]
            texts.append(text)
            spans.append([
                (kind, len(text[: s["start_position"]].encode()), len(text[: s["end_position"]].encode()))
                for s in record["spans"] if (kind := _gold_type(s["entity_type"], s["entity_value"]))
            ])  # fmt: skip
    return texts, spans


def _gold_type(name: str, value: str) -> str | None:
    if name == "IP_ADDRESS":
        return "ipv6" if ":" in value else "ipv4"
    return _GOLD_TYPES.get(name)


def score(found: list[list[Span]], wanted: list[list[Span]]) -> dict[str, dict[str, Any]]:
    """Per type: spans wanted and found; recall and precision by overlap with a span of the type; exact ones."""
    tally = {kind: Counter[str]() for kind in PII_TYPES}
    for have, want in zip(found, wanted, strict=True):
        for span in want:
            tally[span[0]].update(wanted=1, recalled=_hit(span, have), exact=span in have)
        for span in have:
            tally[span[0]].update(found=1, right=_hit(span, want))
    return {kind: _rates(counts) for kind, counts in tally.items()}


def _hit(span: Span, others: list[Span]) -> bool:
    return any(kind == span[0] and start < span[2] and span[1] < end for kind, start, end in others)


def _rates(counts: Counter[str]) -> dict[str, Any]:
    wanted, found = counts["wanted"], counts["found"]
    return {
        "wanted": wanted,
        "found": found,
        "recall": round(counts["recalled"] / wanted, 4) if wanted else None,
        "precision": round(counts["right"] / found, 4) if found else None,
        "exact": round(counts["exact"] / wanted, 4) if wanted else None,
    }


def touched(found: list[list[Span]], negatives: list[list[Span]]) -> dict[str, str]:
    """Share of each kind of hard negative that any span overlaps."""
    total, hit = Counter[str](), Counter[str]()
    for have, spans in zip(found, negatives, strict=True):
        for name, start, end in spans:
            total[name] += 1
            hit[name] += any(a < end and start < b for _, a, b in have)
    return {name: f"{hit[name]}/{total[name]}" for name in sorted(total)}


def speed(text: pa.Array, seconds: float = 5.0) -> dict[str, float]:
    """MB per CPU second over the given texts, the best of the runs that fit into `seconds` after a first one."""
    ids = pa.array(range(len(text)), pa.int64())
    size = pa.compute.sum(pa.compute.binary_length(text)).as_py() / 1e6
    pii(ids, text)
    runs: list[float] = []
    while sum(runs) < seconds:
        began = time.process_time()
        pii(ids, text)
        runs.append(time.process_time() - began)
    return {"megabytes": round(size, 2), "megabytes_per_second": round(size / min(runs), 1)}


def show(title: str, rates: dict[str, dict[str, Any]]) -> None:
    """A table of one set."""
    print(f"\n{title}\n{'type':<16}{'wanted':>8}{'found':>8}{'recall':>8}{'precision':>11}{'exact':>8}")
    for kind, row in rates.items():
        cells = [f"{row[c] if row[c] is not None else '-':>{w}}" for c, w in
                 (("wanted", 8), ("found", 8), ("recall", 8), ("precision", 11), ("exact", 8))]  # fmt: skip
        print(f"{kind:<16}{''.join(cells)}")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, help="folder of presidio-research's JSON files")
    parser.add_argument("--documents", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--text", type=Path, help="Parquet file with a column `text`, for the speed")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    texts, wanted, negatives = zip(*planted(args.seed, args.documents), strict=True)
    found = find(list(texts))
    report: dict[str, Any] = {
        "planted": score(found, list(wanted)),
        "negatives_touched": touched(found, list(negatives)),
    }
    show(f"planted, {args.documents} texts, seed {args.seed}", report["planted"])
    print("\nhard negatives touched:", ", ".join(f"{k} {v}" for k, v in report["negatives_touched"].items()))
    if args.gold:
        gold_texts, gold_spans = gold(args.gold)
        report["gold"] = score(find(gold_texts), gold_spans)
        show(f"gold, {len(gold_texts)} texts", report["gold"])
    if args.text:
        report["speed"] = speed(pq.read_table(args.text, columns=["text"])["text"].combine_chunks())
        rate, size = report["speed"]["megabytes_per_second"], report["speed"]["megabytes"]
        print(f"\nspeed: {rate} MB per CPU second on {size} MB")
    if args.out:
        args.out.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
