"""Two reports side by side: two snapshots, or one snapshot under two policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill import release
from gristmill.errors import UserError
from gristmill.lake import Lake
from quality.archive import pointers
from quality.views import lineage
from quality.views.charts import Chart, bars, changes
from quality.views.layout import page as layout
from quality.views.links import Links
from quality.views.measured import Measured, measured
from quality.views.words import figure, percent, points, size

SHOWN = 15
"""Languages and rules of one chart: those that differ most."""

OPTIONS = 400
"""Reports to choose from, the newest ones."""

TOTALS: Sequence[tuple[str, str, Callable[[object], str]]] = (
    ("records read", "extract.records_in", figure), ("documents", "extract.out", figure),
    ("kept documents", "curate.documents", figure), ("share kept", "decide.kept_share", percent),
    ("duplicates removed", "decide.duplicates_removed", figure), ("text in the corpus", "curate.bytes", size),
    ("bytes edited away", "curate.edited_bytes", size), ("places masked", "curate.pii_masked", figure),
    ("share of unknown language", "annotate.unknown_language_share", percent),
    ("clusters of duplicates", "deduplicate.clusters", figure),
    ("largest cluster", "deduplicate.largest_cluster", figure), ("bytes lost", "extract.lost_bytes", size),
    ("truncated captures", "extract.truncated", figure), ("set aside as too large", "extract.quarantined", figure),
)  # fmt: skip


class NoSuchReport(UserError):
    """What was asked for was never reported; the message says what there is."""


@dataclass(frozen=True)
class Side:
    """One of the two: its name, the digest of its metrics, the name of its policy."""

    name: str
    metrics: str
    policy: str


def page(lake: Lake, a: str, b: str, links: Links) -> str:
    """The page of two reports, each `SNAPSHOT` (its release, else its newest report) or `SNAPSHOT/KEY`.

    Without both, the page that asks for them. Raises NoSuchReport.
    """
    known = pointers(lake)
    options = [_reference(p) for p in known if p.get("metrics")][:OPTIONS]
    if not a or not b:
        return render(None, None, {}, links, options, a, b)
    left, right = side(lake, known, a), side(lake, known, b)
    return render(left, right, compared(lake, left, right), links, options, a, b)


def plain_page(lake: Lake, before: Side, after: Side, links: Links) -> str:
    """The page of two given sides, as a plain file."""
    return render(before, after, compared(lake, before, after), links)


def render(
    left: Side | None,
    right: Side | None,
    found: Mapping[str, Any],
    links: Links,
    options: Sequence[str] = (),
    a: str = "",
    b: str = "",
) -> str:
    """The page; `options` are the reports that its form offers."""
    title = f"{left.name} and {right.name}: data quality" if left and right else "Compare: data quality"
    return layout("compare.html", title, links, "compare", left=left, right=right, options=options, a=a, b=b, **found)


def side(lake: Lake, known: Sequence[Mapping[str, Any]], reference: str) -> Side:
    """What `SNAPSHOT` or `SNAPSHOT/KEY` names. Raises NoSuchReport."""
    snapshot, _, key = reference.partition("/")
    if not key and (current := release.current(lake, snapshot)) is not None:
        return released_side(lake, current)
    for pointer in known:
        if pointer["snapshot"] == snapshot and key in ("", pointer["key"]) and pointer.get("metrics"):
            return Side(_reference(pointer) if key else snapshot, pointer["metrics"], pointer.get("policy", ""))
    raise NoSuchReport(f"no report of '{reference[:100]}' has measurements; choose two from the list")


def released_side(lake: Lake, found: release.Release) -> Side:
    """The side of a release."""
    policy = lineage.policy(lake, found.datasets["decisions"])
    return Side(found.snapshot, found.datasets["metrics"], policy[0] if policy else "")


def _reference(pointer: Mapping[str, Any]) -> str:
    return f"{pointer['snapshot']}/{pointer['key']}"


def compared(lake: Lake, left: Side, right: Side) -> dict[str, Any]:
    """`rows` of totals, their relative `changes`, and the `charts` of language mix and rules."""
    a, b = measured(lake, left.metrics), measured(lake, right.metrics)
    names = [left.name.partition("/")[0], right.name.partition("/")[0]]
    if names[0] == names[1]:
        names = [f"{names[0]}, first", f"{names[1]}, second"]
    rows = []
    moved = []
    for words, name, write in TOTALS:
        before, after = a.total(name), b.total(name)
        if before is None and after is None:
            continue
        rows.append(
            (words, write(before), write(after), _difference(before, after, points if write is percent else write))
        )
        # The change of a share is said in points, by the table: a share of a share reads like them and is not.
        if before and after is not None and write is not percent:
            moved.append((words, after / before - 1))
    pairs = (
        ("Languages of the corpus, share", a.shares("language", "curate.documents"),
         b.shares("language", "curate.documents")),
        ("Removed by each rule, share of documents", _rules(a), _rules(b)),
        ("Lengths in characters, share of documents", a.shares("bin", "annotate.chars"),
         b.shares("bin", "annotate.chars")),
    )  # fmt: skip
    charts = [chart for title, x, y in pairs if (chart := _mix(title, names, x, y)) is not None]
    return {"rows": rows, "moved": changes("Change from the first to the second", moved) if moved else None,
            "charts": charts}  # fmt: skip


def _rules(found: Measured) -> dict[str, float]:
    documents = found.total("extract.out")
    removed = found.series("rule", "decide.removed")
    return {rule: count / documents for rule, count in removed if count} if documents else {}


def _mix(title: str, names: Sequence[str], a: Mapping[str, float], b: Mapping[str, float]) -> Chart | None:
    """The keys whose shares differ most, the largest share first; classes of lengths in their order."""
    keys = sorted({*a, *b}, key=lambda key: -abs(a.get(key, 0.0) - b.get(key, 0.0)))[:SHOWN]
    keys.sort(key=lambda key: int(key) if key.isdigit() else -max(a.get(key, 0.0), b.get(key, 0.0)))
    return bars(title, names, [(key, (a.get(key, 0.0), b.get(key, 0.0))) for key in keys], True) if keys else None


def _difference(before: float | None, after: float | None, write: Callable[[object], str]) -> str:
    if before is None or after is None:
        return "–"
    change = after - before
    return f"{'+' if change > 0 else '−' if change < 0 else ''}{write(abs(change))}"
