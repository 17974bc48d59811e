"""Features that tell the text under the title from what is built like it, and text that a page says twice."""

from __future__ import annotations

import numpy as np

from spark_jobs.web.dom.features import ANCHORED, FEATURES
from spark_jobs.web.dom.kinds import page_row
from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.page import BEGIN, BLOCKS, END, Page
from spark_jobs.web.dom.parse import parse
from spark_jobs.web.engines.learned import measured, once

SENTENCE = "The miller weighs the grain number {} before it is ground, and the flour after it has been ground twice. "
BODY = "".join(f"<p>{SENTENCE.format(k)}</p>" for k in range(4))
COMMENTS = "".join(
    f"<div class=c><b>Ann {k}</b><div><p>{SENTENCE.format(f'x{k}') * 3}</p></div></div>" for k in range(6)
)
TITLE = "<title>How grain is milled</title>"
HTML = f"{TITLE}<div id=a><h1>How grain is milled</h1>{BODY}</div><div id=b>{COMMENTS}</div>"
DISTANCE, ELEMENTS_PER_BLOCK = ANCHORED, ANCHORED + 9


def rows_of(html: str) -> tuple[Page, list[str], Floats]:
    source, page = parse(html)
    texts = [page.text[b[BEGIN] : b[END]].tobytes().decode() for b in page.blocks[: page.state[BLOCKS]]]
    return page, texts, measured(source, html, page)[0]


def test_the_body_is_at_its_anchor_and_comments_are_not() -> None:
    _, texts, found = rows_of(HTML)
    body = [k for k, t in enumerate(texts) if t.startswith("The miller") and "number x" not in t]
    comments = [k for k, t in enumerate(texts) if "number x" in t]
    assert (len(body), len(comments)) == (4, 6)
    assert not found[body, DISTANCE].any()
    assert found[comments, DISTANCE].all()


def test_paragraphs_share_an_element_and_comments_do_not() -> None:
    _, texts, found = rows_of(HTML)
    spread = {t[:40]: float(v) for t, v in zip(texts, found[:, ELEMENTS_PER_BLOCK], strict=True)}
    assert spread[SENTENCE.format(1)[:40]] == 0.25
    assert spread[SENTENCE.format("x1")[:40]] == 1.0


def test_a_page_without_title_or_paragraph_has_finite_features() -> None:
    _, _, found = rows_of("<div>Closed</div><ul><li>on<li>Monday</ul>")
    assert found.shape[1] == FEATURES
    assert np.isfinite(found).all()


def test_the_row_of_a_page_is_that_of_its_parts_weighed_by_words() -> None:
    page, _, found = rows_of(HTML)
    row = page_row(found, page.blocks[: page.state[BLOCKS]])
    assert row.shape == (1, 2 * FEATURES)
    np.testing.assert_allclose(row[0, :FEATURES], found.mean(axis=0), atol=1e-3)
    assert (row[0, FEATURES:] <= found.max(axis=0) + 1e-3).all()


def test_long_text_is_kept_once_and_short_text_as_often_as_it_is_said() -> None:
    paragraph = "".join(SENTENCE.format(k) for k in range(7))
    page, texts, _ = rows_of(f"<p>{paragraph}<p>Read on<p>Other words of some length.<p>{paragraph}<p>Read on")
    keep = np.ones(len(texts), np.bool_)
    left = once(page.text, page.blocks[: page.state[BLOCKS]], keep)
    assert left.tolist() == [True, True, True, False, True]
    keep[0] = False
    assert once(page.text, page.blocks[: page.state[BLOCKS]], keep).tolist() == keep.tolist()
