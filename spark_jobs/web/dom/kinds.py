"""What a page as a whole looks like, for the models that tell articles, forums and shops apart."""

from __future__ import annotations

import numpy as np

from spark_jobs.web.dom.layout import Floats
from spark_jobs.web.dom.page import SPACED_WORDS, UNSPACED
from spark_jobs.web.dom.text import Ints


def page_row(found: Floats, blocks: Ints) -> Floats:
    """1 x twice the features: the mean of each over blocks, and over words."""
    sizes = np.maximum(1.0, blocks[:, SPACED_WORDS] + 0.5 * blocks[:, UNSPACED])
    means = np.concatenate((found.mean(axis=0, dtype=np.float64), sizes @ found.astype(np.float64) / sizes.sum()))
    # Rounded, so that sums in another order give the same row.
    return np.round(means, 4).astype(np.float32)[None]
