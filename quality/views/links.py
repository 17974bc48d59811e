"""Where a page's links lead: below the web app, or beside each other as plain files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class Links:
    """Addresses of the pages; an empty one is not linked. `compare` with `form` can be asked for any two reports."""

    index: str
    trend: str
    compare: str = ""
    runs: str = ""
    report: str = ""
    samples: str = ""
    form: bool = False
    base: str | None = None
    """Prefix of the web app; None for plain files."""

    def snapshot(self, snapshot: str, key: str) -> str:
        """The report of a snapshot; of plain files, the copy in the folder beside."""
        if self.base is None:
            return f"../{_part(snapshot)}/report.html"
        return f"{self.base}/reports/{_part(snapshot)}/{_part(key)}"

    def run(self, run_id: str) -> str:
        """A training run; plain files have none."""
        return "" if self.base is None else f"{self.base}/runs/{_part(run_id)}"

    def pair(self, a: str, b: str) -> str:
        """The comparison of two reports."""
        return self.compare if self.base is None else f"{self.base}/compare?{urlencode({'a': a, 'b': b})}"


def web(base: str, snapshot: str = "", key: str = "", samples: bool = False) -> Links:
    """Links of the app mounted at `base`; with a snapshot and the key of its report, also to its own pages."""
    own = f"{_part(snapshot)}/{_part(key)}"
    return Links(
        index=f"{base}/", trend=f"{base}/trend", compare=f"{base}/compare", runs=f"{base}/runs",
        report=f"{base}/reports/{own}" if snapshot else "", form=True, base=base,
        samples=f"{base}/samples/{own}" if snapshot and samples else "",
    )  # fmt: skip


def files(folder: str = "", compare: bool = True) -> Links:
    """Links of a report's plain files, which lie in `folder` as seen from the page."""
    return Links(
        index=f"{folder}index.html", trend=f"{folder}trend.html", report=f"{folder}report.html",
        compare=f"{folder}compare.html" if compare else "",
    )  # fmt: skip


def _part(text: str) -> str:
    """One part of an address, whatever the text."""
    return quote(text, safe="", errors="replace")
