"""The measurements of quality find what is there, and a detection that is worse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.duplicates.__main__ import main
from bench.duplicates.planted import plant
from bench.duplicates.quality import bins, curve, planted_quality
from bench.duplicates.texts import NoTexts, by_language, read_texts


def test_all_bins_are_inside_and_pairs_right(
    tmp_path: Path, pools: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.duplicates.search.FILE_ROWS", 300)
    found = planted_quality(plant(pools, 50, seed=1), tmp_path, seed=1)
    assert all(row["inside"] and row["pairs"] == 50 for row in found["bins"]), found["bins"]
    assert found["measured_twice"]["largest_difference"] < 1e-6
    for check in found["verified"]:
        assert check["precision"] >= 0.99
        assert check["lost"] <= 1
    assert sum(row["pairs"] for row in found["languages"].values()) == 500


def test_a_detection_that_loses_a_twentieth_is_outside() -> None:
    rng = np.random.default_rng(2)
    jaccard = 0.8 + 0.15 * rng.random(3000)
    found = rng.random(3000) < curve(jaccard)
    assert all(row["inside"] for row in bins(jaccard, found) if row["pairs"])
    worse = found & (rng.random(3000) > 0.05)
    assert not any(row["inside"] for row in bins(jaccard, worse) if row["pairs"])


def test_the_command_writes_its_result(
    tmp_path: Path, source: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.duplicates.__main__.PROJECT", tmp_path)
    main(["quality", "--source", str(source(24)), "--pairs", "3", "--results", str(tmp_path / "results")])
    assert list((tmp_path / "work" / "bench").iterdir()) == []
    found = json.loads((tmp_path / "results" / "duplicates-quality.json").read_text())
    assert [row["pairs"] for row in found["planted"]["bins"]] == [3] * 10
    assert found["gold"]["pairs"] == 2
    assert sum(row["found"] for row in found["gold"]["bins"]) == 2
    assert found["about"]["command"].startswith("python -m bench.duplicates quality")


def test_a_source_that_does_not_do_is_an_error(tmp_path: Path, source: Callable[[int], Path]) -> None:
    with pytest.raises(NoTexts, match=r"docs\.jsonl\.gz"):
        read_texts(tmp_path)
    with pytest.raises(NoTexts, match="20 texts"):
        by_language(read_texts(source(5)))
