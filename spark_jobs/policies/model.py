"""What a policy is: named rules in order, edits of what is kept, duplicates, and who stays of a cluster.

The model holds what the file says. Whether its signals exist and its rules can fire is asked in `validation`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from gristmill.settings import Settings

Value = StrictBool | str


def _no_is_a_word(code: Any) -> Any:
    if code is False:
        raise ValueError("YAML reads a bare no as false; write the Norwegian language as 'no', in quotes")
    return code


Language = Annotated[str, BeforeValidator(_no_is_a_word)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; yes and no are none."""

OUTCOMES = ("kept", "url_duplicate", "exact_duplicate", "near_duplicate", "too_short_after_edits")
"""What becomes of documents without a rule; a rule of such a name could not be told apart in the counts."""


def _no_outcome(name: str) -> str:
    if name in OUTCOMES:
        raise ValueError(f"'{name}' is what becomes of a document without a rule; choose another name")
    return name


RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$"), AfterValidator(_no_outcome)]


class Bounds(Settings):
    """A document passes from `min` to `max`, both inclusive, compared in the signal's own type."""

    min: Number | None = None
    max: Number | None = None

    def interval(self, whole: bool) -> tuple[float, float]:
        """The least and the greatest value that pass; the least above the greatest where none does.

        `whole`: the signal has whole numbers alone, so that 49.5 as `min` lets 50 pass first.
        """
        low = -math.inf if self.min is None else math.ceil(self.min) if whole else self.min
        high = math.inf if self.max is None else math.floor(self.max) if whole else self.max
        return low, high


class Rule(Bounds):
    """Removes a document whose `signal` leaves the bounds, is or holds one of `forbid`, or none of `require`.

    `languages` replaces both bounds for single languages; null switches the rule off there. `only` restricts
    the rule to languages. A document whose signal is null passes.
    """

    name: RuleName
    signal: str
    forbid: list[Value] | None = Field(default=None, min_length=1)
    require: list[Value] | None = Field(default=None, min_length=1)
    languages: dict[Language, Bounds | None] = Field(default_factory=dict)
    only: list[Language] | None = Field(default=None, min_length=1)
    why: str | None = None

    @property
    def named_languages(self) -> list[str]:
        """The languages that are treated differently from those that the rule does not name."""
        return sorted({*self.languages, *(self.only or ())})

    def bounds(self, language: str | None) -> Bounds | None:
        """What holds for a language (None: one that the rule does not name); None where the rule is off."""
        if self.only is not None and language not in self.only:
            return None
        if language is not None and language in self.languages:
            return self.languages[language]
        return Bounds(min=self.min, max=self.max)


class Final(Settings):
    """The last too-short rule, over the text as it is after the edits. `min_words` counts where words can be."""

    min_chars: int = Field(default=1, ge=1)
    min_words: int = Field(default=0, ge=0)


class Edits(Settings):
    """What curate does to kept text.

    `lines`: column of the family `lines` that says which lines go; null keeps all. `boilerplate`: lines that many
    pages of the host share go too, as the dataset of that name says. `citations`: drop `[3]`,
    `[edit]` and `[citation needed]`. `mask_pii`: true for all types, or the list of types to mask; they are looked
    for in the edited text, not taken from the family `pii`.
    """

    lines: str | None = None
    boilerplate: bool = False
    citations: bool = False
    mask_pii: bool | list[str] = False
    final: Final = Final()


class DuplicatePolicy(Settings):
    """`min_jaccard`: verified pairs below it do not remove; `same_url`: which capture of one canonical URL stays;
    `remove: false` keeps all members."""

    remove: bool = True
    same_url: Literal["newest", "oldest", "keep"] = "newest"
    min_jaccard: float = Field(default=0.8, gt=0, le=1)


class Policy(Settings):
    """Rules in order, then duplicates. `survivor`: who stays of a cluster, compared in this order, then by id."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")
    about: str = ""
    rules: list[Rule]
    edits: Edits = Edits()
    duplicates: DuplicatePolicy = DuplicatePolicy()
    survivor: list[Literal["longest", "surest_language"]] = Field(default=["longest"], min_length=1)

    @property
    def rule_names(self) -> list[str]:
        """Names in order; the index of a rule is what `evaluate` records."""
        return [rule.name for rule in self.rules]

    def deciding(self) -> Policy:
        """The policy without what no decision depends on: reasons and edits. Its digest is in the recipe."""
        rules = [rule.model_copy(update={"why": None}) for rule in self.rules]
        return self.model_copy(update={"about": "", "rules": rules, "edits": Edits()})
