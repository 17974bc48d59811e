"""annotate: every signal measured once, in place; one unit per documents file and family, no shuffle, no text out."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.scores import MODEL
from gristmill.units import Unit, UnitResult, run_stages
from spark_jobs.annotate_config import AnnotateConfig
from spark_jobs.families import measure_unit, stages
from spark_jobs.scoring.family import stages as score_stages
from spark_jobs.scoring.model import load
from spark_jobs.stage import StageContext, stage_main

NAME = "annotate"


def run(context: StageContext) -> Attempt:
    """The whole stage."""
    config = context.profile.stage(NAME, AnnotateConfig)
    lake, snapshot = context.lake, context.scope
    documents = lake.manifest(context.inputs["documents"])
    units = [Unit(e.unit, {"documents": e.sha256}, {"entry": e}, e.bytes) for e in documents.files]
    for name, digest in config.scores.items():
        # A model that is lost, or of another name, is told before anything is measured.
        load(lake, name, digest)
    with context.attempt(NAME, config) as attempt:
        attempt.bytes_read = documents.bytes
        # What a release names keeps what it was made from.
        attempt.inputs = {**attempt.inputs, **{f"{MODEL}.{name}": digest for name, digest in config.scores.items()}}

        def measure(group: Sequence[Unit]) -> list[UnitResult]:
            return [
                result
                for unit in group
                for result in measure_unit(lake, unit, config.url_lists, config.scores, snapshot)
            ]

        every = [*stages(), *score_stages(config.scores, snapshot)]
        run_stages(lake, every, units, measure, context.tasks, attempt, documents.rows)
        attempt.summary.update({"documents": documents.rows, "families": len(every)})
    return attempt


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Measure every signal of a snapshot's documents, once.", ("documents",), run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.annotate import main as importable_main

    run_main(importable_main)
