"""Mixes: which releases a model is trained on, and what is still missing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gristmill.lake import Lake
from gristmill.mixes import Mix, MixIncomplete, load_mix, missing, mix_releases
from gristmill.settings import SettingsError

MIX = Mix(name="both", snapshots=["b", "a"])


def test_a_mix_waits_for_every_snapshot_and_keeps_its_order(lake: Lake, mill: Any) -> None:
    mill.release("a", date(2026, 3, 1))
    assert missing(lake, MIX) == ["b"]
    with pytest.raises(MixIncomplete, match="mix 'both' waits for the release of b"):
        mix_releases(lake, MIX)
    mill.release("b", date(2026, 4, 1))
    assert missing(lake, MIX) == []
    assert [release.snapshot for release in mix_releases(lake, MIX)] == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nsnapshots: []", "snapshots"),
        ("name: x\nsnapshots: [a, b, a]", "repeated: a"),
        ("name: Not A Name\nsnapshots: [a]", "name"),
        ("name: x\nsnapshots: [a]\nvalidation_share: 0.5", "validation_share"),
        ("name: x\nsnapshot: [a]", "did you mean 'snapshots'"),
    ],
)
def test_an_unusable_mix_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_mix(path)
