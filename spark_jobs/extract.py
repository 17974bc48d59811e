"""extract: crawl files in, documents and rejects out; one unit per input file.

Every response, conversion and resource record, and every row of a table, becomes one document or one reject
with a reason.
"""

from __future__ import annotations

from typing import Any

from gristmill.catalogue import Catalogue, CatalogueError, InputFile, Snapshot
from gristmill.lake import Account, Lake
from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.source import is_url, size
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.web.documents import ExtractConfig, extract_file
from spark_jobs.web.engines import engine_version
from spark_jobs.web.optout import OptOut

NAME, VERSION = "extract", 2


def run(context: StageContext) -> Attempt:
    """The whole stage. Raises CatalogueError for an unknown snapshot or a file that is lost or changed."""
    snapshot = Catalogue(context.lake).get(context.scope)
    config = context.profile.stage(NAME, ExtractConfig)
    # Of the opt-out list its content counts, not its place.
    stage = Stage(NAME, VERSION, ("documents", "rejects"), config.model_copy(update={"opt_out": None}), compute)
    with context.attempt(NAME, config) as attempt:
        attempt.bytes_read = snapshot.bytes
        todo = units(context.lake, snapshot, config)
        manifests = run_stage(context.lake, stage, todo, context.tasks, attempt)
        attempt.summary.update(_summary(manifests["documents"].account))
    return attempt


def units(lake: Lake, snapshot: Snapshot, config: ExtractConfig) -> list[Unit]:
    """One per input file; its digest is in the recipe once it is pinned, beside the engine and the opt-out list's.

    Raises CatalogueError for a local file that is lost or has another size, also where its unit is done already.
    What a URL names is checked when it is read.
    """
    catalogue = Catalogue(lake)
    for file in snapshot.files:
        try:
            if not is_url(file.path):
                _check_size(file, size(file.path))
        except OSError as error:
            raise _unreadable(file, error) from None
    recipe = {"engine": engine_version(config.engine), "opt_out": OptOut.of(config.opt_out).digest}
    return [
        Unit(
            f"{file.file_index:06d}",
            {"file": catalogue.pinned(snapshot.id, file.file_index), **recipe},
            {"snapshot": snapshot.id, "file": file, "opt_out": config.opt_out},
            file.bytes,
        )
        for file in snapshot.files
    ]


def compute(lake: Lake, unit: Unit, config: ExtractConfig) -> UnitOutput:
    """Read one crawl file; pin its digest at first read, check it ever after."""
    file: InputFile = unit.payload["file"]
    config = config.model_copy(update={"opt_out": unit.payload["opt_out"]})
    with lake.table_writer("documents", unit.key) as documents, lake.table_writer("rejects", unit.key) as rejects:
        try:
            found = extract_file(file.path, file.file_index, config, documents.append, rejects.append)
        except OSError as error:
            raise _unreadable(file, error) from None
        _check_size(file, found.bytes)
        Catalogue(lake).pin(unit.payload["snapshot"], file, found.sha256, found.offsets)
        files = {"documents": documents.finish(found.account), "rejects": rejects.finish()}
    return UnitOutput(files, inputs={"file": found.sha256, "opt_out": found.opt_out})


def _check_size(file: InputFile, size: int) -> None:
    if size != file.bytes:
        raise CatalogueError(
            f"{file.path} has {size} bytes, the listing says {file.bytes}; restore it or fetch it again"
        )


def _unreadable(file: InputFile, error: OSError) -> CatalogueError:
    return CatalogueError(
        f"{file.path} cannot be read ({error.strerror or error}); mount its disk, restore it or fetch it again"
    )


def _summary(account: Account | None) -> dict[str, Any]:
    total = account or Account(0, 0)
    return {
        "records": total.records_in, "documents": total.out, "rejected": dict(total.removed),
        "quarantined": total.quarantined, "other_records": dict(total.other),
    }  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Turn the crawl files of a snapshot into documents and rejects.", (), run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.extract import main as importable_main

    run_main(importable_main)
