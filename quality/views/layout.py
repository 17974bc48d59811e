"""The one frame of all pages: style, navigation, landmarks. Nothing in it runs or is loaded from elsewhere."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from quality.masking import masked_text
from quality.views import words
from quality.views.judgement import BADGES
from quality.views.links import Links

_NAVIGATION = re.compile(r'<nav id="pages".*?</nav>', re.DOTALL)


def page(template: str, title: str, links: Links, current: str = "", **values: Any) -> str:
    """The whole page; everything but our own style and charts is escaped. `current` names its entry of the menu."""
    found = _environment().get_template(template)
    return found.render(title=title, links=links, current=current, style=style(), **values)


def reframe(html: str, links: Links, current: str = "report") -> str:
    """A stored page with the menu of where it is shown now."""
    menu = str(_environment().get_template("menu.html").render(links=links, current=current))
    return _NAVIGATION.sub(lambda _: menu.strip(), html, count=1)


@lru_cache(maxsize=1)
def style() -> Markup:
    """The stylesheet, for a page's own <style>."""
    return Markup(files("quality.views").joinpath("style.css").read_text(encoding="utf-8"))  # noqa: S704 (ours)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("quality.views"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {
        "safe_text": words.safe, "figure": words.figure, "percent": words.percent, "bytes": words.size,
        "duration": words.duration, "moment": words.moment, "bounds": words.bounds,
        "masked_text": masked_text,
    }  # fmt: skip
    found.globals |= {"counted": words.counted, "decided": words.decided, "badges": BADGES}
    return found
