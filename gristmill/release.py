"""Releases: the one pointer per snapshot that says which digests are the snapshot.

A release is immutable; `releases/current/<snapshot>.json` is swapped to it once its verdict approves.
Everything that looks across snapshots reads releases only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from gristmill import ledger, verdicts
from gristmill.catalogue import Catalogue
from gristmill.datasets import MADE_BY
from gristmill.errors import UserError
from gristmill.lake import Lake, canonical_json, sha256_json
from gristmill.process import resolve_inputs, run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.scores import ALL, among

DATASETS = tuple(MADE_BY)
"""What a snapshot's release names; beside these, the scores that its documents were given."""


class ReleaseError(UserError):
    """The snapshot cannot be released; the message says what is missing."""


@dataclass(frozen=True)
class Release:
    """`digest` is the candidate digest that the verdict judged. `approval` is the answer of the reviewer who approved
    a verdict that warned (the fields of gristmill.approvals.Answer)."""

    snapshot: str
    partition_date: date
    digest: str
    datasets: Mapping[str, str]
    verdict: str
    released_at: str
    approval: Mapping[str, str] | None = None


def candidate_digest(datasets: Mapping[str, str]) -> str:
    """The subject that the snapshot gate judges: sha256 over {dataset: digest}."""
    return sha256_json(dict(datasets))


def judged(datasets: Mapping[str, str]) -> dict[str, str]:
    """What a gate judges and a release names of the outputs (name -> digest) of a run."""
    return {name: datasets[name] for name in DATASETS} | among(datasets)


def release(lake: Lake, snapshot: str, datasets: Mapping[str, str]) -> tuple[Release, bool]:
    """Release these digests for a snapshot; (release, True), or (the standing one, False) when unchanged.

    Raises:
        ReleaseError: a dataset of DATASETS is missing or of another kind, or another run released other ones
            meanwhile.
        NotApproved: the verdict on exactly these digests is absent or does not approve.
    """
    if missing := [name for name in DATASETS if name not in datasets]:
        raise ReleaseError(f"snapshot {snapshot}: no digest given for {', '.join(missing)}")
    named = judged(datasets)
    for name, digest in named.items():
        if (found := lake.manifest(digest).dataset) != name:
            raise ReleaseError(f"snapshot {snapshot}: {digest[:12]} is a {found} dataset, not {name}")
    subject = candidate_digest(named)
    verdict = verdicts.require_approved(lake, subject)
    day = Catalogue(lake).get(snapshot).partition_date
    key = _pointer(snapshot)
    before = lake.storage.get(key)
    if before is not None and (standing := _decode(before)).digest == subject:
        _remember(lake, standing, before)
        return standing, False
    now = datetime.now(UTC).isoformat(timespec="seconds")
    new = Release(snapshot, day, subject, named, verdict.outcome, now, verdicts.approval(lake, verdict))
    body = canonical_json({**asdict(new), "partition_date": day.isoformat()})
    if lake.storage.compare_and_swap(key, before, body):
        _remember(lake, new, body)
        return new, True
    if (winner := current(lake, snapshot)) is not None and winner.digest == subject:
        return winner, False
    raise ReleaseError(f"another run released snapshot {snapshot} meanwhile; look at `gristmill status`")


def current(lake: Lake, snapshot: str) -> Release | None:
    """The release of a snapshot, if there is one."""
    data = lake.storage.get(_pointer(snapshot))
    return None if data is None else _decode(data)


def releases(lake: Lake) -> list[Release]:
    """All current releases, by partition date."""
    found = [current(lake, snapshot) for snapshot in Catalogue(lake).dates()]
    return [r for r in found if r is not None]


def _remember(lake: Lake, released: Release, body: bytes) -> None:
    """Keep what was once current; a run that finds its release standing does it for one that was killed here."""
    lake.storage.put_if_absent(f"releases/history/{released.snapshot}/{released.digest}.json", body)


def _pointer(snapshot: str) -> str:
    return f"releases/current/{snapshot}.json"


def _decode(data: bytes) -> Release:
    body: dict[str, Any] = json.loads(data)
    return Release(**{**body, "partition_date": date.fromisoformat(body["partition_date"])})


def main(argv: list[str] | None = None) -> None:
    """Release a snapshot as a process."""
    args = stage_parser("Release a snapshot's judged datasets: swap its one pointer.").parse_args(argv)
    lake = Lake.open(load_profile(args.profile))
    Catalogue(lake).get(args.snapshot)
    inputs = resolve_inputs(lake, args.snapshot, args.input, (*DATASETS, ALL))
    with ledger.attempt(
        lake, stage="release", scope=args.snapshot, config={}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        released, changed = release(lake, args.snapshot, inputs)
        attempt.outputs["release"] = released.digest
        attempt.summary.update({"verdict": released.verdict, "changed": changed})
    say(f"release {args.snapshot}: {released.digest[:12]} {'released' if changed else 'stands already'}")
    write_result(args.result, attempt.outputs, attempt.summary)


if __name__ == "__main__":
    run_main(main)
