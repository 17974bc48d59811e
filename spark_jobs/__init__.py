"""One file per Spark stage, and below them pure text code without Spark."""
