"""What `gristmill policy` prints. Whatever comes from a crawl cannot steer a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill.printable import printable
from spark_jobs.policies.model import Policy
from spark_jobs.policies.trial import condition

Json = dict[str, Any]
CHANGES_SHOWN = 15


def checked(policy: Policy, families: Sequence[str]) -> str:
    """A sound policy: what passes each rule, and what it reads."""
    width = max((len(name) for name in policy.rule_names), default=0)
    lines = [f"policy {policy.name}: sound; {len(policy.rules)} rules, in this order. A document passes"]
    for rule in policy.rules:
        lines.append(f"  {rule.name:<{width}}  {condition(rule)}" + (f"  ({rule.why})" if rule.why else ""))
    return _text([*lines, f"needs the families {', '.join(families)}"])


def tried(found: Json) -> str:
    """The answer of `gristmill policy try`."""
    kept = found["kept"]
    lines = [
        f"policy {found['policy']} on snapshot {found['snapshot']}: {found['documents']:,} documents, "
        f"{found['bytes'] / 1e6:,.1f} MB of text; nothing was written",
        f"kept {kept['documents']:,} documents ({kept['share']:.1%}) with {kept['bytes_share']:.1%} of the text",
        "",
        f"{'removed by':<28}{'first':>8}{'share':>8}{'text':>8}{'also':>8}{'not measurable':>16}",
    ]
    for rule in found["rules"]:
        lines.append(
            f"{rule['name']:<28}{rule['first']:>8,}{rule['share']:>8.1%}{rule['bytes_share']:>8.1%}"
            + (f"{rule['also']:>8,}{rule['unmeasured']:>16,}" if "also" in rule else "")
        )
    lines += [
        "first: removed by this rule; also: would be, had no rule before it. Shares are of all documents, all text."
    ]
    lines += _silent(found["silent"])
    lines += ["", *_languages(found["languages"]), "", *_standing(found["standing"])]
    return _text([*lines, *_examples(found["rules"])])


def _silent(silent: list[Json]) -> list[str]:
    """A sentence per warning; the others together."""
    lines = [f"warning: {each['text']}" for each in silent if each["warning"]]
    if quiet := [each["rule"] for each in silent if not each["warning"]]:
        lines.append(f"never fired, without a prediction of ten or more: {', '.join(quiet)}")
    return lines


def _languages(languages: list[Json]) -> list[str]:
    lines = [f"{'language':<12}{'documents':>10}{'kept':>8}{'share':>8}  removed most by"]
    for each in languages:
        most = ", ".join(f"{name} {count:,}" for name, count in each["removed_most"].items())
        head = f"{each['language']:<12}{each['documents']:>10,}{each['kept']:>8,}{each['share']:>8.1%}"
        lines.append(f"{head}  {most}".rstrip())
    return lines


def _standing(standing: Json | None) -> list[str]:
    """The difference to the decisions that stand."""
    if standing is None:
        return ["the snapshot has no decisions yet to differ from"]
    lines = [
        f"against the standing decisions {standing['digest'][:12]}, which keep {standing['kept']:,} of "
        f"{standing['documents']:,}: {standing['newly_kept']:,} newly kept, {standing['newly_removed']:,} newly removed"
    ]
    if standing["only_here"]:
        lines.append(f"  {standing['only_here']:,} documents are not in them: they were extracted since")
    return [*lines, *_changes([(c["from"], c["to"], c["documents"]) for c in standing["changes"]])]


def _changes(changes: list[tuple[str, str, int]]) -> list[str]:
    lines = [f"  {before} -> {after}: {count:,}" for before, after, count in changes[:CHANGES_SHOWN]]
    if rest := changes[CHANGES_SHOWN:]:
        lines.append(f"  {len(rest)} further kinds: {sum(count for *_, count in rest):,}")
    return lines


def _examples(rules: list[Json]) -> list[str]:
    lines = []
    for rule in rules:
        for page in rule["examples"]:
            of = f", a duplicate of {page['duplicate_of']}" if page.get("duplicate_of") else ""
            lines.append(f"  {rule['name']}: {page['value']:g} against {page['threshold']:g}  {page['url']}{of}")
            lines.append(f"      {page['text'] or '(no text)'}")
    return ["", "examples, nearest the threshold:", *lines] if lines else []


def compared(summary: Json, listed: list[Json]) -> str:
    """The answer of `gristmill policy compare`."""
    a, b = summary["a"], summary["b"]
    lines = [
        f"A = {a}, B = {b}, snapshot {summary['snapshot']}: {summary['documents']:,} documents",
        f"  kept by both        {summary['kept_by_both']:>8,}",
        f"  kept by A only      {summary['kept_by_a_only']:>8,}",
        f"  kept by B only      {summary['kept_by_b_only']:>8,}",
        f"  removed by both     {summary['removed_by_both']:>8,}, for different rules "
        f"{summary['removed_for_different_rules']:,}",
    ]
    if not summary["changes"]:
        return _text([*lines, "nothing differs: A and B decide every document alike, by the same rules"])
    lines.append("what A does -> what B does")
    lines += _changes([(c["a"], c["b"], c["documents"]) for c in summary["changes"]])
    if listed:
        lines += [
            "",
            f"documents, {len(listed)} of {sum(c['documents'] for c in summary['changes']):,} (--csv has all)",
        ]
    for each in listed:
        lines.append(f"  {each['url']}  ({each['language']}, {each['bytes']:,} bytes)")
        lines.append(f"      A {_outcome(each, 'a')}; B {_outcome(each, 'b')}")
    return _text(lines)


def _outcome(document: Json, which: str) -> str:
    value, threshold = document[f"{which}_value"], document[f"{which}_threshold"]
    return str(document[which]) + ("" if value is None else f" {value:g} against {threshold:g}")


def _text(lines: list[str]) -> str:
    return "\n".join(printable(line) for line in lines)
