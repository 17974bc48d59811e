"""Made-up crawls for looking at pages: one snapshot of some hundred documents, and releases of many snapshots."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from gristmill.catalogue import Catalogue
from gristmill.schemas import SCHEMAS
from gristmill.verdicts import Check
from tests.quality.views.pages import judge, released

LANGUAGES = {"en": 0.46, "de": 0.14, "ja": 0.11, "fr": 0.1, "ru": 0.08, "tr": 0.05, "ko": 0.04, "und": 0.02}
RULES = {
    "too_short": 0.2, "few_stop_words": 0.12, "repeated_lines": 0.1, "symbols": 0.06, "language_unsure": 0.05,
    "bullets": 0.02, "listed_words": 0.01, "ellipsis_lines": 0.01,
}  # fmt: skip
WORDS = [
    "grain", "mill", "stone", "flour", "water", "wheel", "sack", "bread", "harvest", "weather", "market", "river",
]  # fmt: skip


def documents(count: int) -> dict[str, tuple[Any, ...]]:
    """Rows for the `mills` fixture, beside its own five."""
    chance, found = random.Random(7), {}
    for number in range(count):
        [language] = chance.choices(list(LANGUAGES), LANGUAGES.values())
        [rule] = chance.choices([*RULES, None], [*RULES.values(), 1 - sum(RULES.values())])
        host = f"{chance.choice(WORDS)}-{int(chance.paretovariate(1.2))}.example"
        text = " ".join(chance.choices(WORDS, k=max(20, int(chance.lognormvariate(5, 1)))))
        row = (f"https://{host}/{number}", f"Page {number}", text, language, rule, None, None)
        found[chr(0x4E00 + number)] = row
    return found


def releases(mill: Any, count: int) -> list[str]:
    """`count` released snapshots of the mill, one a month, whose figures move; their ids, oldest first."""
    chance, paths, names = random.Random(11), [mill.snapshot.files[0].path], []
    past: dict[str, dict[str, float]] = {"drift.language_mix": {}, "drift.lengths": {}}
    for number in range(count):
        day = date(2008, 1, 7) + timedelta(days=28 * number)
        names.append(f"CC-MAIN-{day.isocalendar().year}-{day.isocalendar().week:02d}")
        Catalogue(mill.lake).add(names[-1], day, paths)
        mill.publish("metrics", {"snapshot": (_metrics(number, chance), None)})
        judge(mill, "pass", _checks(number, chance, past, names[-1]))
        released(mill, names[-1])
    return names


def _metrics(number: int, chance: random.Random) -> pa.Table:
    documents = round(90_000 * (1 + 0.3 * math.sin(number / 9)) + 4000 * chance.random())
    kept = round(documents * (0.31 + 0.03 * math.sin(number / 5) + 0.01 * chance.random()))
    totals = {
        "extract.records_in": 1.4 * documents, "extract.out": documents, "curate.documents": kept,
        "decide.kept_share": kept / documents, "curate.bytes": 4100.0 * kept,
        "decide.duplicates_removed": 0.2 * documents, "annotate.unknown_language_share": 0.02 + 0.01 * chance.random(),
        "extract.lost_share": 0.0004 * chance.random(),
    }  # fmt: skip
    rows = [(name, "total", "", value) for name, value in totals.items()]
    rows += [("curate.documents", "language", key, share * kept) for key, share in LANGUAGES.items()]
    rows += [("decide.removed", "rule", key, share * documents) for key, share in RULES.items()]
    rows += [("extract.documents", "host", f"host-{n}.example", 900.0 / (n + 1)) for n in range(1000)]
    table = [
        {"stage": name.rpartition(".")[0], "metric": name.rpartition(".")[2], "scope": scope, "key": key,
         "value": value, "count": 1}
        for name, scope, key, value in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(table, schema=SCHEMAS["metrics"])


def _checks(number: int, chance: random.Random, past: dict[str, dict[str, float]], name: str) -> list[Check]:
    checks = [
        Check("kept share", "block", "passed", 0.32, {"min": 0.02, "max": 1}, "why", "plausibility",
              "decide.kept_share"),
        *(Check(f"balance {n}", "block", "passed", 0.0, {"max": 0}, "every record is accounted for", "contract")
          for n in range(20)),
    ]  # fmt: skip
    for metric, history in past.items():
        value = round(0.03 + 0.02 * chance.random() + 0.01 * math.sin(number / 7), 6)
        before = dict(list(history.items())[-8:])
        words, bound = metric.partition(".")[2].replace("_", " "), {"max": 0.08 + 0.001 * (number % 9)}
        checks.append(Check(words, "warn", "passed", value, bound, "the mix moved", "drift", metric, before))
        history[name] = value
    return checks
