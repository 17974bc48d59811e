"""A compiled reading of HTML: bytes to a bounded tree and blocks of text, blocks to features, blocks to plain text."""

from spark_jobs import kernel_cache as kernel_cache
