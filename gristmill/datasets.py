"""The datasets of a snapshot and the stages that make them; names alone, so that DAG files may import it."""

from __future__ import annotations

from gristmill.scores import model_of

SIGNAL_FAMILIES = ("url", "language", "heuristics", "lines", "content", "pii", "minhash")
"""Column families of the signals, in the order in which they are measured."""

MADE_BY = {
    "documents": "extract", "rejects": "extract", **dict.fromkeys(SIGNAL_FAMILIES, "annotate"),
    "duplicates": "deduplicate", "boilerplate": "deduplicate", "decisions": "decide", "corpus": "curate",
    "index": "curate", "metrics": "measure",
}  # fmt: skip
"""Dataset of a snapshot -> its stage, which is the task of that name in crawl_snapshot."""


def made_by(names: tuple[str, ...]) -> dict[str, str]:
    """The part of MADE_BY that a task takes as its inputs."""
    return {name: MADE_BY[name] for name in names}


def command_of(name: str, scope: str) -> str:
    """The command that makes a dataset by hand, or words for it where `name` is no dataset of a snapshot."""
    stage = "annotate" if model_of(name) else MADE_BY.get(name)
    if stage is None:
        return "its stage"
    return f"`python -m {'quality' if stage == 'measure' else 'spark_jobs'}.{stage} --snapshot {scope}`"
