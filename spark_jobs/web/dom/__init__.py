"""A compiled reading of HTML: bytes to a bounded tree and blocks of text, blocks to features, blocks to plain text."""
