"""decide: a policy over signals and clusters; keys and numbers alone, so a changed threshold costs seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.catalogue import Catalogue
from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.lake import Account, FileEntry, Lake, sha256_json
from gristmill.ledger import Attempt
from gristmill.process import run_main, say
from gristmill.schemas import OFFSET_BITS, SCHEMAS
from gristmill.scores import ALL
from gristmill.settings import SettingsError
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs import deduplicate
from spark_jobs.annotate_config import registry_of
from spark_jobs.policies.decisions import Order, survivor_order
from spark_jobs.policies.evaluate import first_rule, judge
from spark_jobs.policies.history import firing_history, silent_rules
from spark_jobs.policies.inputs import Columns, columns, read_signals, stored_manifests
from spark_jobs.policies.loading import load_policy
from spark_jobs.policies.model import Policy
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.survivors import KINDS, Removal, removals

NAME, VERSION = "decide", 5
INPUTS = ("documents", *SIGNAL_FAMILIES, ALL, "duplicates")
SMALL_ROWS = 5_000_000
"""Below this many documents one process decides sooner than Spark starts."""

Signals = Mapping[str, FileEntry]
"""family -> its file for one unit"""


def run(context: StageContext) -> Attempt:
    """The whole stage: rules per file, then clusters by keys, then decisions per file."""
    registry = registry_of(context.profile)
    policy = load_policy(context.profile.policy, registry)
    _check_recorded(context, policy)
    lake = context.lake
    wanted = columns(policy, registry)
    families = stored_manifests(lake, context.scope, policy, wanted, context.inputs)
    files = [{n: m.file(entry.unit) for n, m in families.items()} for entry in families["language"].files]
    with context.attempt(NAME, policy) as attempt:
        removed = resolve(context, policy, wanted, files)
        stage = Stage(NAME, VERSION, ("decisions",), policy.deciding(), compute)
        clusters = lake.read(context.inputs["duplicates"], ["doc_id", "cluster_id", "cluster_size"]).sort_by("doc_id")
        units = [_unit(signals, wanted, removed, clusters) for signals in files]
        rows = families["language"].rows
        manifest = run_stage(lake, stage, units, context.tasks, attempt, expected_in=rows)["decisions"]
        account = manifest.account or Account(0, 0)
        attempt.summary.update({"documents": rows, "kept": account.out, "removed": dict(account.removed)})
        attempt.summary["silent_rules"] = _silent(context, policy, account)
    return attempt


def _check_recorded(context: StageContext, policy: Policy) -> None:
    """Raises SettingsError when the policy removes pairs that deduplicate does not record."""
    recorded = context.profile.stage(deduplicate.NAME, deduplicate.DeduplicateSettings).min_jaccard
    wanted = policy.duplicates.min_jaccard
    if policy.duplicates.remove and wanted < recorded:
        raise SettingsError(
            f"policy '{policy.name}' removes duplicates from a similarity of {wanted:g}, and pairs are recorded from "
            f"{recorded:g} on; set stages.deduplicate.min_jaccard to {wanted:g} in {context.profile.source}"
        )


def _silent(context: StageContext, policy: Policy, account: Account) -> list[str]:
    """A sentence per rule that never fired where history predicts that it should; the others are only said."""
    day = Catalogue(context.lake).dates()[context.scope]
    fired = {name: account.removed.get(name, 0) for name in policy.rule_names}
    silent = silent_rules(fired, account.records_in, firing_history(context.lake, day))
    for rule in silent:
        say(f"decide {context.scope}: {'warning: ' if rule.warning else ''}{rule}")
    return [str(rule) for rule in silent if rule.warning]


def resolve(context: StageContext, policy: Policy, wanted: Columns, files: Sequence[Signals]) -> dict[int, Removal]:
    """Removals among clustered documents: which pass the rules, in which order, and who stays."""
    lake = context.lake
    duplicates = lake.read(context.inputs["duplicates"])
    members = duplicates.column("doc_id").combine_chunks()
    order: Order = {}
    for part in context.tasks(lambda signals: _survivors(lake, signals, policy, wanted, members), files):
        order.update(part)
    return removals(duplicates, order, policy.duplicates)


def _survivors(lake: Lake, files: Signals, policy: Policy, wanted: Columns, members: pa.Array) -> Order:
    """Sort keys of one file's clustered documents that pass every rule."""
    table = read_signals(lake, files, wanted)
    table = table.filter(pc.is_in(table.column("doc_id"), members))
    return survivor_order(policy, table, first_rule(policy, table), members)


def _unit(signals: Signals, wanted: Columns, removed: Mapping[int, Removal], clusters: pa.Table) -> Unit:
    """A file's unit: what its decisions depend on beyond its signals is in the recipe as one digest."""
    first = signals["language"]
    bounds = [int(first.unit) << OFFSET_BITS, (int(first.unit) + 1) << OFFSET_BITS]
    low, high = np.searchsorted(clusters.column("doc_id").to_numpy(), bounds)
    own = clusters.slice(low, high - low)
    mine = {d: removed[d] for d in own.column("doc_id").to_pylist() if d in removed}
    digest = sha256_json([[d, r.duplicate_of, r.jaccard, r.kind] for d, r in mine.items()] + own.to_pylist())
    inputs = {name: entry.sha256 for name, entry in signals.items()}
    payload = {"signals": signals, "wanted": wanted, "removed": mine, "clusters": own}
    return Unit(first.unit, {**inputs, "clusters": digest}, payload, first.bytes)


def compute(lake: Lake, unit: Unit, policy: Policy) -> UnitOutput:
    """The decisions of one file."""
    signals = read_signals(lake, unit.payload["signals"], unit.payload["wanted"])
    judged = judge(policy, signals)
    names = policy.rule_names
    reason: list[str | None] = [names[rule] if rule >= 0 else None for rule in judged.first.rule]
    value, threshold = judged.first.value, judged.first.threshold
    duplicate_of: list[int | None] = [None] * len(reason)
    for row, doc_id in enumerate(signals.column("doc_id").to_pylist()):
        removal: Removal | None = unit.payload["removed"].get(doc_id)
        if removal is not None:
            reason[row] = removal.kind
            duplicate_of[row], value[row] = removal.duplicate_of, round(removal.jaccard, 6)
            threshold[row] = removal.threshold(policy.duplicates)
    kept = np.array([r is None for r in reason], bool)
    cluster_id, cluster_size = _cluster_columns(signals.column("doc_id"), unit.payload["clusters"])
    table = pa.table([
        signals.column("doc_id"), pa.array(kept), pa.array(reason, pa.string()), pa.array(value, mask=kept),
        pa.array(threshold, mask=kept), pa.array(duplicate_of, pa.int64()), cluster_id, cluster_size,
    ], names=SCHEMAS["decisions"].names)  # fmt: skip
    return UnitOutput({"decisions": table}, {"decisions": _account(policy, reason, judged.unmeasured.tolist())})


def _account(policy: Policy, reasons: Sequence[str | None], unmeasured: Sequence[int]) -> Account:
    """A rule that never fires is in the account too, with 0; `other` says where rules could not be measured."""
    removed = dict.fromkeys([*policy.rule_names, *KINDS], 0)
    for name in reasons:
        if name is not None:
            removed[name] += 1
    other = {f"not_measured:{n}": int(count) for n, count in zip(policy.rule_names, unmeasured, strict=True) if count}
    return Account(len(reasons), len(reasons) - sum(removed.values()), removed, other=other)


def _cluster_columns(doc_id: pa.ChunkedArray, clusters: pa.Table) -> tuple[pa.Array, pa.Array]:
    at = pc.index_in(doc_id, clusters.column("doc_id"))
    size = pc.fill_null(clusters.column("cluster_size").take(at), 1)
    return clusters.column("cluster_id").take(at), size


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(
        NAME, "Apply the policy to a snapshot's signals and clusters.", INPUTS, run, argv,
        small=lambda profile, lake, inputs: lake.manifest(inputs["language"]).rows < SMALL_ROWS,
    )  # fmt: skip


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.decide import main as importable_main

    run_main(importable_main)
