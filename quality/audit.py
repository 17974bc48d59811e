"""The deduplication audit: were the right documents removed, were none overlooked, is every id accounted for?

Written against the documents' text, apart from the kernels and stages that it checks, and run on every snapshot.

Power: if one in a thousand removals is wrong, n sampled ones hold a wrong one with probability 1 - 0.999^n, which is
95 percent at n = ln 0.05 / ln 0.999 = 2,995. That many are sampled of each kind of removal, all where there are fewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Lake, Manifest
from quality.audit_sample import Ids, sample, values_of
from quality.audit_text import PERMUTATIONS, alike, estimated, same
from quality.audit_twins import TWIN, Twins, kept_twins

SAMPLE = 2995
SEED = 0x6D696C6C
URL, EXACT, NEAR = "url_duplicate", "exact_duplicate", "near_duplicate"

MARGIN = 0.07
"""How far below the threshold a removed pair may lie. Verification takes an estimate over 112 hashes for the
similarity where it is above 0.95, or 3 standard errors above the least that is recorded; a pair 0.07 below one of
0.8 passes so with a probability below 5e-7. Pairs between are no faults, but they are counted."""

ERRORS = 6
"""Standard errors that datasketch's estimate may lie below what exact Jaccard must reach: it is a second opinion, and
accuses a pair that is alike enough once in ten million times."""


@dataclass(frozen=True)
class Removal:
    """A sampled removal: similarity to the kept document, 0 where there is none with a text; 1 for the same address.

    `below`: less alike than the policy's threshold, if by less than MARGIN perhaps no fault.
    """

    doc_id: int
    duplicate_of: int | None
    reason: str
    similarity: float
    below: bool
    wrong: bool


@dataclass(frozen=True)
class Audit:
    """What was found; `missing_ids` of all documents, the others of seeded samples."""

    removals: list[Removal]
    twins: Twins
    missing_ids: int

    @property
    def near(self) -> int:
        """Near duplicates that were sampled."""
        return sum(removal.reason == NEAR for removal in self.removals)

    @property
    def below_threshold(self) -> float | None:
        """Share of the sampled near duplicates that are less alike than the threshold; None without any."""
        below = sum(removal.below for removal in self.removals if removal.reason == NEAR)
        return below / self.near if self.near else None

    @property
    def lowest_similarity(self) -> float | None:
        """Of all sampled removals."""
        return min((removal.similarity for removal in self.removals), default=None)


def audit(lake: Lake, digests: Mapping[str, str], seed: int = SEED) -> Audit:
    """Audit a snapshot's `documents`, `duplicates`, `decisions` and `heuristics`, given by digest.

    Memory and time follow the sample: at most 4 x 2,995 texts of removals and 11,000 of kept documents are read, apart
    from columns of ids, numbers and addresses.
    """
    documents = lake.manifest(digests["documents"])
    decisions = lake.read(digests["decisions"], ["doc_id", "kept", "reason", "threshold", "duplicate_of"])
    kept = np.unique(decisions.filter(decisions.column("kept")).column("doc_id").to_numpy())
    found = [
        *removals(lake, documents, decisions, kept, seed), *captures_removed(lake, documents, decisions, kept, seed)
    ]  # fmt: skip
    near = decisions.filter(pc.equal(decisions.column("reason"), NEAR)).column("threshold")
    least = max(TWIN, pc.max(near).as_py() or TWIN)
    return Audit(
        found,
        kept_twins(lake, digests, kept, least, seed),
        missing_ids(lake.read(digests["documents"], ["doc_id"]).column("doc_id").to_numpy(), decisions),
    )


def missing_ids(documents: Ids, decisions: pa.Table) -> int:
    """Ids that are in `documents` and not once among kept and removed, or the other way round."""
    removed = decisions.filter(pc.is_valid(decisions.column("reason"))).column("doc_id").to_numpy()
    kept = decisions.filter(decisions.column("kept")).column("doc_id").to_numpy()
    decided, times = np.unique(np.concatenate([removed, kept]), return_counts=True)
    return len(np.setxor1d(documents, decided)) + int((times > 1).sum())


def removals(lake: Lake, documents: Manifest, decisions: pa.Table, kept: Ids, seed: int) -> Iterator[Removal]:
    """The sampled removals, judged by the texts of both documents. `kept` is sorted."""
    parts = [_sampled(decisions, reason, seed) for reason in (EXACT, NEAR)]
    rows = [row for part in parts for row in part.to_pylist()]
    wanted = [i for row in rows for i in (row["doc_id"], row["duplicate_of"]) if i is not None]
    texts = values_of(lake, documents, np.array(wanted, np.int64))
    staying = set(np.intersect1d(kept, np.array(wanted, np.int64)).tolist())
    for row in rows:
        doc_id, other, threshold = row["doc_id"], row["duplicate_of"], row["threshold"]
        similarity, right = 0.0, False
        if doc_id in texts and other in texts and threshold is not None:
            judge = _judged_exact if row["reason"] == EXACT else _judged_near
            similarity, right = judge(texts[doc_id], texts[other], threshold)
        below = threshold is None or similarity < threshold
        yield Removal(doc_id, other, row["reason"], similarity, below, not (right and other in staying))


def captures_removed(lake: Lake, documents: Manifest, decisions: pa.Table, kept: Ids, seed: int) -> Iterator[Removal]:
    """The sampled removals by address: the kept document has the same canonical URL, and it is one."""
    sampled = _sampled(decisions, URL, seed)
    ids = [*sampled.column("doc_id").chunks, *sampled.column("duplicate_of").drop_null().chunks]
    wanted = pa.chunked_array(ids, pa.int64()).to_numpy()
    address = values_of(lake, documents, wanted, "canonical_url")
    staying = set(np.intersect1d(kept, wanted).tolist())
    for row in sampled.to_pylist():
        doc_id, other = row["doc_id"], row["duplicate_of"]
        right = "://" in address.get(doc_id, "") and address[doc_id] == address.get(other)
        yield Removal(doc_id, other, URL, float(right), not right, not (right and other in staying))


def _sampled(decisions: pa.Table, reason: str, seed: int) -> pa.Table:
    mine = decisions.filter(pc.equal(decisions.column("reason"), reason))
    return mine.take(sample(mine.column("doc_id").to_numpy(), SAMPLE, seed)).sort_by("doc_id")


def _judged_exact(left: str, right: str, _: float) -> tuple[float, bool]:
    """(similarity, whether the texts are the same)."""
    equal = same(left, right)
    return 1.0 if equal else alike(left, right), equal


def _judged_near(left: str, right: str, threshold: float) -> tuple[float, bool]:
    """(similarity, whether it justifies a removal, exactly and by datasketch)."""
    similarity, least = alike(left, right), max(0.0, threshold - MARGIN)
    estimate_least = least - ERRORS * math.sqrt(least * (1 - least) / PERMUTATIONS)
    return similarity, similarity >= least and estimated(left, right) >= estimate_least
