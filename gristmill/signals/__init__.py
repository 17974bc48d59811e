"""The registry of signals: every column that `annotate` measures, by family, with its definition and source."""
