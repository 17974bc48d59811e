"""A report's pages as plain files, which link to each other: the snapshot's own, the comparison with the release
before it, the trend and the list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gristmill import release
from gristmill.catalogue import Snapshot
from gristmill.lake import Lake, LakeError
from gristmill.process import say
from quality.archive import PAGE
from quality.views import compare, index, links, snapshot, trend
from quality.views.layout import page as layout


def pages(lake: Lake, shown: Mapping[str, Any], inputs: Mapping[str, str], own: Mapping[str, Any]) -> dict[str, str]:
    """File name -> page. `shown` is the context of the snapshot's page, `own` the pointer that will name it.

    The snapshot's page is made whatever the state of the lake; another page that cannot be made says why.
    """
    before = previous(lake, shown["snapshot"]) if "metrics" in inputs else None
    own_links = links.files(compare=before is not None)
    found = {
        PAGE: snapshot.render(shown, own_links),
        "trend.html": _attempt("trend", own_links, lambda: trend.page(lake, own_links)),
        "index.html": _attempt("index", own_links, lambda: index.plain_page(lake, own, own_links)),
    }
    if before is not None:
        after = compare.Side(own["snapshot"], inputs["metrics"], own.get("policy", ""))

        def both() -> str:
            return compare.plain_page(lake, compare.released_side(lake, before), after, own_links)

        found["compare.html"] = _attempt("compare", own_links, both)
    return found


def previous(lake: Lake, of: Snapshot) -> release.Release | None:
    """The release nearest before a snapshot by date; the nearest after it where there is none before."""
    others = [r for r in release.releases(lake) if r.snapshot != of.id]
    before = [r for r in others if r.partition_date < of.partition_date]
    return before[-1] if before else others[0] if others else None


def _attempt(name: str, own_links: links.Links, build: Callable[[], str]) -> str:
    try:
        return build()
    except LakeError as error:
        say(f"report: the page '{name}' could not be made: {error}")
        return layout("failed.html", f"{name}: data quality", own_links, name, error=str(error))
