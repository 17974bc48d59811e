"""The registry of signals: names, bounds, and the page that is made from it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from gristmill.signals import FAMILIES, schema
from gristmill.signals.signal import Signal

ROOT = Path(__file__).parents[2]
ALL = [pytest.param(signal, id=f"{family}.{signal.name}") for family, signals in FAMILIES.items() for signal in signals]


@pytest.mark.parametrize("signal", ALL)
def test_a_signal_says_what_it_is(signal: Signal) -> None:
    assert signal.name.isidentifier()
    assert signal.name == signal.name.lower()
    assert signal.unit
    assert signal.definition
    assert signal.source
    assert signal.null
    if signal.low is not None and signal.high is not None:
        assert signal.low < signal.high


def test_names_are_unique_over_all_families() -> None:
    names = [signal.name for signals in FAMILIES.values() for signal in signals]
    assert len(names) == len(set(names))
    assert {"bytes", "chars", "words", "lines", "script", "words_measurable", "language", "score"} <= set(names)


def test_a_schema_starts_with_the_document_and_says_the_view() -> None:
    declared = schema(FAMILIES["heuristics"])
    assert declared.names[0] == "doc_id"
    view = declared.field("end_mark_line_share_fineweb_c4").metadata[b"view"].decode()
    assert view.startswith("after C4's line rules")


def test_the_reference_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("signals_page", ROOT / "scripts" / "signals_page.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text("utf-8") == script.page(), "run: python scripts/signals_page.py"
