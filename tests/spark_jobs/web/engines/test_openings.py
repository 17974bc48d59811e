"""What a page leaves open, against the tree that the parser makes of it."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree

from spark_jobs.web.engines import ExtractionError, engine
from spark_jobs.web.engines.openings import openings

NAMES = [
    "a",
    "b",
    "big",
    "button",
    "caption",
    "code",
    "col",
    "colgroup",
    "dd",
    "desc",
    "div",
    "dt",
    "em",
    "font",
    "form",
    "foreignObject",
    "h1",
    "i",
    "li",
    "marquee",
    "math",
    "nobr",
    "object",
    "option",
    "p",
    "ruby",
    "s",
    "select",
    "small",
    "span",
    "strike",
    "strong",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "th",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
    "br",
]
FORMATTING = {"b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"}
ELEMENT = 1


def soup(random: Random) -> list[tuple[str, bool]]:
    """Tags (name, whether it ends) of a few kinds in no order."""
    kinds = random.sample(NAMES, random.randint(2, 7))
    return [(random.choice(kinds), random.random() < 0.4) for _ in range(random.randint(1, 60))]


def written(tags: list[tuple[str, bool]], random: Random) -> str:
    ends = ("</{}>", "</{} >", "<\\/{}\n>")
    starts = ("<{}>", "<{} a=b>", "<{}/>x")
    return "".join(random.choice(ends if end else starts).format(name) for name, end in tags)


def measured(html: str) -> tuple[int, int]:
    formatting, depth = openings(np.frombuffer(html.encode(), np.uint8))
    return int(formatting), int(depth)


def tree_depth(html: str) -> int:
    todo: list[tuple[Any, int]] = [(HTMLTree.parse(html).document, 0)]
    deepest = 0
    while todo:
        node, depth = todo.pop()
        deepest = max(deepest, depth)
        child = node.first_child
        while child is not None:
            todo.append((child, depth + (child.tag is not None and not child.tag.startswith("#"))))
            child = child.next
    return deepest


@pytest.mark.parametrize("seed", range(4))
def test_no_tree_is_deeper_than_the_bound(seed: int) -> None:
    random = Random(seed)
    for _ in range(400):
        html = written(soup(random), random)
        assert tree_depth(html) <= measured(html)[1], html


def test_formatting_elements_are_counted_by_name() -> None:
    random = Random(7)
    for _ in range(2000):
        tags = soup(random)
        held: Counter[str] = Counter()
        most = 0
        for name, end in tags:
            if name in FORMATTING:
                held[name] = max(0, held[name] - 1) if end else held[name] + 1
                most = max(most, held.total())
        assert measured(written(tags, random))[0] == most


@pytest.mark.parametrize(
    ("html", "formatting", "depth"),
    [
        ("", 0, 3), ("no tags", 0, 3), ("<", 0, 4), ("</", 0, 3), ("<\\", 0, 4), ("<b", 0, 4), ("<B>", 1, 4),
        ("<bold><fontt ><strikes>", 0, 6), ("<table><td>", 0, 7), ("1 < 2", 0, 4), ("<b\u00e9>", 0, 4),
    ],
)  # fmt: skip
def test_edges_of_tags(html: str, formatting: int, depth: int) -> None:
    assert measured(html) == (formatting, depth)


@pytest.mark.parametrize(("levels", "refused"), [(70, False), (510, False), (511, True), (600, True)])
def test_a_page_is_refused_above_512_levels(levels: int, refused: bool) -> None:
    html = "<div>" * levels + "The miller weighs the grain before it is ground. " * 9 + "</div>" * levels
    if refused:
        with pytest.raises(ExtractionError, match="too_deep"):
            engine("resiliparse").extract(html)
    else:
        assert "miller" in engine("resiliparse").extract(html).text
