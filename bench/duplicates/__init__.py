"""Deduplication measured: what it finds, how fast, beside its peers, and how its cost grows."""
