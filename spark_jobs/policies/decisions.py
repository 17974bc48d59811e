"""What a policy would do to a whole snapshot, held in memory: rules per file, then duplicates by keys.

Nothing is written. Per document it holds a few numbers and a bit per rule; signals are let go file by file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gristmill.lake import Lake
from spark_jobs.policies import inputs
from spark_jobs.policies.evaluate import Fired, Judgement, judge
from spark_jobs.policies.model import Policy
from spark_jobs.policies.registry import Registry
from spark_jobs.survivors import KINDS, Removal, removals

KEPT = "kept"
Order = dict[int, tuple[float, ...]]
_NO_KEYS = pa.schema([("doc_id", pa.int64()), ("bytes", pa.int32()), ("language", pa.string())]).empty_table()


@dataclass(frozen=True)
class Decisions:
    """The documents of a snapshot under one policy, in id order.

    `first`: rules, then KINDS of duplicates. `matrix`, `unmeasured`: as in Judgement, of rules alone.
    `bytes`: UTF-8 bytes of text. `duplicate_of`: duplicate -> the kept document.
    """

    policy: Policy
    doc_id: NDArray[np.int64]
    bytes: NDArray[np.int32]
    language: NDArray[np.object_]
    first: Fired
    matrix: NDArray[np.bool_]
    unmeasured: NDArray[np.int64]
    duplicate_of: dict[int, int] = field(default_factory=dict)

    @property
    def reasons(self) -> list[str]:
        """Names by the numbers in `first.rule`."""
        return [*self.policy.rule_names, *KINDS]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which documents stay."""
        return self.first.rule < 0

    def reason(self, row: int) -> str:
        """What became of one document: `kept`, a rule, or a kind of duplicate."""
        number = int(self.first.rule[row])
        return KEPT if number < 0 else self.reasons[number]


def decide_snapshot(lake: Lake, snapshot: str, policy: Policy, registry: Registry) -> Decisions:
    """Decide every document of a snapshot; raises MissingSignals, LakeError."""
    wanted = inputs.columns(policy, registry)
    found = inputs.manifests(lake, snapshot, policy, {**wanted, "duplicates": ("pairs",)})
    duplicates = lake.read(found["duplicates"].digest)
    members = duplicates.column("doc_id").combine_chunks()
    units = [entry.unit for entry in next(iter(found[family] for family in wanted)).files]
    tables, judgements, order = [], [], Order()
    for unit in units:
        signals = inputs.read_signals(lake, {family: found[family].file(unit) for family in wanted}, wanted)
        judgements.append(judge(policy, signals))
        order |= survivor_order(policy, signals, judgements[-1].first, members)
        tables.append(signals.select(_NO_KEYS.column_names).cast(_NO_KEYS.schema))
    made = _joined(policy, tables, judgements)
    _mark(made, removals(duplicates, order, policy.duplicates))
    return made


def survivor_order(policy: Policy, signals: pa.Table, first: Fired, members: pa.Array) -> Order:
    """Sort keys, least first, of the clustered documents of one file that pass every rule."""
    passed = pc.and_(pc.is_in(signals.column("doc_id"), members), pa.array(first.rule < 0))
    table = signals.filter(passed)
    names = [inputs.SURVIVOR_COLUMNS[each] for each in policy.survivor]
    keys = np.stack([-table.column(name).to_numpy().astype(np.float64) for name in names], axis=1)
    return dict(zip(table.column("doc_id").to_pylist(), map(tuple, keys.tolist()), strict=True))


def _joined(policy: Policy, tables: list[pa.Table], judgements: list[Judgement]) -> Decisions:
    rules = len(policy.rules)
    keys = pa.concat_tables([_NO_KEYS, *tables])
    first = [judgement.first for judgement in judgements]
    fired = Fired(
        np.concatenate([np.empty(0, np.int16), *(f.rule for f in first)]),
        np.concatenate([np.empty(0), *(f.value for f in first)]),
        np.concatenate([np.empty(0), *(f.threshold for f in first)]),
    )
    matrix = np.concatenate([np.empty((0, rules), np.bool_), *(j.matrix for j in judgements)])
    unmeasured = np.sum([np.zeros(rules, np.int64), *(j.unmeasured for j in judgements)], axis=0)
    doc_id, size, language = (keys.column(name).to_numpy() for name in _NO_KEYS.column_names)
    return Decisions(policy, doc_id, size, language, fired, matrix, unmeasured)


def _mark(made: Decisions, removed: dict[int, Removal]) -> None:
    """Enter the duplicates; documents are in id order."""
    rules = len(made.policy.rules)
    for doc_id, removal in removed.items():
        row = int(np.searchsorted(made.doc_id, doc_id))
        made.first.rule[row] = rules + KINDS.index(removal.kind)
        made.first.value[row] = round(removal.jaccard, 6)
        made.first.threshold[row] = removal.threshold(made.policy.duplicates)
        made.duplicate_of[doc_id] = removal.duplicate_of
