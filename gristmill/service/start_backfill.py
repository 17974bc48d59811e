"""Start a backfill that really runs: the DAG must know the snapshots, and must not be paused."""

from __future__ import annotations

import time
from datetime import date

from gristmill.errors import UserError
from gristmill.process import say
from gristmill.service.api import Api

CATALOGUE_SECONDS = 120


def start_backfill(api: Api, keys: set[str], start: date, end: date, reprocess: str) -> None:
    """Backfill `keys`, the snapshots from `start` to `end`. Raises UserError, ApiError.

    Created before the DAG is unpaused, so that the schedule does not take the newest snapshot first.
    """
    _wait_for_catalogue(api, keys)
    api.backfill(start, end, reprocess)
    api.unpause("crawl_snapshot")


def _wait_for_catalogue(api: Api, keys: set[str]) -> None:
    """The DAG processor picks a changed catalogue up within its parsing interval."""
    deadline = time.monotonic() + CATALOGUE_SECONDS
    told = False
    while not api.partition_keys_known(keys):
        if time.monotonic() > deadline:
            raise UserError(f"Airflow does not know {', '.join(sorted(keys))} after {CATALOGUE_SECONDS} s; see `make up`")
        if not told:
            say("waiting for Airflow to read the catalogue")
            told = True
        time.sleep(1)
