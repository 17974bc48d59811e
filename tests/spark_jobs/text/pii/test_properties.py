"""What holds for any text: spans are in order and on characters, masking once is enough, and order does not matter."""

from __future__ import annotations

import random

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gristmill.signals.pii import PII, PII_TYPES
from spark_jobs.text.pii import mask, pii
from spark_jobs.text.pii.kinds import PLACEHOLDERS

KEY_BODY = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn" * 2
FRAGMENTS = [
    "a@b.com", "@", ".", "-", "+", "(", ")", " ", "\n", "/", "//", ":", "::", "=", "x12", "_", "]", "[", "#", "$", "€",
    "tel ", "call ", "电话", "card ", "ssn ", "order ", "ip ", "version ", "token=", "api_key: ", "中", "é", "\u00a0",
    "13812345678", "138 1234 5678", "+49 30 1234567", "(415) 555-2671", "415-555-2671", "555 2671", "0049", "+1", "1",
    "8.8.4.4", "52.10.200.30", "1.2.3.4", "2a00:1450:4009::200e", "4111111111111111", "4111 1111 1111 1111", "2024",
    "GB82WEST12345698765432", "11010519491231002X", "123-45-6789", "123456789", "AKIAIOSFODNN7ABCDEFG", "12-05-2020",
    "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", "a8Fk29xLq0ZpW7vB3nT5", "sk-", "eyJ", "xoxb-1", "12", "123456", "0",
    "-----BEGIN RSA PRIVATE KEY-----\n", KEY_BODY, "-----END RSA PRIVATE KEY-----", "-----", "com", "example.com",
    "[PHONE]", "[EMAIL]",
]  # fmt: skip
adversarial = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)
near = st.text(st.sampled_from("0123456789 .-+()/@:=x_aA,\n€é[]"), max_size=40)
texts = adversarial | near | st.text(max_size=30)


def measure(values: list[str | None]) -> pa.Table:
    return pii(pa.array(range(len(values)), pa.int64()), pa.array(values, pa.string()))


def masked(values: list[str | None]) -> list[str]:
    spans = measure(values)["pii_spans"].combine_chunks()
    result: list[str] = mask(pa.array(values, pa.string()), spans).to_pylist()
    return result


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, max_size=6))
def test_spans_are_sorted_apart_and_on_characters(values: list[str]) -> None:
    table = measure(list(values))
    for text, row in zip(values, table.to_pylist(), strict=True):
        data, last = text.encode(), 0
        for span in row["pii_spans"]:
            assert last <= span["start"] < span["end"] <= len(data)
            data[: span["start"]].decode()
            data[span["start"] : span["end"]].decode()
            last = span["end"]
        for code, kind in enumerate(PII_TYPES):
            assert row[f"pii_{kind}"] == sum(span["type"] == code for span in row["pii_spans"])


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=4, max_size=12))
@example(["tel 1234567 13812345678"])
@example(["a@b.com+4915112345678 12.foo@x.com"])
@example(["tel +49 1512345678, 1234567"])
def test_masked_text_holds_nothing_more(values: list[str]) -> None:
    once = masked(list(values))
    again = measure(list(once))["pii_spans"].to_pylist()
    assert [(text, spans) for text, spans in zip(once, again, strict=True) if spans] == []


def test_masked_text_holds_nothing_more_in_a_sweep() -> None:
    rng = random.Random(7)
    once = masked(["".join(rng.choices(FRAGMENTS, k=rng.randrange(1, 12))) for _ in range(20_000)])
    again = measure(list(once))["pii_spans"].to_pylist()
    assert [text for text, spans in zip(once, again, strict=True) if spans] == []


@settings(max_examples=30, deadline=None)
@given(st.lists(texts, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_a_document_is_masked_alike_in_any_company(values: list[str], rng: object) -> None:
    together = masked(list(values))
    assert together == [masked([text])[0] for text in values]
    assert together[::-1] == masked(list(values[::-1]))


def test_slices_nulls_and_large_strings_are_read() -> None:
    values = pa.array(["x 13812345678", None, "a@b.com", ""], pa.string())
    whole = pii(pa.array([1, 2, 3, 4]), values)
    assert pii(pa.array([2, 3, 4]), values[1:]).equals(whole.slice(1))
    assert pii(pa.array([1, 2, 3, 4]), values.cast(pa.large_string())).equals(whole)
    spans = whole["pii_spans"].combine_chunks()
    assert mask(values[2:], spans[2:]).to_pylist() == ["[EMAIL]", ""]
    assert whole.schema.names == ["doc_id", *(signal.name for signal in PII)]
    assert pii(pa.array([], pa.int64()), pa.array([], pa.string())).num_rows == 0


def test_placeholders_hold_nothing() -> None:
    assert len(set(PLACEHOLDERS)) == len(PII_TYPES)
    joined = "".join(PLACEHOLDERS)
    assert masked([joined, f"tel {joined}", f"token={joined}"]) == [joined, f"tel {joined}", f"token={joined}"]
