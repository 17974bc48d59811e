"""The charts of a snapshot's page, from its metrics table."""

from __future__ import annotations

from collections.abc import Sequence

from gristmill.status import DUPLICATE_RULES
from quality.views.charts import Chart, bars, columns, funnel
from quality.views.measured import REST, Measured
from quality.views.tokenised import Tokenised
from quality.views.words import compact

SHOWN = 12
"""Keys of one chart, the largest ones; the rest is one bar."""


def flow(found: Measured, tokens: Tokenised | None) -> Chart | None:
    """From the records that were read to the documents of the corpus, and their tokens."""
    records, documents, kept = (found.total(n) for n in ("extract.records_in", "extract.out", "curate.documents"))
    if records is None or documents is None:
        return None
    removed = found.series("rule", "decide.removed")
    duplicates = sum(count for rule, count in removed if rule in DUPLICATE_RULES)
    ruled = sum(count for rule, count in removed if rule not in DUPLICATE_RULES)
    steps = [("records read", records, 0.0), ("documents with text", documents, records - documents)]
    left = documents - ruled
    steps.append(("keep all rules", left, ruled))
    steps.append(("without duplicates", left - duplicates, duplicates))
    if kept is not None:
        steps.append(("in the corpus", kept, max(0.0, left - duplicates - kept)))
        if tokens is not None and tokens.request:
            steps.append((f"as {compact(tokens.tokens)} tokens", tokens.documents, max(0.0, kept - tokens.documents)))
        elif tokens is not None:
            steps.append((f"≈ {compact(tokens.tokens)} tokens (estimate)", kept, 0.0))
    return funnel("From records to tokens, in documents", steps)


def removals(found: Measured) -> Chart | None:
    """Documents that each rule removed, most first; rules that removed nothing are not in it."""
    stages = ("decide.removed", "curate.removed")
    counts = [pair for stage in stages for pair in found.series("rule", stage) if pair[1]]
    if not counts:
        return None
    return bars("Documents removed, by rule", ["documents"], largest(sorted(counts, key=lambda p: (-p[1], p[0])), 20))


def languages(found: Measured) -> Chart | None:
    """Documents by language, before and after."""
    before, after = found.series("language", "annotate.documents"), dict(found.series("language", "curate.documents"))
    if not before:
        return None
    names = [name for name, _ in before[:SHOWN]]
    rows = [(name, (count, after.get(name, 0.0))) for name, count in before[:SHOWN]]
    others = [sum(v for k, v in series if k not in names) for series in (before, after.items())]
    if any(others):
        rows.append(("others", (others[0], others[1])))
    return bars("Documents by language", ["extracted", "in the corpus"], rows)


def lengths(found: Measured) -> Chart | None:
    """Documents by length in characters, before and after."""
    return _histogram(found, "Documents by length, characters", "annotate.chars", "curate.chars")


def scores(found: Measured) -> list[Chart]:
    """Every other figure of documents that was measured in classes, such as scores."""
    known = ("annotate.chars", "curate.chars")
    names = [name for name in found.scopes.get("bin", {}) if name not in known]
    charts = [_histogram(found, f"Documents by {name.rpartition('.')[2].replace('_', ' ')}", name) for name in names]
    return [chart for chart in charts if chart is not None]


def hosts(found: Measured) -> Chart | None:
    """The hosts with the most documents, and all others."""
    counts = found.series("host", "extract.documents")
    return bars("Documents by host", ["documents"], largest(counts, SHOWN)) if counts else None


def clusters(found: Measured) -> Chart | None:
    """Clusters of duplicates by how many documents are in them."""
    counts = found.series("size", "deduplicate.clusters")
    return columns("Clusters of duplicates, by size", ["clusters"], largest(counts, 10)) if counts else None


def rejects(found: Measured) -> Chart | None:
    """Records that never became documents, by reason."""
    counts = found.series("rule", "extract.rejects")
    return bars("Records that are no documents, by reason", ["records"], largest(counts, SHOWN)) if counts else None


def personal(found: Measured) -> Chart | None:
    """Personal data found in the extracted documents, by kind."""
    counts = found.series("type", "annotate.pii", SHOWN)
    return bars("Personal data found, by kind", ["places"], _one(counts)) if counts else None


def largest(counts: Sequence[tuple[str, float]], shown: int) -> list[tuple[str, tuple[float, ...]]]:
    """The first `shown` rows, and one row for all that follow."""
    named = [pair for pair in counts if pair[0] != REST]
    rest = sum(value for _, value in named[shown:]) + sum(value for key, value in counts if key == REST)
    return _one([*named[:shown], *([("all others", rest)] if rest else [])])


def _histogram(found: Measured, title: str, name: str, after: str = "") -> Chart | None:
    series = found.series("bin", name)
    second = dict(found.series("bin", after)) if after else {}
    if not series:
        return None
    if not second:
        return columns(title, ["documents"], _one(series))
    rows = [(_short(key), (value, second.get(key, 0.0))) for key, value in series]
    return columns(title, ["extracted", "in the corpus"], rows)


def _short(key: str) -> str:
    """Classes of lengths begin at these characters."""
    return f"{int(key) // 1000}k" if key.isdigit() and int(key) >= 1000 and int(key) % 1000 == 0 else key


def _one(counts: Sequence[tuple[str, float]]) -> list[tuple[str, tuple[float, ...]]]:
    return [(key, (value,)) for key, value in counts]
