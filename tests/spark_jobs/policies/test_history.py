"""Rules that never fired."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from spark_jobs.policies.history import Past, firing_history, silent_rules


@pytest.mark.parametrize(
    ("past", "expected", "warning"),
    [
        (None, None, False),
        (Past(0, 0), None, False),
        (Past(0, 1000), 0.0, False),
        (Past(99, 10_000), 9.9, False),
        (Past(100, 10_000), 10.0, True),
        (Past(3, 3), 1000.0, True),
    ],
)
def test_silence_is_a_warning_from_ten_predicted_firings_on(
    past: Past | None, expected: float | None, warning: bool
) -> None:
    history = {} if past is None else {"quiet": past}
    silent = silent_rules({"loud": 5, "quiet": 0}, 1000, history)
    assert [(each.rule, each.warning) for each in silent] == [("quiet", warning)]
    assert silent[0].expected == (None if expected is None else pytest.approx(expected))
    assert ("check whether" in str(silent[0])) == warning


def test_history_is_what_earlier_releases_decided(snapshots: Any) -> None:
    assert firing_history(snapshots.lake, date(2026, 1, 1)) == {}
    assert firing_history(snapshots.lake, date(2026, 1, 2)) == {"short": Past(1, 7)}


def test_history_adds_up_over_releases_that_had_the_rule(snapshots: Any) -> None:
    snapshots.enter("B", date(2026, 2, 1))
    decisions = [{"doc_id": 1, "kept": False, "reason": reason} for reason in ("short", "short", "late")]
    snapshots.release("B", {}, decisions)
    assert firing_history(snapshots.lake, date(2026, 3, 1)) == {"short": Past(3, 10), "late": Past(1, 3)}
