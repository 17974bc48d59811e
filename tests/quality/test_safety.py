"""The second detectors: what they find, what they leave alone, and that nothing but ids leaves them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gristmill.errors import UserError
from quality.audit_sample import sample
from quality.evaluation_sets import contained, grams, load
from quality.metrics import Metrics
from quality.safety import DETECTORS, SAMPLE, SEED, text_metrics

FOUND = {
    "email": ["write to jane.doe+x@mail.company.co.uk now", "<a.b@c-d.org>", "mailto:me@uni-bonn.de,"],
    "ipv4": [
        "from 81.2.69.142.",
        "version 3 of 81.2.69.142",
        "Linux server 81.2.69.142",
        "host 193.99.144.85 answered",
    ],
    "credit_card": [
        "4111 1111 1111 1111",
        "card 5500-0000-0000-0004.",
        "378282246310005",
        "order by card 4111111111111111",
    ],
    "api_key": [
        "AKIA" + "A1B2C3D4E5F6G7H8",
        "key=ghp_" + "a1B2" * 9,
        "sk_live_" + "x" * 24,
        "xoxb-" + "123456789012-aBcDeFgHiJkL",
    ],
    "private_key": [f"-----BEGIN {kind}PRIVATE KEY-----\nProc-Type: 4\n\nMII{'a1B2' * 12}=" for kind in ("RSA ", "")],
}
LEFT = {
    "email": ["user@example.com", "icon@2x.png", "a@b", "@handle", "x@host.test", "[EMAIL]",
              "jane.@mail.de", "a@-b.de", "icon@2x.bmp", "a" * 70 + "%b@mail.de"],
    "ipv4": ["10.0.0.1", "192.168.1.200", "127.0.0.1", "version 193.99.144.85", "1.2.3.4", "300.1.1.1", "1.2.3.4.200",
             "224.0.0.200", "[IPV4]", "81.2.69.142.in-addr.arpa", "81.2.69.142@night", "Chrome 120.0.6099.109",
             "Windows XP with Flash Player: 11.2.202.235", "section\n11.2.202.235"],
    "credit_card": ["4111 1111 1111 1112", "0000 0000 0000 0000", "41111111111111111111", "[CREDIT_CARD]",
                    "order 4111 1111 1111 1111", "4111-1111 1111 1111", "订单4111111111111111", "€4111111111111111"],
    "api_key": ["AKIA", "ghp_short", "[API_KEY]", "xoxb-your-slack-bot-token-here", "AKIA" + "A1B2C3D4E5F6G7H8-x"],
    "private_key": ["BEGIN PUBLIC KEY", "[PRIVATE_KEY]", "-----BEGIN RSA PRIVATE KEY-----",
                    "-----BEGIN PRIVATE KEY----- and -----END PRIVATE KEY----- stand around " + "a1B2" * 12],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_what_masking_should_have_replaced_is_found(kind: str, text: str) -> None:
    assert list(DETECTORS[kind](text))


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LEFT.items() for text in texts])
def test_what_masking_leaves_is_left(kind: str, text: str) -> None:
    assert not list(DETECTORS[kind](text))


def test_figures_count_documents_and_name_them_by_id_alone() -> None:
    texts = {i: "a quiet page" for i in range(998)} | {998: "a@b.de and c@d.de", 999: FOUND["api_key"][0]}
    metrics = Metrics()
    text_metrics(metrics, texts, {})
    rows = {(r["metric"], r["scope"], r["key"]): r["value"] for r in metrics.table().to_pylist()}
    assert rows["pii_per_1000", "total", ""] == 2
    assert rows["secrets", "total", ""] == 1
    assert rows["pii_documents", "type", "email"] == 1
    assert {key for _, scope, key in rows if scope == "document"} == {"email 998", "api_key 999"}
    assert not any("@" in str(key) for key in rows)


def test_a_fault_in_one_of_500_documents_is_in_95_of_100_samples() -> None:
    ids = np.arange(20_000, dtype=np.int64)
    seen = sum(bool((ids[sample(ids, SAMPLE, SEED + seed)] % 500 == 0).any()) for seed in range(30))
    assert seen >= 0.95 * 30


def test_no_text_has_no_figure() -> None:
    metrics = Metrics()
    text_metrics(metrics, {}, {})
    rows = {(r["metric"], r["scope"]): r["value"] for r in metrics.table().to_pylist()}
    assert rows["pii_per_1000", "total"] is None
    assert rows["secrets", "total"] is None


WORDS = "The quick brown fox jumps over the lazy dog while thirteen owls look on quietly tonight"


def test_thirteen_words_in_a_row_are_found_whatever_their_case_and_marks(tmp_path: Path) -> None:
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": WORDS, "choices": ["short", {"x": 1}]}) + "\n")
    (tmp_path / "plain.txt").write_text("nothing of the kind\n日本語の文章には空白がありません\n")
    sets = load([tmp_path / "quiz.jsonl", tmp_path / "plain.txt"])
    quiz, plain = sorted(sets, key=lambda name: name.startswith("plain"))
    assert contained(f"before. {WORDS.upper().replace(' ', ', ')} after", sets) == [quiz]
    assert contained("abc日本語の文章には空白がありません", sets) == [plain]
    twelve = " ".join(WORDS.split()[:12])
    assert contained(f"{twelve} otherwise {twelve}", sets) == []
    assert contained(WORDS, {}) == []


def test_the_figure_of_evaluation_sets_is_absent_without_any(tmp_path: Path) -> None:
    (tmp_path / "quiz.txt").write_text(WORDS)
    values = []
    for sets in ({}, load([tmp_path / "quiz.txt"])):
        metrics = Metrics()
        text_metrics(metrics, {1: WORDS, 2: "clean"}, sets)
        values += [r["value"] for r in metrics.table().to_pylist()
                   if (r["metric"], r["scope"]) == ("evaluation_documents", "total")]  # fmt: skip
    assert values == [None, 1]


def test_a_set_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{")
    for name in ("bad.jsonl", "absent.txt"):
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            load([tmp_path / name])


def test_a_separator_within_a_string_of_a_json_line_is_no_end_of_it(tmp_path: Path) -> None:
    odd = WORDS.replace(" quick", "\u2028quick").replace(" fox", "\x85fox")
    line = json.dumps({"question": odd}, ensure_ascii=False)
    (tmp_path / "quiz.jsonl").write_bytes(f"{line}\r\n\r\n{line}\n".encode())
    assert contained(WORDS, load([tmp_path / "quiz.jsonl"]))


def test_texts_shorter_than_a_run_have_none() -> None:
    assert list(grams("one two three")) == []
