"""The pages as a browser has them: axe-core finds no violation of WCAG A and AA, in light, dark and on a phone."""

from __future__ import annotations

import base64
import os
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from gristmill import ledger
from gristmill.approvals import Answer, answer
from gristmill.verdicts import Check
from quality import report
from quality.views import compare, index, links, training
from tests.quality.views.crawls import documents, releases
from tests.quality.views.pages import WARNED, judge
from tests.quality.views.test_training import evaluated, judged

pytestmark = pytest.mark.browser

CHECKS = [
    WARNED,
    Check("records balance", "block", "passed", 0.0, {"max": 0}, "nothing is lost", "contract"),
    Check("score drift", "warn", "info", None, {"max": 1}, "too few releases", "drift"),
    Check("files read", "block", "passed", 0.0, {"max": 0}, "every listed file is read", "completeness"),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def pages(mills: Any, tmp_path: Path) -> list[Path]:
    """Every page of a lake with a year of releases, a snapshot that waits for a reviewer, and a training run."""
    mill = mills(documents(300))
    mill.measure()
    metrics = mill.digests["metrics"]
    names = releases(mill, 14)
    mill.digests["metrics"] = metrics
    model = evaluated(mill, tmp_path)
    judged(mill, model)
    history = {name: 0.02 + 0.001 * number for number, name in enumerate(names[-8:])}
    checks = [replace(CHECKS[0], history=history, offenders=(("de", 0.4), ("fr", 0.3))), *CHECKS[1:]]
    verdict = judge(mill, "warn", checks)
    inputs = [f"--input={name}={digest}" for name, digest in mill.digests.items()]
    for stage in ("extract", "annotate", "measure"):
        with ledger.attempt(mill.lake, stage=stage, scope="tiny", config={}, inputs={}, run_id="backfill__tiny"):
            pass
    # The report waits; a rejected one has its answer on the page, too.
    for folder, answered in (("waiting", False), ("rejected", True)):
        if answered:
            answer(mill.lake, Answer(verdict.digest, "reject", "eva", "too much German", "airflow"))
        report.main([f"--profile={mill.profile.source}", "--snapshot=tiny", "--run-id=backfill__tiny", *inputs])
        shutil.copytree(mill.profile.work_dir / "reports" / "tiny", tmp_path / folder)
    shown = tmp_path / "waiting"
    (shown / "runs.html").write_text(training.runs_page(mill.lake, links.web("")), encoding="utf-8")
    (shown / "training.html").write_text(training.page(mill.lake, "mini-z1-abc", links.web("")), encoding="utf-8")
    (shown / "chosen.html").write_text(compare.page(mill.lake, names[0], names[1], links.web("")), encoding="utf-8")
    (shown / "listed.html").write_text(index.page(mill.lake, links.web("")), encoding="utf-8")
    return [*sorted(shown.iterdir()), tmp_path / "rejected" / "report.html"]


def violations(browser: WebDriver, page: Path) -> list[str]:
    """What axe-core finds on a page whose folds are open: rule, help and the first elements."""
    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    browser.execute_script(axe_core())
    found = browser.execute_async_script("axe.run(document, arguments[0]).then(arguments[1])", RULES)
    assert found["passes"]
    return [f"{v['id']}: {v['help']}: {[n['html'][:160] for n in v['nodes'][:3]]}" for v in found["violations"]]


def axe_core() -> str:
    """The source of axe-core (MPL 2.0), which the package brings."""
    return files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text(encoding="utf-8")


def show_as(browser: WebDriver, scheme: str, width: int) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def picture(browser: WebDriver, page: Path, scheme: str, width: int, height: int) -> bytes:
    """The top of a page as PNG."""
    show_as(browser, scheme, width)
    browser.get(page.as_uri())
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    asked = {"clip": clip, "captureBeyondViewport": True}
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])


def test_no_page_violates_wcag_and_each_has_its_picture(browser: WebDriver, pages: list[Path], tmp_path: Path) -> None:
    assert len(pages) == 9
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        show_as(browser, scheme, width)
        for page in pages:
            assert violations(browser, page) == [], f"{page.name} {scheme} {width}"
            sideways = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            assert sideways <= 0, f"{page.name} is wider than the screen"
    folder = Path(os.environ.get("GRISTMILL_SCREENSHOTS", tmp_path))
    shown = {page.name: page for page in pages[:-1]}
    for name, page, scheme, width, height in (
        ("report", "report.html", "light", 1280, 1500), ("report-dark", "report.html", "dark", 1280, 1500),
        ("report-phone", "report.html", "light", 390, 1500), ("report-trend", "trend.html", "light", 1280, 1300),
        ("report-compare", "chosen.html", "light", 1280, 1300), ("report-index", "listed.html", "light", 1280, 900),
        ("report-training", "training.html", "light", 1280, 1300),
    ):  # fmt: skip
        data = picture(browser, shown[page], scheme, width, height)
        assert data.startswith(b"\x89PNG")
        (folder / f"{name}.png").write_bytes(data)
