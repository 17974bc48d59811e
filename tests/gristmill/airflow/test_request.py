"""Training requests are validated again in code, whatever a form let through."""

from __future__ import annotations

import pytest

from gristmill.airflow.request import PretrainRequest, validated
from gristmill.mixes import MixIncomplete
from gristmill.settings import SettingsError


@pytest.mark.parametrize(
    "params",
    [
        {"snapshots": ["ok", "../no"]}, {"snapshots": ["a\n"]}, {"model_size": "a b"}, {"model_size": "mini\n"},
        {"zero_stage": 4}, {"zero_stage": "1"}, {"steps": 0}, {"seed": -1}, {"seed": True},
    ],
)  # fmt: skip
def test_a_bad_value_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=next(iter(params))):
        validated(params)


def test_an_unknown_size_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'mini'"):
        validated({"model_size": "mimi"})


def test_a_snapshot_without_a_release_is_named() -> None:
    with pytest.raises(MixIncomplete, match="no-such-crawl"):
        validated({"snapshots": ["no-such-crawl"], "undeclared": "ignored"})


def test_a_selection_of_snapshots_is_a_mix_of_its_own() -> None:
    assert PretrainRequest(snapshots=["a", "b"]).options()["mix"] == "selection"
    assert set(PretrainRequest().options().values()) == {None}
