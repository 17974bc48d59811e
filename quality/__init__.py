"""Metrics, gates, verdicts and reports: what a reviewer opens. No Spark, no torch."""
