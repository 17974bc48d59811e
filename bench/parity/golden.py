"""Make a golden file: what datatrove's filters say of a crawl's English texts and of seeded edits of them.

Usage:

    python -m bench.parity.golden data/crawl/embedded tests/parity/embedded.parquet
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.parity.texts import METADATA, crawl_texts, english, pieces
from bench.peers import environment
from gristmill.process import run_main, say
from gristmill.profile import PROJECT

REASONS = ("gopher_repetition", "gopher_quality", "c4", "fineweb", "fineweb_c4")


def make(crawl: Path, target: Path) -> None:
    """Extract, let the peer judge, write the golden file."""
    texts = english(crawl_texts(crawl))
    say(f"{len(texts)} English texts of {crawl}")
    cut = [(number, begin, end) for number, text in enumerate(texts) for begin, end in pieces(text)]
    with tempfile.TemporaryDirectory() as folder:
        source, found = Path(folder, "bases.json"), Path(folder, "found.json")
        given = {"texts": texts, "pieces": [texts[number][begin:end].strip() for number, begin, end in cut]}
        source.write_text(json.dumps(given))
        command = [str(environment("datatrove")), "-m", "bench.parity.peer", str(source), str(found)]
        subprocess.run(command, check=True, cwd=PROJECT)
        judged = json.loads(found.read_text())
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    whole = [(digest, 0, len(text)) for digest, text in zip(digests, texts, strict=True)]
    bases = whole + [(digests[number], begin, end) for number, begin, end in cut]
    pq.write_table(_table(judged, bases, len(whole)), target, compression="zstd", compression_level=19)
    say(f"{target}: {len(judged['rows'])} texts, {target.stat().st_size} bytes")


def _table(judged: dict[str, Any], bases: Sequence[tuple[str, int, int]], whole: int) -> pa.Table:
    rows, rules = judged["rows"], judged["rules"]

    def bits(name: str) -> pa.Array:
        return pa.array([sum(1 << rules.index(rule) for rule in row[name]) for row in rows], pa.int64())

    def of(name: str, kind: pa.DataType) -> pa.Array:
        return pa.array([row[name] for row in rows], kind)

    words = pa.dictionary(pa.int8(), pa.string())
    columns: dict[str, pa.Array] = {
        # Edits count from the first piece, which follows the whole texts.
        "base": pa.array([row["base"] + (whole if row["aim"] else 0) for row in rows], pa.int32()),
        "aim": of("aim", words), "seed": of("seed", pa.int32()), "amount": of("amount", pa.int32()),
        "text": pa.array([bytes.fromhex(row["text"]) for row in rows], pa.binary(8)),
        "fired": bits("fired"), "near": bits("near"),
        "edited": pa.array([bytes.fromhex(row.get("edited", "0" * 16)) for row in rows], pa.binary(8)),
        "dropped": pa.array([row.get("dropped", [0] * 4) for row in rows], pa.list_(pa.int16(), 4)),
    }  # fmt: skip
    for name in REASONS:
        columns[name] = pa.array([row.get("reasons", {}).get(name, "") for row in rows], words)
    about = {"versions": judged["versions"], "rules": rules, "bases": bases}
    return pa.table(columns).replace_schema_metadata({METADATA: json.dumps(about).encode()})


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawl", type=Path, help="folder with WARC files")
    parser.add_argument("golden", type=Path, help="file to write")
    args = parser.parse_args(argv)
    make(args.crawl, args.golden)


if __name__ == "__main__":
    run_main(main)
