"""annotate: every signal measured once, in place; one unit per documents file and family, no shuffle, no text out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.settings import Settings
from gristmill.units import Unit, UnitResult, run_stages
from spark_jobs.families import FAMILIES, measure_unit, stages
from spark_jobs.stage import StageContext, stage_main

NAME = "annotate"


class AnnotateConfig(Settings):
    """`url_lists`: a folder of domain lists (CATEGORY/domains, CATEGORY/urls) beside the word lists that come
    with Gristmill. Their content, not their place, is in the recipe."""

    url_lists: Path | None = None


def run(context: StageContext) -> Attempt:
    """The whole stage."""
    config = context.profile.stage(NAME, AnnotateConfig)
    lake = context.lake
    documents = lake.manifest(context.inputs["documents"])
    units = [Unit(e.unit, {"documents": e.sha256}, {"entry": e}, e.bytes) for e in documents.files]
    with context.attempt(NAME, config) as attempt:
        attempt.bytes_read = documents.bytes

        def measure(group: Sequence[Unit]) -> list[UnitResult]:
            return [result for unit in group for result in measure_unit(lake, unit, config.url_lists)]

        run_stages(lake, stages(), units, measure, context.tasks, attempt, documents.rows)
        attempt.summary.update({"documents": documents.rows, "families": len(FAMILIES)})
    return attempt


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Measure every signal of a snapshot's documents, once.", ("documents",), run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.annotate import main as importable_main

    run_main(importable_main)
