"""The card of a score's model as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gristmill.printable import printable

_KEPT_SHOWN = (10, 25, 50, 75, 90)
"""Percentiles of the threshold curve that are shown; --json has all."""


def shown(digest: str, card: dict[str, Any]) -> str:
    """What a person wants to know of a model; names that users gave cannot steer a terminal."""
    return "\n".join(printable(line) for line in _lines(digest, card))


def _lines(digest: str, card: dict[str, Any]) -> Iterator[str]:
    yield f"{card['name']}: {card['kind']}, {card['status']}" + (f"; {card['about']}" if card["about"] else "")
    yield f"  model      {digest}"
    better = "greater" if card["higher_is_better"] else "smaller"
    yield f"  score      {card['unit']}; {better} is better"
    yield f"  languages  {_listed(card['languages']) if card['kind'] != 'outside' else 'as the file has them'}"
    yield from _left_out(card)
    yield from _sources(card)
    for code, tested in card.get("test", {}).items():
        yield from _test(code, tested)
    if card["status"] == "uncalibrated":
        yield "  no held-out labels tell what this score is worth: look at documents before a policy uses it"
    places = ", ".join(f"{code} {count:,}" for code, count in card["reference"].items())
    yield f"  percentiles among reference documents: {places or 'of no language; too few reference documents'}"


def _left_out(card: dict[str, Any]) -> Iterator[str]:
    if few := card.get("too_few_labels"):
        counts = [f"{code} ({n['positive']}/{n['negative']}, {n.get('least_in_fold', '?')})" for code, n in few.items()]
        yield f"  no score   too few labels (positive/negative, least in a fold): {_listed(counts)}"
    if little := card.get("too_little_text"):
        yield f"  no score   too little text: {_listed(sorted(little))}"
    for role, counts in card.get("left_out", {}).items():
        said = [f"{count:,} texts {kind.replace('_', ' ')}" for kind, count in counts.items() if count]
        if said:
            yield f"  left out   of {role}: {', '.join(said)}"


def _sources(card: dict[str, Any]) -> Iterator[str]:
    if "scores" in card:
        yield f"  scores     {card['scores']['file']}: {card['scores']['rows']:,} of {_listed(card['snapshots'])}"
    if card["kind"] != "outside" and "evaluation" not in card["sources"]:
        yield "  evaluation none is named: nothing says that no evaluation set was learned from"
    for role, sources in card.get("sources", {}).items():
        for source in sources:
            place = source.get("file") or f"snapshot {source['snapshot']}"
            yield f"  {role:<10} {source['name']}: {source['documents']:,} documents of {place}"


def _test(code: str, tested: dict[str, Any]) -> Iterator[str]:
    low, high = tested["auc_95"]
    yield (
        f"  test {code:<6} AUC {tested['auc']:.3f} ({low:.3f} to {high:.3f}) on {tested['positive']:,} positive and "
        f"{tested['negative']:,} negative texts"
    )
    for row in tested["curve"]:
        if row["percentile"] in _KEPT_SHOWN:
            yield (
                f"    from percentile {row['percentile']:>2} of these on: {row['positives_kept']:.1%} of the positive "
                f"and {row['negatives_kept']:.1%} of the negative stay"
            )
    if "calibration" in tested:
        yield f"    calibration error {tested['calibration']['error']:.3f}, Brier {tested['calibration']['brier']:.3f}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
