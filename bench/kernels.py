"""Speed of the compiled kernels alone, on one core: each signal family, each extraction engine, decisions.

Families and decisions are measured on the documents of a lake that `bench.mill` left; reading with extraction on the
WARC files. Warm: everything has run once before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill.lake import Lake
from gristmill.process import run_main
from gristmill.profile import PROJECT, load_profile
from spark_jobs.families import FAMILIES, Documents
from spark_jobs.policies.evaluate import judge
from spark_jobs.policies.loading import load_policy
from spark_jobs.policies.registry import installed
from spark_jobs.web.documents import ExtractConfig, extract_file
from spark_jobs.web.url_lists import UrlLists

TEXT_BYTES = 40 << 20
JUDGED_ROWS = 1_000_000
SECONDS = 20.0
"""Reading and extraction stop after the file in which this time is over."""


def parts(lake: Lake, digest: str) -> list[pa.RecordBatch]:
    """The documents in batches, up to TEXT_BYTES of text."""
    found: list[pa.RecordBatch] = []
    size = 0
    for entry in lake.manifest(digest).files:
        if size < TEXT_BYTES:
            found += Documents(lake, entry, UrlLists.load(None)).batches
            size = sum(batch["text"].nbytes for batch in found)
    return found


def families(lake: Lake, digest: str) -> tuple[dict[str, Any], pa.Table]:
    """(MB/s of each family, the signals of all documents in one table)"""
    lists = UrlLists.load(None)
    documents = parts(lake, digest)
    megabytes = sum(part["text"].nbytes for part in documents) / 1e6
    seconds = dict.fromkeys([family.name for family in FAMILIES], 0.0)
    measured: list[pa.Table] = []
    for number, part in enumerate([documents[0], *documents]):
        columns: dict[str, pa.Array] = {}
        for family in FAMILIES:
            spoken = columns["language"] if family.by_language else None
            start = time.perf_counter()
            table = family.measure(part, spoken, lists)
            seconds[family.name] += time.perf_counter() - start if number else 0.0
            columns |= {name: table.column(name).combine_chunks() for name in table.column_names}
        measured += [pa.table(columns)] if number else []
    rates = {name: round(megabytes / spent, 1) for name, spent in seconds.items()}
    rates["heuristics + minhash"] = round(megabytes / (seconds["heuristics"] + seconds["minhash"]), 1)
    rates["all of annotate"] = round(megabytes / sum(seconds.values()), 1)
    rows = sum(table.num_rows for table in measured)
    return {"megabytes": round(megabytes, 1), "documents": rows, "rates": rates}, pa.concat_tables(measured)


def decisions(signals: pa.Table, policy: str) -> dict[str, float]:
    """Documents judged per second by all rules of a policy."""
    chosen = load_policy(PROJECT / "configs/policies" / f"{policy}.yaml", installed())
    names = {"language", *(rule.signal for rule in chosen.rules)} & set(signals.column_names)
    table = pa.concat_tables([signals.select(sorted(names))] * (JUDGED_ROWS // signals.num_rows + 1)).combine_chunks()
    seconds = _timed(lambda: judge(chosen, table))
    return {"rules": len(chosen.rules), "documents_per_second": round(table.num_rows / seconds)}


def extraction(files: list[Path], engine: str) -> dict[str, float]:
    """Documents per second of reading and extraction with one engine, parser process included."""
    config = ExtractConfig.model_validate({"engine": engine})

    def read(path: Path) -> int:
        kept = [0]
        extract_file(str(path), 0, config, lambda rows: kept.append(kept.pop() + len(rows)), lambda rows: None)
        return kept[0]

    read(files[0])
    documents, start = 0, time.perf_counter()
    for path in files:
        documents += read(path)
        if time.perf_counter() - start > SECONDS:
            break
    return {"documents": documents, "documents_per_second": round(documents / (time.perf_counter() - start), 1)}


def _timed(call: Callable[[], Any]) -> float:
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path, help="folder with WARC files")
    parser.add_argument("work", type=Path, help="work folder of a run of bench.mill")
    parser.add_argument("digest", help="digest of its documents")
    parser.add_argument("result", type=Path, help="JSON file to write")
    args = parser.parse_args(argv)
    lake = Lake.open(load_profile(str(args.work / "profile.yaml")))
    measured, signals = families(lake, args.digest)
    files = sorted(args.crawl.glob("*.warc.gz"))
    result = {
        "families": measured,
        "decisions": decisions(signals, "fineweb"),
        "extraction": {name: extraction(files, name) for name in ("resiliparse", "gristmill", "trafilatura")},
    }
    args.result.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    run_main(main)
