"""The deduplication audit sees each way in which the wrong documents leave, and is silent when the right ones do."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gristmill.lake import FileEntry, Lake, LakeError
from gristmill.process import GateBlocked
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.storage import PosixStorage
from quality import audit_sample, gate
from quality.audit import EXACT, NEAR, SAMPLE, URL, Audit, audit, removals
from quality.audit_sample import sample, values_of
from quality.audit_twins import NEIGHBOURS

Mills = Callable[..., Any]

FILES, ROWS, WRONG_IN = 3, 24, 1000
VOCABULARY = [f"{a}{b}{c}" for a in "bdfgklmn" for b in "aeiou" for c in ("", "ra", "st", "ngen", "lo", "mination")]


@dataclass
class Snapshot:
    """Documents and what was decided of them. `removed`: doc_id -> (kept document, reason); `rows`: odd decisions."""

    texts: dict[int, str]
    removed: dict[int, tuple[int, str]] = field(default_factory=dict)
    cluster: dict[int, int] = field(default_factory=dict)
    other_reasons: set[int] = field(default_factory=set)
    hosts: dict[int, str] = field(default_factory=dict)
    addresses: dict[int, str] = field(default_factory=dict)

    @property
    def kept(self) -> list[int]:
        return [d for d in self.texts if d not in self.removed and d not in self.other_reasons]

    def remove(self, doc_id: int, other: int, reason: str) -> None:
        self.removed[doc_id] = (other, reason)
        self.cluster |= {doc_id: other, other: other}

    def decisions(self) -> list[dict[str, Any]]:
        return [
            {"doc_id": d, "kept": d not in self.removed and d not in self.other_reasons,
             "reason": self.removed[d][1] if d in self.removed else "too_short" if d in self.other_reasons else None,
             "threshold": {URL: 1.0, EXACT: 1.0, NEAR: 0.8}.get(self.removed.get(d, (0, ""))[1]),
             "duplicate_of": self.removed.get(d, (None,))[0]}
            for d in sorted(self.texts)
        ]  # fmt: skip

    def published(self, folder: Path, decisions: list[dict[str, Any]] | None = None) -> tuple[Lake, dict[str, str]]:
        lake = Lake(PosixStorage(folder))
        documents = [
            {"doc_id": d, "text": t, "host": self.hosts.get(d, "h"), "canonical_url": self.addresses.get(d)}
            for d, t in sorted(self.texts.items())
        ]
        figures = [{"doc_id": d, **figures_of(text)} for d, text in sorted(self.texts.items())]
        duplicates = [{"doc_id": d, "cluster_id": c, "cluster_size": 2} for d, c in sorted(self.cluster.items())]
        rows = {"documents": documents, "heuristics": figures, "duplicates": duplicates,
                "decisions": decisions or self.decisions()}  # fmt: skip
        return lake, {name: lake.publish(name, files_of(lake, name, found), {}).digest for name, found in rows.items()}

    def audited(self, folder: Path, decisions: list[dict[str, Any]] | None = None, seed: int = 1) -> Audit:
        return audit(*self.published(folder, decisions), seed=seed)


def files_of(lake: Lake, dataset: str, rows: list[dict[str, Any]]) -> list[FileEntry]:
    units: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        units.setdefault(f"{row['doc_id'] >> OFFSET_BITS:06d}", []).append(row)
    return [lake.write_table(dataset, u, pa.Table.from_pylist(r, schema=SCHEMAS[dataset])) for u, r in units.items()]


def figures_of(text: str) -> dict[str, Any]:
    visible, words = max(1, sum(not c.isspace() for c in text)), text.split() or [""]
    return {
        "bytes": len(text.encode()), "chars": len(text), "mean_word_chars": sum(map(len, words)) / len(words),
        "alpha_char_share": sum(c.isalpha() for c in text) / visible,
        "digit_char_share": sum(c.isdigit() for c in text) / visible,
        "space_char_share": text.count(" ") / max(1, len(text)),
    }  # fmt: skip


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(VOCABULARY, k=words))


def edited(text: str, at: int) -> str:
    """One word replaced: 5 shingles change, so of 60 words 51 / 61 = 0.836 stays."""
    words = text.split()
    return " ".join([*words[:at], "replaced", *words[at + 1 :]])


def sound(seed: int) -> Snapshot:
    """Documents at the same offsets of each file: a third stays, a third left as near and a third as exact copies."""
    rng = random.Random(seed)
    ids = [file << OFFSET_BITS | 100 * row for file in range(FILES) for row in range(ROWS)]
    rng.shuffle(ids)
    third = len(ids) // 3
    made = Snapshot({})
    for kept, near, exact in zip(ids[:third], ids[third : 2 * third], ids[2 * third :], strict=True):
        made.texts[kept] = prose(rng, rng.randrange(60, 120)) + f" and 3.{kept % 7}"
        made.texts[near] = edited(made.texts[kept], rng.randrange(10, 50))
        made.texts[exact] = made.texts[kept].upper().replace(" ", " - ", 3)
        made.remove(near, kept, NEAR)
        made.remove(exact, kept, EXACT)
        made.hosts |= {kept: f"h{kept % 5}", near: "h0", exact: "h1"}
    for number in range(4):
        short = (number % FILES) << OFFSET_BITS | 100 * (ROWS + number) + 7
        made.texts[short] = f"page {number}"
    return made


def wrong(found: Audit) -> set[int]:
    return {removal.doc_id for removal in found.removals if removal.wrong}


@pytest.mark.parametrize("seed", range(30))
def test_a_right_result_raises_no_alarm(seed: int, tmp_path: Path) -> None:
    snapshot = sound(seed)
    found = snapshot.audited(tmp_path, seed=seed)
    assert {r.doc_id for r in found.removals} == set(snapshot.removed)
    assert wrong(found) == set()
    assert not found.twins.unflagged
    assert not found.twins.flagged
    assert (found.missing_ids, found.below_threshold) == (0, 0)
    assert found.lowest_similarity is not None
    assert 0.8 < found.lowest_similarity < 0.95
    assert found.twins.sampled == len(snapshot.kept)


def test_ids_that_are_off_by_one_are_seen(tmp_path: Path) -> None:
    snapshot = sound(1)
    ids = sorted(snapshot.texts)
    after = dict(zip(ids, [*ids[1:], ids[0]], strict=True))
    for doc_id, (other, reason) in list(snapshot.removed.items()):
        snapshot.removed[doc_id] = (after[other], reason)
    assert wrong(snapshot.audited(tmp_path)) == set(snapshot.removed)


def test_two_files_whose_texts_changed_places_are_seen(tmp_path: Path) -> None:
    """All pairs with one of their documents but those of two documents that changed places with each other."""
    snapshot = sound(2)
    first, second = ([d for d in sorted(snapshot.texts) if d >> OFFSET_BITS == file][:ROWS] for file in (0, 1))
    place = {**dict(zip(first, second, strict=True)), **dict(zip(second, first, strict=True))}
    snapshot.texts |= {d: snapshot.texts[other] for d, other in place.items()}
    found = snapshot.audited(tmp_path)
    pairs = {d: other for d, (other, _) in snapshot.removed.items() if place.get(d) != other}
    assert wrong(found) == {d for d, other in pairs.items() if d in place or other in place}
    assert len(wrong(found)) > ROWS


def test_unrelated_documents_that_were_removed_as_near_duplicates_are_seen(tmp_path: Path) -> None:
    snapshot = sound(3)
    victims = snapshot.kept[:2]
    for victim in victims:
        snapshot.remove(victim, snapshot.kept[-1], NEAR)
    targets = {d for d, (other, _) in snapshot.removed.items() if other in victims}
    assert wrong(snapshot.audited(tmp_path)) == {*victims, *targets}


@pytest.mark.parametrize("reason", [EXACT, NEAR])
def test_a_page_that_shares_less_than_the_threshold_is_seen(reason: str, tmp_path: Path) -> None:
    rng = random.Random(4)
    shared = prose(rng, 40)
    snapshot = Snapshot({0: shared + " " + prose(rng, 20), 100: shared + " " + prose(rng, 20)})
    snapshot.remove(100, 0, reason)
    found = snapshot.audited(tmp_path)
    assert wrong(found) == {100}
    assert 0.3 < found.removals[0].similarity < 0.7


@pytest.mark.parametrize(("opinion", "value"), [("alike", 0.72), ("estimated", 0.5)])
def test_exact_similarity_and_datasketch_must_agree_to_a_removal(
    opinion: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = sound(12)
    monkeypatch.setattr(f"quality.audit.{opinion}", lambda left, right: value)
    assert wrong(snapshot.audited(tmp_path)) == {d for d, (_, reason) in snapshot.removed.items() if reason == NEAR}


def test_a_pair_that_an_estimate_may_have_taken_for_a_duplicate_is_counted_and_not_accused(tmp_path: Path) -> None:
    text = prose(random.Random(5), 46)
    snapshot = Snapshot({0: text, 100: edited(text, 20)})
    snapshot.remove(100, 0, NEAR)
    found = snapshot.audited(tmp_path)
    assert found.lowest_similarity == pytest.approx(37 / 47)
    assert (wrong(found), found.below_threshold) == (set(), 1)


def test_exact_duplicates_differ_in_no_word_and_no_number(tmp_path: Path) -> None:
    texts = ["Total: 3.14 EUR, né", "total 3.14 eur ne!", "total 31.4 eur ne", "total 3.14 eur", "…", "..."]
    snapshot = Snapshot({100 * i: text for i, text in enumerate(texts)})
    for doc_id in (100, 200, 300):
        snapshot.remove(doc_id, 0, EXACT)
    snapshot.remove(500, 400, EXACT)
    assert wrong(snapshot.audited(tmp_path)) == {200, 300, 500}


def test_a_capture_leaves_for_another_of_its_address_alone(tmp_path: Path) -> None:
    rng = random.Random(13)
    snapshot = Snapshot({100 * i: prose(rng, 80) for i in range(9)})
    snapshot.addresses = {100 * i: f"https://one.example/{'aaaabb'[i]}" for i in range(6)}
    snapshot.texts[200] = edited(snapshot.texts[800], 40)
    for doc_id, other, reason in (
        (100, 0, URL), (200, 800, NEAR), (300, 800, URL), (400, 800, URL), (500, 0, URL), (600, 700, URL),
    ):  # fmt: skip
        snapshot.remove(doc_id, other, reason)
    assert wrong(snapshot.audited(tmp_path / "kept")) == {300, 400, 500, 600}
    snapshot.other_reasons.add(0)
    assert wrong(snapshot.audited(tmp_path / "gone")) == {100, 300, 400, 500, 600}


def test_a_removed_document_whose_target_is_removed_itself_is_seen(tmp_path: Path) -> None:
    snapshot = sound(6)
    targets = sorted({other for other, _ in snapshot.removed.values()})[:2]
    snapshot.other_reasons.add(targets[0])
    snapshot.removed[targets[1]] = next(pair for pair in snapshot.removed.values() if pair[0] not in targets)
    left = {d for d, (other, _) in snapshot.removed.items() if other in targets}
    assert wrong(snapshot.audited(tmp_path)) == {*left, targets[1]}


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda rows: rows.pop(3), 1),
        (lambda rows: rows.append({**rows[-1], "doc_id": rows[-1]["doc_id"] + 1}), 1),
        (lambda rows: rows.append(dict(rows[5])), 1),
        (lambda rows: rows[4].update(kept=True, reason="too_short"), 1),
        (lambda rows: rows[4].update(kept=False, reason=None), 1),
        (lambda rows: rows[0].update(doc_id=rows[0]["doc_id"] + 1), 2),
        (lambda rows: rows.append({**rows[-1], "doc_id": 9 << OFFSET_BITS}), 1),
    ],
    ids=["lost", "invented", "twice", "kept and removed", "neither", "another", "of no file"],
)
def test_an_id_that_is_lost_or_invented_is_seen_though_counts_may_agree(
    change: Callable[[list[dict[str, Any]]], None], missing: int, tmp_path: Path
) -> None:
    snapshot = sound(7)
    rows = snapshot.decisions()
    change(rows)
    assert snapshot.audited(tmp_path, rows).missing_ids == missing


def test_a_removal_for_nothing_for_itself_and_for_a_document_that_does_not_exist_is_wrong(tmp_path: Path) -> None:
    snapshot = sound(8)
    rows = [row for row in snapshot.decisions() if row["reason"] == NEAR][:3]
    all_rows = snapshot.decisions()
    targets = {rows[0]["doc_id"]: None, rows[1]["doc_id"]: rows[1]["doc_id"], rows[2]["doc_id"]: 5 << OFFSET_BITS}
    for row in all_rows:
        row["duplicate_of"] = targets.get(row["doc_id"], row["duplicate_of"])
    assert wrong(snapshot.audited(tmp_path, all_rows)) == set(targets)


def test_one_wrong_removal_in_a_thousand_is_seen_in_nearly_all_seeds(tmp_path: Path) -> None:
    """10 of 10,000: a sample of 2,995 misses them all with probability 0.7005^10 = 0.03."""
    size = 10_000
    snapshot = Snapshot({2 * i: f"text {i // 2}" for i in range(2 * size)})
    for i in range(size):
        other = 4 * i if i % WRONG_IN else (4 * i + 400) % (4 * size)
        snapshot.remove(4 * i + 2, other, EXACT)
    lake, digests = snapshot.published(tmp_path)
    documents, decisions = lake.manifest(digests["documents"]), lake.read(digests["decisions"])
    kept = np.array(sorted(snapshot.kept))
    seen = 0
    for seed in range(40):
        found = list(removals(lake, documents, decisions, kept, seed))
        accused = {r.doc_id for r in found if r.wrong}
        assert len(found) == SAMPLE
        assert all((d - 2) // 4 % WRONG_IN == 0 for d in accused)
        seen += bool(accused)
    assert seen >= 0.95 * 40


@pytest.mark.parametrize(
    ("twin", "far"),
    [
        (lambda text: text, False),
        (lambda text: text.replace(" ", ", ", 2), True),
        (lambda text: text + " appended", True),
        (lambda text: " ".join(text.split()[1:]), False),
        (lambda text: text.replace("3.1", "3.9"), False),
    ],
    ids=["equal", "punctuation", "longer", "shorter", "number"],
)
def test_a_kept_twin_that_no_cluster_joins_is_seen(twin: Callable[[str], str], far: bool, tmp_path: Path) -> None:
    """On the same host or another, in the same file or another."""
    snapshot = sound(9)
    original = next(d for d in snapshot.kept if "3.1" in snapshot.texts[d])
    copy = (2 << OFFSET_BITS if far else original >> OFFSET_BITS << OFFSET_BITS) | 5001
    snapshot.texts[copy] = twin(snapshot.texts[original])
    snapshot.hosts[copy] = "elsewhere.example" if far else snapshot.hosts[original]
    found = snapshot.audited(tmp_path / "unflagged")
    assert set(found.twins.unflagged) == {(min(original, copy), max(original, copy))}
    assert min(found.twins.unflagged.values()) >= 0.95
    assert not found.twins.flagged
    snapshot.cluster |= {original: original, copy: original}
    found = snapshot.audited(tmp_path / "flagged")
    assert not found.twins.unflagged
    assert len(found.twins.flagged) == 1


def test_documents_that_are_merely_alike_are_no_twins(tmp_path: Path) -> None:
    """Jaccard 0.84 may well be overlooked by the bands, and short texts differ though they share their only words."""
    rng = random.Random(10)
    text = prose(rng, 60)
    texts = {0: text, 100: edited(text, 30), 200: "home contact", 300: "contact home", 400: "", 500: "-"}
    assert not Snapshot(texts).audited(tmp_path).twins.unflagged


def test_more_copies_than_neighbours_are_seen_whole(tmp_path: Path) -> None:
    copies = {100 * i: "home contact help search terms and privacy" for i in range(4 * NEIGHBOURS)}
    found = Snapshot(copies).audited(tmp_path)
    assert {d for pair in found.twins.unflagged for d in pair} == set(copies)


def test_an_unmeasured_document_is_no_obstacle(tmp_path: Path) -> None:
    snapshot = sound(11)
    lake, digests = snapshot.published(tmp_path)
    heuristics = lake.read(digests["heuristics"]).slice(1).to_pylist()
    digests["heuristics"] = lake.publish("heuristics", files_of(lake, "heuristics", heuristics), {}).digest
    assert not audit(lake, digests).twins.unflagged


def test_samples_depend_on_seed_and_ids_alone() -> None:
    ids = np.random.default_rng(1).choice(1 << 50, 5000, replace=False)
    picked = {seed: set(ids[sample(ids, 500, seed)].tolist()) for seed in range(8)}
    assert picked[3] == set(ids[::-1][sample(ids[::-1], 500, 3)].tolist())
    few = ids[np.isin(ids, [*picked[3], *ids[:900]])]
    assert picked[3] == set(few[sample(few, 500, 3)].tolist()), "the others do not matter"
    assert all(len(chosen) == 500 for chosen in picked.values())
    shared = [len(picked[a] & picked[b]) for a in picked for b in picked if a < b]
    assert 30 < np.mean(shared) < 70
    assert sorted(sample(ids[:7], 500, 0).tolist()) == list(range(7))


def test_only_the_row_groups_that_hold_a_document_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(PosixStorage(tmp_path))
    entries = []
    for unit in range(3):
        rows = [{"doc_id": unit << OFFSET_BITS | i, "text": f"{i}"} for i in range(2 * 16_384)]
        entries.append(lake.write_table("documents", f"{unit:06d}", pa.Table.from_pylist(rows, SCHEMAS["documents"])))
    manifest = lake.publish("documents", entries, {})
    read: list[int] = []
    whole = audit_sample.pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        audit_sample.pq.ParquetFile, "read_row_group", lambda self, i, *a: read.append(i) or whole(self, i, *a)
    )
    wanted = np.array([5, 2 << OFFSET_BITS | 20_000, 2 << OFFSET_BITS | 99_999, 7 << OFFSET_BITS])
    lake.path(manifest.files[1]).unlink()
    assert values_of(lake, manifest, wanted) == {5: "5", 2 << OFFSET_BITS | 20_000: "20000"}
    assert read == [0, 1]
    with pytest.raises(LakeError, match="gristmill verify"):
        values_of(lake, manifest, np.array([1 << OFFSET_BITS]))


def test_an_overlooked_twin_blocks_the_gate_and_is_named(mills: Mills) -> None:
    text = "zweiter text " * 30
    mill = mills({"e": ("https://two.example/e", "E", text, "de", None, None, None)})
    totals = mill.measure()
    assert (totals["audit.unflagged_twins"], totals["audit.kept_twins"], totals["audit.sampled"]) == (1, 0, 2)
    rows = mill.lake.read(mill.digests["metrics"]).to_pylist()
    named = [r["key"] for r in rows if (r["metric"], r["scope"]) == ("unflagged_twins", "pair")]
    assert named == [f"{1 << 40 | 200} {1 << 40 | 400}"]
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    with pytest.raises(GateBlocked, match="twins overlooked"):
        gate.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--kind=snapshot", *inputs])


def test_known_twins_are_no_fault_where_the_policy_removes_no_duplicates(mills: Mills) -> None:
    mill = mills()
    mill.edit("decisions", lambda row: row.update(kept=True, reason=None, duplicate_of=None))
    totals = mill.measure()
    assert totals["audit.kept_twins"] is None
    assert (totals["audit.unflagged_twins"], totals["audit.missing_ids"], totals["audit.lowest_similarity"]) == (
        0, 0, None,
    )  # fmt: skip
