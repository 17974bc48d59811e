"""annotate: every signal measured once, in place; one unit per documents file, no shuffle, no text out."""

from __future__ import annotations

from gristmill.lake import Account, FileEntry, Lake
from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.schemas import SIGNAL_FAMILIES
from gristmill.settings import Settings
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.text.heuristics import heuristics
from spark_jobs.text.language import language
from spark_jobs.text.minhash import minhash

NAME, VERSION = "annotate", 1


class AnnotateConfig(Settings):
    """No option: every signal is measured; the policy chooses among them."""


def run(context: StageContext) -> Attempt:
    """The whole stage."""
    config = context.profile.stage(NAME, AnnotateConfig)
    stage = Stage(NAME, VERSION, SIGNAL_FAMILIES, config, compute)
    documents = context.lake.manifest(context.inputs["documents"])
    units = [Unit(e.unit, {"documents": e.sha256}, {"entry": e}, e.bytes) for e in documents.files]
    with context.attempt(NAME, config) as attempt:
        attempt.bytes_read = documents.bytes
        run_stage(context.lake, stage, units, context.tasks, attempt, expected_in=documents.rows)
        attempt.summary["documents"] = documents.rows
    return attempt


def compute(lake: Lake, unit: Unit, config: AnnotateConfig) -> UnitOutput:
    """All column families of one documents file."""
    entry: FileEntry = unit.payload["entry"]
    table = lake.read_file(entry, ["doc_id", "text"]).combine_chunks()
    doc_id, text = (table.column(name).combine_chunks() for name in ("doc_id", "text"))
    found = language(doc_id, text)
    tables = {
        "heuristics": heuristics(doc_id, text, found.column("language").combine_chunks()),
        "language": found,
        "minhash": minhash(doc_id, text),
    }
    return UnitOutput(tables, dict.fromkeys(tables, Account(entry.rows, table.num_rows)))


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Measure every signal of a snapshot's documents, once.", ("documents",), run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.annotate import main as importable_main

    run_main(importable_main)
