"""extract: crawl files in, documents and rejects out; one unit per input file.

Every response, conversion and resource record becomes one document or one reject with a reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gristmill.catalogue import Catalogue, CatalogueError, InputFile, Snapshot
from gristmill.lake import Account, Lake
from gristmill.ledger import Attempt
from gristmill.process import run_main
from gristmill.units import Stage, Unit, UnitOutput, run_stage
from spark_jobs.stage import StageContext, stage_main
from spark_jobs.web.documents import ExtractConfig, Extraction, extract_file

NAME, VERSION = "extract", 1


def run(context: StageContext) -> Attempt:
    """The whole stage. Raises CatalogueError for an unknown snapshot or a file that is lost or changed."""
    snapshot = Catalogue(context.lake).get(context.scope)
    config = context.profile.stage(NAME, ExtractConfig)
    stage = Stage(NAME, VERSION, ("documents", "rejects"), config, compute)
    with context.attempt(NAME, config) as attempt:
        attempt.bytes_read = snapshot.bytes
        manifests = run_stage(context.lake, stage, units(context.lake, snapshot), context.tasks, attempt)
        attempt.summary.update(_summary(manifests["documents"].account))
    return attempt


def units(lake: Lake, snapshot: Snapshot) -> list[Unit]:
    """One per input file; its digest is in the recipe once it is pinned.

    Raises CatalogueError for a file that is lost or has another size, also where its unit is done already.
    """
    catalogue = Catalogue(lake)
    for file in snapshot.files:
        try:
            _check_size(file, Path(file.path).stat().st_size)
        except OSError as error:
            raise _unreadable(file, error) from None
    return [
        Unit(
            f"{file.file_index:06d}",
            {"file": catalogue.pinned(snapshot.id, file.file_index)},
            {"snapshot": snapshot.id, "file": file},
            file.bytes,
        )
        for file in snapshot.files
    ]


def compute(lake: Lake, unit: Unit, config: ExtractConfig) -> UnitOutput:
    """Read one crawl file; pin its digest at first read, check it ever after."""
    file: InputFile = unit.payload["file"]
    extraction = _extract(file, config)
    _check_size(file, extraction.bytes)
    Catalogue(lake).pin(unit.payload["snapshot"], file, extraction.sha256)
    return UnitOutput(
        {"documents": extraction.documents, "rejects": extraction.rejects},
        {"documents": extraction.account},
        {"file": extraction.sha256},
    )


def _extract(file: InputFile, config: ExtractConfig) -> Extraction:
    try:
        return extract_file(file.path, file.file_index, config)
    except OSError as error:
        raise _unreadable(file, error) from None


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
        "quarantined": total.quarantined,
    }  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Run the stage as a process."""
    stage_main(NAME, "Turn the crawl files of a snapshot into documents and rejects.", (), run, argv)


if __name__ == "__main__":
    # Tasks unpickle what this module defines by its importable name, not by value from __main__.
    from spark_jobs.extract import main as importable_main

    run_main(importable_main)
