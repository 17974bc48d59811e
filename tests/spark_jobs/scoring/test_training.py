"""Recipes and their sets: what is refused, what is kept apart, what ships uncalibrated, what is joined from outside."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.catalogue import Catalogue
from gristmill.lake import Lake
from gristmill.scores import family
from gristmill.settings import SettingsError
from gristmill.storage import PosixStorage
from spark_jobs.scoring import texts
from spark_jobs.scoring.family import scored
from spark_jobs.scoring.labels import PASSAGE, folds, overlapping
from spark_jobs.scoring.model import load
from spark_jobs.scoring.outside import OutsideError
from spark_jobs.scoring.texts import SourceError, spaced
from spark_jobs.scoring.training import train

ITEM = "The quick miller poured seventeen sacks of golden wheat into his noisy old wooden hopper before dawn"
FILLER = "some words that stand before and after a passage in a page of the web today"


@pytest.fixture
def lake(tmp_path: Any) -> Lake:
    return Lake(PosixStorage(tmp_path / "lake"))


def test_planted_passages_are_found_whatever_their_case_and_punctuation() -> None:
    words = ITEM.split()
    shouted = "... ".join(words).upper().replace("MILLER", "míller")
    texts = [
        f"{FILLER} {ITEM} {FILLER}", f"{FILLER}\n{shouted}!\n{FILLER}",
        f"{FILLER} {' '.join(words[2 : 2 + PASSAGE])} {FILLER}", f"{FILLER} {' '.join(words[: PASSAGE - 1])} {FILLER}",
        f"{FILLER} {' '.join(reversed(words))}", "of golden wheat", "",
    ]  # fmt: skip
    assert overlapping(pa.array(texts), pa.array([ITEM, "of golden wheat", ""])).tolist() == [True] * 3 + [False] * 4
    short = "water drives our mill through eight long nights"
    assert overlapping(pa.array([f"and {short.upper()}, he said", short[:-7]]), pa.array([short])).tolist() == [
        True, False,
    ]  # fmt: skip
    half = pa.array([" ".join(words[:7]), " ".join(words[7:])])
    assert not overlapping(half, pa.array([ITEM])).any(), "no passage reaches from one text into the next"


def test_a_group_is_in_one_fold_and_folds_have_their_shares() -> None:
    found = folds([f"{n}.example" for n in range(3000)])
    assert found.tolist() == folds([f"{n}.example" for n in range(3000)]).tolist()
    shares = {name: float((found == name).mean()) for name in ("test", "calibrate", "train")}
    assert shares == pytest.approx({"test": 0.2, "calibrate": 0.1, "train": 0.7}, abs=0.03)


def test_evaluation_passages_and_shared_texts_are_left_out_of_every_set(desk: Any, lake: Lake) -> None:
    good, bad = desk.texts("good", 240, 1), desk.texts("bad", 240, 2)
    leak = {"text": f"{FILLER} {ITEM.lower()} {FILLER}", "language": "en", "group": "leak"}
    sets = {
        "positive": [desk.write("good", [*good, leak, bad[0]])], "negative": [desk.write("bad", bad)],
        "reference": [desk.write("crawl", [*good, leak, *desk.texts("good", 50, 9)])],
        "evaluation": [desk.write("exam", [{"text": ITEM}])],
    }  # fmt: skip
    card = train(lake, desk.recipe("prose", kind="classifier", **sets))[1].card
    taught = int((folds([r["group"] for r in good]) == "train").sum())
    assert card["left_out"]["positive"] == {"in_evaluation": 1, "in_another_set": 1}
    assert card["left_out"]["negative"] == {"in_evaluation": 0, "in_another_set": 1}
    assert card["left_out"]["reference"] == {"in_evaluation": 1, "in_another_set": taught}
    assert card["texts"]["reference"] == 290 - taught
    assert card["sources"]["evaluation"][0]["name"] == "exam"


@pytest.mark.parametrize("kind", ["perplexity", "importance"])
def test_other_kinds_are_uncalibrated_without_labels_and_tested_with_them(desk: Any, lake: Lake, kind: str) -> None:
    good, more = desk.write("good", desk.texts("good", 150, 1)), desk.write("more", desk.texts("bad", 150, 2))
    learned = {"text": [good]} if kind == "perplexity" else {"target": [good], "raw": [more]}
    place = desk.write("place", [*desk.texts("good", 40, 3), *desk.texts("bad", 40, 4)])
    bare = train(lake, desk.recipe("m", kind=kind, reference=[place], **learned))[1]
    assert bare.card["status"] == "uncalibrated"
    labels = {
        "positive": [desk.write("p", [*desk.texts("good", 60, 5), *desk.texts("good", 1, 1)])],
        "negative": [desk.write("n", desk.texts("bad", 60, 6))],
    }  # fmt: skip
    digest, model = train(lake, desk.recipe("m", kind=kind, reference=[place], **learned, **labels))
    assert model.card["status"] == "calibrated"
    assert model.card["test"]["en"]["auc"] > 0.9
    assert sum(c.get("in_another_set", 0) for c in model.card["left_out"].values()) == 1, "a test text is not learned"
    rows = [desk.texts("good", 1, 7)[0]["text"], desk.texts("bad", 1, 8)[0]["text"], "字", ""]
    ids, spoken = pa.array(range(4), pa.int64()), ["en", "en", "zh", "en"]
    table = scored(load(lake, "m", digest), family("m", digest), ids, pa.array(rows), spoken, "A").to_pylist()
    assert table[0]["m_percentile"] > 50 > table[1]["m_percentile"], "greater is better for every kind"
    assert [r["m_bucket"] is None for r in table] == [r["m_score"] is None for r in table] == [False, False, True, True]


@pytest.fixture
def crawls(lake: Lake, tmp_path: Any) -> Lake:
    """A lake whose catalogue has the snapshots A and B."""
    (tmp_path / "a.warc").write_bytes(b"x")
    for month, name in enumerate("AB", 1):
        Catalogue(lake).add(name, date(2026, month, 1), [tmp_path / "a.warc"])
    return lake


def outside_file(desk: Any, **columns: Any) -> dict[str, str]:
    pq.write_table(pa.table(columns), desk.folder / "scores.parquet")
    return {"kind": "outside", "scores": "scores.parquet"}


def test_scores_of_an_outside_model_are_joined_by_snapshot_and_document(desk: Any, crawls: Lake) -> None:
    ids = list(range(0, 40, 2))
    keys = outside_file(desk, doc_id=ids + ids, score=[*map(float, ids), *[9.0] * 20], snapshot=["A"] * 20 + ["B"] * 20)
    digest, model = train(crawls, desk.recipe("edu", **keys))
    assert model.card["status"] == "uncalibrated"
    loaded = load(crawls, "edu", digest)
    asked = pa.array([38, 3, 0, 100], pa.int64())
    text = pa.array(["x"] * 4)
    found = {s: scored(loaded, family("edu", digest), asked, text, ["en"] * 4, s) for s in ("A", "B", "C")}
    assert found["A"].column("edu_score").to_pylist() == [38, None, 0, None]
    assert found["B"].column("edu_score").to_pylist() == [9, None, 9, None]
    assert found["C"].column("edu_score").null_count == 4
    assert found["A"].column("edu_percentile").to_pylist() == [pytest.approx(98.75), None, 1.25, None]


@pytest.mark.parametrize(("columns", "said"), [
    ({"doc_id": [1]}, "no column 'score'"),
    ({"doc_id": [1, 1], "score": [1.0, 2.0]}, "a document has two scores"),
    ({"doc_id": [1], "score": [float("nan")]}, "no finite number"),
    ({"doc_id": [None, 2], "score": [1.0, 2.0]}, "is null"),
    ({"doc_id": ["a"], "score": [1.0]}, "do not fit"),
    ({"doc_id": [1], "score": [1.0], "snapshot": ["A"]}, "give either a column"),
])  # fmt: skip
def test_a_file_that_cannot_be_joined_is_refused(desk: Any, crawls: Lake, columns: Any, said: str) -> None:
    with pytest.raises(OutsideError, match=said):
        train(crawls, desk.recipe("edu", snapshot="A", **outside_file(desk, **columns)))


def test_scores_that_fit_nothing_are_refused(desk: Any, crawls: Lake, tmp_path: Any) -> None:
    Catalogue(crawls).add("my-crawl", date(2026, 3, 1), [tmp_path / "a.warc"])
    none = outside_file(desk, doc_id=pa.array([], pa.int64()), score=pa.array([], pa.float64()))
    with pytest.raises(OutsideError, match=r"scores\.parquet has no row"):
        train(crawls, desk.recipe("edu", snapshot="A", **none))
    keys = outside_file(desk, doc_id=[1], score=[1.0])
    with pytest.raises(OutsideError, match=r"no snapshot 'my-crwal' \(did you mean 'my-crawl'\?\)"):
        train(crawls, desk.recipe("edu", snapshot="my-crwal", **keys))
    keys = outside_file(desk, doc_id=[1, 1], score=[1.0, 1.0], snapshot=["A", "\x1b[31mZ" + "z" * 500])
    with pytest.raises(OutsideError, match=r"no snapshot '\\x1b\[31mZz{55}'") as refused:
        train(crawls, desk.recipe("edu", **keys))
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(("keys", "said"), [
    ({"kind": "classifier"}, "needs the set 'positive'"),
    ({"kind": "perplexity", "text": 1, "reference": 1, "raw": 1}, "has no set 'raw'"),
    ({"kind": "perplexity", "text": 1, "reference": 1, "positive": 1}, "labels need both"),
    ({"kind": "perplexity", "text": 1, "reference": 1, "evaluation": 1}, "is an evaluation set"),
    ({"kind": "perplexity", "text": 1, "reference": 1, "evaluation": {"name": "exam", "limit": 5}},
     "'exam' is an evaluation set, which is sought whole"),
    ({"kind": "outside"}, "'scores' is the file"),
    ({"kind": "fasttext"}, "kind"),
])  # fmt: skip
def test_a_recipe_that_lacks_something_is_refused(desk: Any, keys: dict[str, Any], said: str) -> None:
    source = desk.write("good", desk.texts("good", 3, 1))
    with pytest.raises(SettingsError, match=said):
        desk.recipe("m", **{key: _filled(source, value) for key, value in keys.items()})


def _filled(source: dict[str, str], value: Any) -> Any:
    return [source] if value == 1 else [source | value] if isinstance(value, dict) else value


def test_sources_that_cannot_be_read_are_named(desk: Any, lake: Lake) -> None:
    good = desk.write("good", desk.texts("good", 30, 1))
    with pytest.raises(SettingsError, match=r"there is no file .*nowhere\.jsonl"):
        desk.recipe("m", kind="perplexity", text=[{"name": "x", "path": "nowhere.jsonl"}], reference=[good])
    with pytest.raises(SettingsError, match="either path or snapshot"):
        desk.recipe("m", kind="perplexity", text=[{"name": "x"}], reference=[good])
    bad = desk.write("bad", [{"txt": "no text"}])
    with pytest.raises(SourceError, match=r"source 'bad': .* line 1 is no object with a 'text'"):
        train(lake, desk.recipe("m", kind="perplexity", text=[bad], reference=[good]))
    crawl = {"name": "crawl", "snapshot": "A"}
    with pytest.raises(SourceError, match="snapshot 'A' has no documents"):
        train(lake, desk.recipe("m", kind="perplexity", text=[crawl], reference=[good]))


def test_a_limit_takes_texts_evenly(desk: Any, lake: Lake) -> None:
    assert spaced(10, 20).tolist() == list(range(10))
    assert spaced(10, 4).tolist() == [0, 2, 5, 7]
    assert spaced(0, 4).tolist() == []
    source = {**desk.write("good", desk.texts("good", 100, 1)), "limit": 60}
    card = train(lake, desk.recipe("m", kind="perplexity", text=[source], reference=[source]))[1].card
    assert card["sources"]["text"][0]["documents"] == 60
    assert np.isin(["file", "sha256"], list(card["sources"]["text"][0])).all()


def test_an_evaluation_set_is_sought_whole(desk: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LIMIT", 60)
    items = [f"question {ITEM} number" if n == 1 else f"item {n} of no page" for n in range(200)]
    leak = {"text": f"{FILLER} {ITEM} {FILLER}", "language": "en", "group": "leak"}
    sets = {
        "text": [desk.write("good", [*desk.texts("good", 50, 1), leak])],
        "reference": [desk.write("crawl", desk.texts("good", 100, 2))],
        "evaluation": [desk.write("exam", [{"text": item, "language": "en"} for item in items])],
    }
    card = train(lake, desk.recipe("m", kind="perplexity", **sets))[1].card
    taken = {role: sources[0]["documents"] for role, sources in card["sources"].items()}
    assert taken == {"text": 51, "reference": 60, "evaluation": 200}
    assert 1 not in spaced(200, 60), "the item would have been passed over"
    assert card["left_out"]["text"] == {"in_evaluation": 1}
