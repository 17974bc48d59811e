"""The model card names what a reader must know before trusting the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from training.card import render, write_card

DIGESTS = {"weights": "a" * 64, "tokens": "b" * 64, "tokenizer": "c" * 64}


def record(**changes: Any) -> dict[str, Any]:
    languages = {"en": 2.5, "de": 3.25}
    return {
        "run_id": "mini-z2-123", "mix": "both", "parameters": 1_262_720, "tokens": 491_520, "steps": 120,
        "sequence_length": 128, "zero_stage": 2, "ranks": 2, "precision": "fp32", "loss_first": 8.3, "loss_last": 5.87,
        "skipped_steps": 3, "tokens_per_second": 9000.0, "torch": "2.13.0", "config": {"global_batch": 32, "seed": 77},
        "bpb": {"model": 2.638, "untrained": 3.757, "unigram": 3.289},
        "bpb_by_language": {name: languages for name in ("model", "untrained", "unigram")},
        "held_out_bytes": {"en": 60_000, "de": 4_000}, "digests": DIGESTS,
        "energy": {"joules": 1100.0, "method": "estimated:cpu-seconds x 10 W"}, **changes,
    }  # fmt: skip


def test_the_card_names_data_config_figures_and_skipped_steps() -> None:
    card = render(record())
    for named in (*DIGESTS.values(), "2.638", "3.757", "3.289", "1,262,720", "491,520", '"seed": 77', "60,000", "both"):
        assert named in card
    assert "| skipped steps | 3 |" in card
    assert "| de | 4,000 | 3.250 | 3.250 | 3.250 |" in card


def test_the_card_claims_of_the_held_out_documents_only_what_matching_found() -> None:
    said = " ".join(render(record()).split())
    assert "Documents that matching tied to a held-out document were not trained on." in said
    assert "No near-duplicate" not in said


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("measured:rapl", "measured: measured:rapl"),
        ("estimated:cpu-seconds x 10 W", "estimated, not measured"),
        ("estimated:cpu-seconds x 10 W, measured:rapl", "estimated, not measured"),
        ("not recorded", "estimated, not measured"),
    ],
)
def test_energy_is_called_measured_only_where_all_of_it_was(method: str, said: str) -> None:
    assert said in render(record(energy={"joules": 5.0, "method": method}))


def test_the_pictures_that_the_card_shows_are_beside_it(tmp_path: Path) -> None:
    write_card(tmp_path, record(), [{"step": 1, "loss": 8.3}, {"step": 2, "loss": 8.0}])
    card = (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")
    pictures = [line.split("](")[1].rstrip(")") for line in card.splitlines() if line.startswith("![")]
    assert len(pictures) == 3
    for name in pictures:
        ElementTree.fromstring((tmp_path / name).read_text(encoding="utf-8"))
