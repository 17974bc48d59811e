"""Gristmill: web-crawl snapshots in, a judged corpus and a trained, evaluated language model out."""

__version__ = "0.1.0"
