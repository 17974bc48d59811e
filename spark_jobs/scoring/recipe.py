"""What a score is trained from: a YAML file of named sets, which the model's card repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gristmill.settings import Settings, SettingsError, load_yaml

Kind = Literal["classifier", "perplexity", "importance", "outside"]

ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "classifier": (("positive", "negative", "reference"), ("evaluation",)),
    "perplexity": (("text", "reference"), ("positive", "negative", "evaluation")),
    "importance": (("target", "raw", "reference"), ("positive", "negative", "evaluation")),
    "outside": ((), ()),
}
"""Kind -> (sets that it needs, sets that it may have)."""

LIMIT = 100_000
"""Documents taken of a source that says no `limit`."""

SETS = ("positive", "negative", "text", "target", "raw", "reference", "evaluation")


class Source(Settings):
    """Texts: a file (`path`: Parquet or JSONL, plain or .gz, with `text` and, where known, `language` and `group`), or
    the documents of a snapshot (`kept`: only those that its decisions keep, or remove).

    `language` is that of all texts of a file; without it, and without the column, texts are identified. `group`: the
    site or work of a text; texts of one group are never parted between training and test. `limit`: documents taken,
    evenly spaced over the source; LIMIT without it. An evaluation set is always taken whole.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    path: Path | None = None
    snapshot: str | None = None
    kept: bool | None = None
    language: str | None = None
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if (self.path is None) == (self.snapshot is None):
            raise ValueError("give either path or snapshot")
        if self.path is not None and self.kept is not None:
            raise ValueError("'kept' belongs to a snapshot; a file has no decisions")
        if self.snapshot is not None and self.language is not None:
            raise ValueError("'language' belongs to a file; the language of a snapshot's documents was measured")
        return self


class Recipe(Settings):
    """One score. `positive` and `negative` are labels: the classifier learns from them and is tested on a part that it
    never saw; the other kinds are tested on them alone. A language with fewer than `min_labels` of either has no
    classifier, and no calibration; one with fewer than `min_reference` reference documents has no percentiles.
    `evaluation`: sets whose passages must not be in any training text. `order`: of the language model.

    For `outside`: `scores`, a Parquet file of doc_id and score (and, where known, snapshot and language), and
    `snapshot`, to whose documents it belongs unless the file says.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
    kind: Kind
    about: str = ""
    positive: list[Source] = Field(default_factory=list)
    negative: list[Source] = Field(default_factory=list)
    text: list[Source] = Field(default_factory=list)
    target: list[Source] = Field(default_factory=list)
    raw: list[Source] = Field(default_factory=list)
    reference: list[Source] = Field(default_factory=list)
    evaluation: list[Source] = Field(default_factory=list)
    scores: Path | None = None
    snapshot: str | None = None
    higher_is_better: bool = True
    order: int = Field(default=3, ge=2, le=5)
    min_labels: int = Field(default=200, ge=10)
    min_reference: int = Field(default=200, ge=10)
    min_tokens: int = Field(default=100_000, ge=1)
    seed: int = Field(default=0, ge=0)

    def sources(self, role: str) -> list[Source]:
        """The sources of one of SETS."""
        found: list[Source] = getattr(self, role)
        return found

    @model_validator(mode="after")
    def _complete(self) -> Recipe:
        needed, allowed = ROLES[self.kind]
        for role in SETS:
            if role in needed and not self.sources(role):
                raise ValueError(f"a score of kind '{self.kind}' needs the set '{role}'")
            if role not in (*needed, *allowed) and self.sources(role):
                raise ValueError(f"a score of kind '{self.kind}' has no set '{role}'")
        if bool(self.positive) != bool(self.negative):
            raise ValueError("labels need both sets, 'positive' and 'negative'")
        if (self.kind == "outside") != (self.scores is not None):
            raise ValueError("'scores' is the file of a score of kind 'outside', and of no other")
        if self.kind != "outside" and (self.snapshot is not None or not self.higher_is_better):
            raise ValueError("'snapshot' and 'higher_is_better' belong to a score of kind 'outside'")
        names = [source.name for role in SETS for source in self.sources(role) if role != "evaluation"]
        evaluated = {source.name for source in self.evaluation}
        if both := sorted(evaluated & set(names)):
            raise ValueError(f"'{both[0]}' is an evaluation set, and none of them may be trained or tested on")
        if cut := [source.name for source in self.evaluation if source.limit is not None]:
            raise ValueError(f"'{cut[0]}' is an evaluation set, which is sought whole; leave out its 'limit'")
        return self


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; the paths in it are relative to its folder. Raises SettingsError."""
    recipe = load_yaml(Recipe, path)
    places = [*(s.path for role in SETS for s in recipe.sources(role)), recipe.scores]
    for place in places:
        if place is not None and not (path.parent / place.expanduser()).is_file():
            raise SettingsError(f"{path}: there is no file {path.parent / place.expanduser()}")
    update: dict[str, object] = {
        role: [s.model_copy(update={"path": _absolute(path, s.path)}) for s in recipe.sources(role)] for role in SETS
    }
    return recipe.model_copy(update={**update, "scores": _absolute(path, recipe.scores)})


def _absolute(recipe: Path, path: Path | None) -> Path | None:
    return None if path is None else (recipe.parent / path.expanduser()).resolve()
