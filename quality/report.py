"""report: self-contained, script-free pages per run, published whatever the verdict.

Crawled text is untrusted: it is stripped of control and bidirectional characters, cut, and escaped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill import ledger
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake, LakeError
from gristmill.process import run_main, say, stage_parser, write_result
from gristmill.profile import load_profile
from gristmill.release import DATASETS
from gristmill.scores import model_of
from quality import samples
from quality.archive import NOT_JUDGED, PAGE, pointer_key, pointers, publish
from quality.views import links
from quality.views.layout import reframe
from quality.views.lineage import MANUAL
from quality.views.plain import pages
from quality.views.snapshot import context, subject
from quality.views.words import safe

__all__ = ["context", "main", "newest_outputs", "pointers", "publish", "safe"]


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process. Inputs that an upstream failure left out are missing in the report."""
    args = stage_parser("Write the report of a snapshot's run.").parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    snapshot = Catalogue(lake).get(args.snapshot)
    inputs = dict(args.input)
    if not inputs and args.run_id == MANUAL:
        # A run without inputs failed in its first stage: another run's datasets are not its own.
        inputs = newest_outputs(lake, snapshot.id)
    with ledger.attempt(
        lake, stage="report", scope=snapshot.id, config={}, inputs=inputs, run_id=args.run_id
    ) as attempt:
        shown = context(lake, snapshot, inputs, args.run_id)
        verdict, known = shown["judged"].verdict, facts(shown, inputs)
        if (sampled := _samples(lake, snapshot.id, inputs, attempt.provenance())) is not None:
            known["samples"] = attempt.outputs["samples"] = sampled
        outcome = verdict.outcome if verdict else NOT_JUDGED
        own = {**known, "snapshot": snapshot.id, "run_id": args.run_id, "key": pointer_key(args.run_id),
               "verdict": outcome, "written": attempt.provenance()["time"]}  # fmt: skip
        found = pages(lake, shown, inputs, own)
        beside = {name: html for name, html in found.items() if name != PAGE}
        digest = publish(lake, snapshot.id, args.run_id, found[PAGE], attempt.provenance(), outcome,
                         beside=beside, facts=known)  # fmt: skip
        attempt.outputs["report"] = digest
    copy = copy_pages(profile.work_dir / "reports", snapshot.id, found)
    say(f"report {snapshot.id}: {copy}")
    write_result(args.result, attempt.outputs, {"path": str(copy)})


def newest_outputs(lake: Lake, snapshot: str) -> dict[str, str]:
    """The newest successful dataset of each name that the lake still has."""
    found: dict[str, str] = {}
    for attempt in ledger.ended(lake, snapshot):
        if attempt["status"] == "succeeded":
            found |= {
                name: digest
                for name, digest in attempt["outputs"].items()
                if (name in DATASETS or model_of(name)) and lake.storage.get(f"manifests/{digest}.json") is not None
            }
    return found


def facts(shown: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """What lists and comparisons know of a report without opening it."""
    total, policy = shown["total"], shown["policy"]
    known = {
        "subject": subject(inputs), "metrics": inputs.get("metrics"), "policy": policy[0] if policy else None,
        "documents": total.get("extract.out"), "kept": total.get("curate.documents"),
    }  # fmt: skip
    return {name: value for name, value in known.items() if value is not None}


def _samples(lake: Lake, snapshot: str, inputs: Mapping[str, str], provenance: Mapping[str, Any]) -> str | None:
    """Documents for reviewers to mark; the report is published also where they cannot be read."""
    try:
        return samples.build(lake, snapshot, inputs, provenance)
    except LakeError as error:
        say(f"report {snapshot}: no samples: {error}")
        return None


def copy_pages(folder: Path, snapshot: str, found: Mapping[str, str]) -> Path:
    """The pages for people: `<snapshot>.html`, and all of them in the folder `<snapshot>`; the path of the first."""
    (folder / snapshot).mkdir(parents=True, exist_ok=True)
    for name, html in found.items():
        _write(folder / snapshot / name, html)
    copy = folder / f"{snapshot}.html"
    _write(copy, reframe(found[PAGE], links.files(f"{snapshot}/", compare="compare.html" in found)))
    return copy


def _write(path: Path, html: str) -> None:
    """Whole or as it was, for whoever reads it meanwhile."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(html, encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    run_main(main)
