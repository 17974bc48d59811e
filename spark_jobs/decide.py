"""decide: a policy over signals and clusters; keys and numbers alone, so a changed threshold costs seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.lake import Account, FileEntry, Lake, sha256_json
from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.policy import Policy, first_rule, load_policy
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.survivors import Removal, removals

NAME, VERSION = "decide", 2
DUPLICATES = ("exact_duplicate", "near_duplicate")
INPUTS = ("heuristics", "language", "duplicates")
SMALL_ROWS = 5_000_000
"""Below this many documents one process decides sooner than Spark starts."""

Signals = Mapping[str, FileEntry]
"""family -> its file for one unit"""


def run(context: StageContext) -> Attempt:
    """The whole stage: rules per file, then clusters by keys, then decisions per file."""
    policy = load_policy(context.profile.policy)
    lake = context.lake
    families = {name: lake.manifest(context.inputs[name]) for name in ("heuristics", "language")}
    files = [
        {name: manifest.file(entry.unit) for name, manifest in families.items()}
        for entry in families["heuristics"].files
    ]
    with context.attempt(NAME, policy) as attempt:
        removed = resolve(context, policy, files)
        stage = Stage(NAME, VERSION, ("decisions",), policy, compute)
        clusters = lake.read(context.inputs["duplicates"], ["doc_id", "cluster_id", "cluster_size"])
        units = [_unit(signals, removed, clusters) for signals in files]
        rows = families["heuristics"].rows
        manifest = run_stage(lake, stage, units, context.tasks, attempt, expected_in=rows)["decisions"]
        account = manifest.account or Account(0, 0)
        attempt.summary.update({"documents": rows, "kept": account.out, "removed": dict(account.removed)})
    return attempt


def resolve(context: StageContext, policy: Policy, files: Sequence[Signals]) -> dict[int, Removal]:
    """Removals among clustered documents: which pass the rules, in which order, and who stays."""
    lake = context.lake
    duplicates = lake.read(context.inputs["duplicates"])
    members = duplicates.column("doc_id").combine_chunks()
    order: dict[int, tuple[float, ...]] = {}
    for part in context.tasks(lambda signals: _survivor_keys(lake, signals, policy, members), files):
        order.update(part)
    return removals(duplicates, order, policy.duplicates)


def _survivor_keys(lake: Lake, files: Signals, policy: Policy, members: pa.Array) -> dict[int, tuple[float, ...]]:
    """Sort keys of one file's clustered documents that pass every rule."""
    table = read_signals(lake, files)
    table = table.filter(pc.is_in(table.column("doc_id"), members))
    table = table.filter(pa.array(first_rule(policy, table).rule < 0))
    column = {"longest": "bytes", "surest_language": "score"}
    keys = np.stack([-table.column(column[name]).to_numpy().astype(np.float64) for name in policy.survivor], axis=1)
    return dict(zip(table.column("doc_id").to_pylist(), map(tuple, keys.tolist()), strict=True))


def _unit(signals: Signals, removed: Mapping[int, Removal], clusters: pa.Table) -> Unit:
    """A file's unit: what its decisions depend on beyond its signals is in the recipe as one digest."""
    index = int(signals["heuristics"].unit)
    own = clusters.filter(pc.equal(pc.shift_right(clusters.column("doc_id"), OFFSET_BITS), index))
    mine = {d: removed[d] for d in own.column("doc_id").to_pylist() if d in removed}
    digest = sha256_json([[d, r.duplicate_of, r.jaccard, r.exact] for d, r in mine.items()] + own.to_pylist())
    inputs = {name: entry.sha256 for name, entry in signals.items()}
    payload = {"signals": signals, "removed": mine, "clusters": own}
    return Unit(signals["heuristics"].unit, {**inputs, "clusters": digest}, payload, signals["heuristics"].bytes)


def read_signals(lake: Lake, files: Signals) -> pa.Table:
    """The columns of all families of one unit, side by side; both are sorted by doc_id."""
    table = lake.read_file(files["heuristics"])
    for name, column in zip(("language", "score"), lake.read_file(files["language"]).columns[1:], strict=True):
        table = table.append_column(name, column)
    return table


def compute(lake: Lake, unit: Unit, policy: Policy) -> UnitOutput:
    """The decisions of one file."""
    signals = read_signals(lake, unit.payload["signals"])
    fired = first_rule(policy, signals)
    names = [rule.name for rule in policy.rules]
    reason: list[str | None] = [names[rule] if rule >= 0 else None for rule in fired.rule]
    value, threshold = fired.value, fired.threshold
    duplicate_of: list[int | None] = [None] * len(reason)
    for row, doc_id in enumerate(signals.column("doc_id").to_pylist()):
        removal: Removal | None = unit.payload["removed"].get(doc_id)
        if removal is not None:
            reason[row] = DUPLICATES[0] if removal.exact else DUPLICATES[1]
            duplicate_of[row], value[row] = removal.duplicate_of, round(removal.jaccard, 6)
            threshold[row] = 1.0 if removal.exact else policy.duplicates.min_jaccard
    kept = np.array([r is None for r in reason], bool)
    cluster_id, cluster_size = _cluster_columns(signals.column("doc_id"), unit.payload["clusters"])
    columns = [
        signals.column("doc_id"), pa.array(kept), pa.array(reason, pa.string()), pa.array(value, mask=kept),
        pa.array(threshold, mask=kept), pa.array(duplicate_of, pa.int64()), cluster_id, cluster_size,
    ]  # fmt: skip
    # A rule that never fires is in the account too, with 0.
    counts = dict.fromkeys([*names, *DUPLICATES], 0)
    for name in reason:
        if name is not None:
            counts[name] += 1
    table = pa.table(columns, names=SCHEMAS["decisions"].names)
    return UnitOutput({"decisions": table}, {"decisions": Account(len(reason), int(kept.sum()), counts)})


def _cluster_columns(doc_id: pa.ChunkedArray, clusters: pa.Table) -> tuple[pa.Array, pa.Array]:
    at = pc.index_in(doc_id, clusters.column("doc_id"))
    size = pc.fill_null(clusters.column("cluster_size").take(at), 1)
    return clusters.column("cluster_id").take(at), size


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(
        NAME, "Apply the policy to a snapshot's signals and clusters.", INPUTS, run, argv,
        small=lambda lake, inputs: lake.manifest(inputs["heuristics"]).rows < SMALL_ROWS,
    )  # fmt: skip


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.decide import main as importable_main

    run_main(importable_main)
