"""The `url` family: what lists of domains, addresses and words say about a page's URL."""

from __future__ import annotations

import pyarrow as pa

from gristmill.signals.signal import Signal, count

_VIEW = "url"
_WORDS = "FineWeb's URL filter (Penedo et al. 2024); lower case here"
_NULL = "no URL"

URL: tuple[Signal, ...] = (
    Signal("url_domain_categories", pa.list_(pa.string()), "category names", "categories whose lists hold the host, a "
           "domain above it, or the address itself; sorted, empty where there is none", "UT1's form of lists", _VIEW,
           null=_NULL),
    count("url_hard_words", "words", "different listed words among the URL's runs of letters and digits", _WORDS, _VIEW,
          _NULL),
    count("url_soft_words", "words", "as url_hard_words, of the list of words that ban only in numbers (FineWeb: 2)",
          _WORDS, _VIEW, _NULL),
    count("url_subwords", "occurrences", "listed words anywhere in the URL without all but letters and digits, not "
          "overlapping", _WORDS, _VIEW, _NULL),
)  # fmt: skip
