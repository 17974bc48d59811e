"""What a page declares itself to be: og:type and JSON-LD types."""

from __future__ import annotations

import re

import numpy as np

from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.metadata import span_of
from spark_jobs.web.dom.page import Page
from spark_jobs.web.dom.vocabulary import METAS

# No part can match a quote or run past 40 characters, so that a search is linear.
_TYPE = re.compile(r'"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"([A-Za-z]{1,40})"')
OPEN_GRAPH = ("article", "product", "website", "")
JSON_LD = (
    frozenset(("article", "newsarticle", "blogposting", "reportagenewsarticle", "analysisnewsarticle", "techarticle")),
    frozenset(("product", "offer", "aggregateoffer", "productgroup")),
    frozenset(("discussionforumposting", "qapage", "question", "answer")),
    frozenset(("itemlist", "collectionpage", "searchresultspage", "offercatalog")),
)
FACTS = len(OPEN_GRAPH) + 1 + len(JSON_LD) + 1


def facts_of(source: bytes, html: str, page: Page) -> Floats:
    """FACTS numbers, each 0 or 1: the kinds of OPEN_GRAPH, another kind, those of JSON_LD, a time of publication."""
    found = np.zeros(FACTS, np.float32)
    kind = span_of(source, page, METAS["og:type"]).lower()
    found[OPEN_GRAPH.index(kind) if kind in OPEN_GRAPH else len(OPEN_GRAPH)] = 1
    # Most pages have none, which a search for fixed characters shows sooner.
    at = html.find('"@type"')
    types = {name.lower() for name in _TYPE.findall(html, at)} if at >= 0 else set()
    for k, names in enumerate(JSON_LD):
        found[len(OPEN_GRAPH) + 1 + k] = not names.isdisjoint(types)
    found[-1] = bool(span_of(source, page, METAS["article:published_time"]))
    return found
