"""Near-duplicate detection against every pair of a real crawl, found by brute force elsewhere."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from gristmill.lake import FileEntry, Lake
from gristmill.schemas import SCHEMAS
from gristmill.storage import PosixStorage
from spark_jobs.clusters.candidates import exact_representatives
from spark_jobs.clusters.signatures import read_signatures
from spark_jobs.deduplicate import DeduplicateConfig, verified_pairs
from spark_jobs.text.minhash import minhash
from spark_jobs.text.similarity import LARGEST_SET, exact_jaccard

Pairs = dict[tuple[int, int], float]


def write(lake: Lake, texts: list[str]) -> tuple[FileEntry, FileEntry]:
    """The `minhash` and `documents` files of texts, numbered from 0."""
    ids, column = pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string())
    schema = SCHEMAS["documents"]
    columns = {field.name: pa.nulls(len(texts), field.type) for field in schema} | {"doc_id": ids, "text": column}
    return (
        lake.write_table("minhash", "000000", minhash(ids, column)),
        lake.write_table("documents", "000000", pa.table(columns)),
    )


def detected(lake: Lake, texts: list[str], min_jaccard: float) -> Pairs:
    """Every pair of equal or similar documents that deduplication finds."""
    minhash, documents = write(lake, texts)
    signatures = read_signatures(lake, [minhash], threads=2)
    representative = exact_representatives(signatures.content)
    groups: dict[int, list[int]] = defaultdict(list)
    for place, first in enumerate(representative.tolist()):
        groups[first].append(place)
    found = {pair: 1.0 for group in groups.values() for pair in combinations(group, 2)}
    config = DeduplicateConfig(min_jaccard=min_jaccard)
    pairs, jaccard = verified_pairs(lake, signatures, representative, [documents], config)
    for (a, b), similarity in zip(pairs.tolist(), jaccard.tolist(), strict=True):
        found |= {(min(x, y), max(x, y)): similarity for x in groups[a] for y in groups[b]}
    return found


def test_recall_and_precision_on_a_real_crawl(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("neardup/demo_exact_pairs")
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    assert [row["id"] for row in documents] == list(range(len(documents)))
    with gzip.open(folder / "pairs.tsv.gz", "rt", encoding="utf-8") as lines:
        rows = [line.split("\t") for line in lines][1:]
    gold: Pairs = {(int(i), int(j)): float(jaccard) for i, j, jaccard in rows}

    found = detected(Lake(PosixStorage(tmp_path)), [row["text"] for row in documents], 0.7)

    for least, wanted_recall in ((0.9, 0.999), (0.8, 0.995), (0.7, 0.98)):
        wanted = [pair for pair, jaccard in gold.items() if jaccard >= least]
        assert sum(pair in found for pair in wanted) >= wanted_recall * len(wanted)
    # The gold pairs tell digits apart and detection does not, so a little less similarity is not wrong.
    for least in (0.7, 0.8, 0.9):
        claimed = [pair for pair, jaccard in found.items() if jaccard >= least]
        assert sum(gold.get(pair, 0.0) >= least - 0.05 for pair in claimed) >= 0.985 * len(claimed)
    apart = [abs(found[pair] - gold[pair]) for pair in found if pair in gold]
    assert np.mean(apart) < 0.01


@pytest.fixture(scope="module")
def family() -> list[str]:
    """Versions of one text, each further from the first than the one before."""
    words = [chr(97 + i % 26) * (1 + i // 26 % 7) + chr(97 + i // 5 % 26) for i in range(400)]
    versions = []
    for i in range(40):
        new = [f"new{chr(97 + i)}x{chr(97 + j % 26)}y{j // 26 * 'z'}" for j in range(3 * i)]
        versions.append(" ".join(words[: 400 - 3 * i] + new))
    return versions


def test_close_calls_are_decided_by_the_exact_similarity(tmp_path: Path, family: list[str]) -> None:
    found = detected(Lake(PosixStorage(tmp_path)), family, 0.8)
    for (a, b), similarity in found.items():
        exact = exact_jaccard(family[a], family[b])
        assert exact >= 0.8 - 0.12, "an estimate more than three standard errors off"
        if exact < 0.9:
            assert similarity == pytest.approx(exact, abs=1e-6) or similarity > 0.8 + 0.11
    certain = [(a, b) for a, b in combinations(range(len(family)), 2) if exact_jaccard(family[a], family[b]) >= 0.9]
    assert certain
    assert set(certain) <= set(found)


RANGES = {
    "zh": [(0x4E00, 0x5600)],
    "ja": [(0x3042, 0x3094), (0x30A2, 0x30F4), (0x4E00, 0x5200)],
    "ko": [(0xAC00, 0xB800)],
}
ALPHABETS = {name: [chr(code) for pair in pairs for code in range(*pair)] for name, pairs in RANGES.items()}


def page(rng: Random, language: str, characters: int) -> str:
    """A text of made sentences; Korean has a space after two to four syllables."""
    letters = [rng.choice(ALPHABETS[language]) for _ in range(characters)]
    stops = set(rng.sample(range(characters), characters // 25))
    spaces = set(rng.sample(range(characters), characters // 3)) if language == "ko" else set()
    ends = ("。" if i in stops else " " if i in spaces else "" for i in range(characters))
    return "".join(letter + end for letter, end in zip(letters, ends, strict=True))


@pytest.mark.parametrize("language", ALPHABETS)
def test_scripts_without_spaces_have_their_near_duplicates_found_and_their_navigation_forgiven(
    tmp_path: Path, language: str
) -> None:
    rng = Random(7)
    head, foot = page(rng, language, 200), page(rng, language, 200)
    bodies = [page(rng, language, 500) for _ in range(60)]
    edited = []
    for body in bodies:
        at = rng.randrange(len(body) - 4)
        edited.append(body[:at] + page(rng, language, 3) + body[at + 3 :])
    texts = [f"{head}\n{body}\n{foot}" for body in [*bodies, *edited]]

    found = detected(Lake(PosixStorage(tmp_path)), texts, 0.7)

    planted = {(i, i + len(bodies)) for i in range(len(bodies))}
    assert min(exact_jaccard(texts[a], texts[b]) for a, b in planted) >= 0.9
    apart = max(exact_jaccard(texts[a], texts[b]) for a, b in combinations(range(len(bodies)), 2))
    assert 0.25 < apart < 0.6, "unrelated pages share their navigation, and not more"
    assert set(found) == planted


def test_slices_of_pairs_do_not_matter(tmp_path: Path, family: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = detected(Lake(PosixStorage(tmp_path)), family, 0.7)
    monkeypatch.setattr("spark_jobs.clusters.verification.SHINGLES_AT_ONCE", 2000)
    assert detected(Lake(PosixStorage(tmp_path)), family, 0.7) == whole


def test_very_long_texts_are_compared_by_a_sample_that_is_the_same_on_both_sides() -> None:
    words = [
        f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}x{i % 7 * 'y'}" for i in range(90_000)
    ]
    other = [*words[:80_000], *(word[::-1] for word in words[80_000:])]
    sides = [set(zip(*(side[i:] for i in range(5)), strict=False)) for side in (words, other)]
    assert min(map(len, sides)) > LARGEST_SET
    exact = len(sides[0] & sides[1]) / len(sides[0] | sides[1])
    assert exact_jaccard(" ".join(words), " ".join(other)) == pytest.approx(exact, abs=0.008)
