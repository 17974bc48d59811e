"""Writes sample_counts.json: what warcio (1.8.1, Apache-2.0) finds in each sample archive.

warcio is no dependency of the project. Where it is installed:
    python tests/spark_jobs/web/make_sample_counts.py FOLDER_OF_SAMPLES
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed


def counts(path: Path) -> dict[str, int]:
    """Records by type, `error` where it gives up."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        try:
            for record in ArchiveIterator(file, arc2warc=True):
                found[record.rec_type] += 1
        except ArchiveLoadFailed:
            found["error"] = 1
    return dict(sorted(found.items()))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    paths = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in ("LICENSE", "SOURCE.txt")
    ]
    table = {path.relative_to(folder).as_posix(): counts(path) for path in paths}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    Path(__file__).with_name("sample_counts.json").write_text(f"{{\n{lines}\n}}\n")
