"""The reader of HTML: blocks of text, references, implied ends, and pages that mean harm."""

from __future__ import annotations

import html as entities
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.web.dom.page import BEGIN, BLOCKS, END, LINK_CHARS, MAX_BLOCKS, MAX_NODES, NODES, PARENT
from spark_jobs.web.dom.parse import parse


def blocks_of(html: str) -> list[str]:
    _, page = parse(html)
    rows = page.blocks[: page.state[BLOCKS]]
    return [page.text[row[BEGIN] : row[END]].tobytes().decode() for row in rows]


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>one<p>two", ["one", "two"]),
        ("<ul><li>a<li>b</ul>c", ["a", "b", "c"]),
        ("<table><tr><td>a<td>b<tr><td>c</table>", ["a", "b", "c"]),
        ("wo<b>rd</b>s <i>in</i>line", ["words inline"]),
        ("a<br>b<br><br>c", ["a\nb", "c"]),
        ("<a href=x>one</a><a href=y>two</a>", ["one two"]),
        ("<p>a<script>if (a < b) '<p>x'</script>b", ["ab"]),
        ("a<!-- <p> --><!-->b<!--x-- >--><![CDATA[y]]>c", ["abc"]),
        ("<pre>\n  x\n\ty  z\n</pre>", ["  x\n\ty  z"]),
        ("<svg><text>no</text><path/></svg>yes<select><option>no</select>", ["yes"]),
        ("<title>t</title><p a='>' b=\">\" c=<d>e", ["e"]),
        ("<div><p>a</div>b", ["a", "b"]),
        ("<p>1 < 2 &amp;&amp; 3 <4 </p>", ["1 < 2 && 3 <4"]),
        ("<x-card>a</x-card><x-card>b</x-card>", ["a", "b"]),
        ("a\u00adb\ufeffc\x00d e\u3000f", ["abcd e f"]),
        ("<template><p>no</template><noscript>n</noscript>", ["n"]),
    ],
)
def test_blocks_are_those_that_a_browser_would_show(html: str, blocks: list[str]) -> None:
    assert blocks_of(html) == blocks


REFERENCES = ["&amp;", "&notin;", "&notit;", "&copy", "&#x4e2d;", "&#128;", "&#0;", "&", "&;", "&#x110000;", "&nGt;",
              "&ampx", "é", "中", "x", "&#xd800;", "&hellip;", "&#65"]  # fmt: skip


@given(st.lists(st.sampled_from(REFERENCES)))
@settings(deadline=None)
def test_references_are_read_as_the_standard_library_reads_them(parts: list[str]) -> None:
    source = "a" + "".join(parts) + "a"
    assert blocks_of(source) == [entities.unescape(source)]


@given(st.text(alphabet="<>/='\"!-&;#abpdivlitr x\n中\ud800", max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_within_bounds(html: str) -> None:
    _, page = parse(html)
    nodes, blocks = page.nodes[: page.state[NODES]], page.blocks[: page.state[BLOCKS]]
    assert all(nodes[1:, PARENT] < np.arange(1, len(nodes)))
    assert all(blocks[1:, BEGIN] == blocks[:-1, END])
    for text in blocks_of(html):
        assert text.strip(" \n")


def test_text_after_a_link_that_was_never_closed_by_its_block_is_no_link() -> None:
    _, page = parse("<a href=x>link</a> text <p>more</p>")
    assert page.blocks[:2, LINK_CHARS].tolist() == [4, 0]


HOSTILE = {
    "nested": "<div>" * 100_000 + "text",
    "unclosed formatting": "<b><i><font>x" * 30_000 + "text",
    "megabyte attribute": f"<p class='{'nav ' * 500_000}'>text",
    "open quote": "<p title='" + "x" * 1_000_000,
    "end tags": "<p>text" + "</b></div></table>" * 50_000,
    "references": "&" * 500_000 + "text",
    "comments": "<!-" * 200_000 + "-->text",
    "cells": "<table>" + "<td>text" * 50_000,
    "style": f"<p style='{'display ' * 100_000}'>text",
    "raw": "<script></scrip" * 100_000,
    "blocks": "<p>a" * (MAX_BLOCKS + 10),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_cost_linear_time_and_lose_no_text(name: str) -> None:
    blocks_of("<p>warm")
    start = time.process_time()
    blocks = blocks_of(HOSTILE[name])
    # Quadratic work would take hours; this is no measure of speed.
    assert time.process_time() - start < 20
    assert len(blocks) <= MAX_BLOCKS
    if name == "blocks":
        assert sum(block.count("a") for block in blocks) == MAX_BLOCKS + 10


def test_the_tree_is_bounded() -> None:
    _, page = parse("<i>x" * (MAX_NODES + 10))
    assert page.state[NODES] <= MAX_NODES
