"""Each type by example, the numbers with checks against independent implementations, and hard negatives."""

from __future__ import annotations

import ipaddress
import random
from datetime import date

import pyarrow as pa
import pytest

from gristmill.signals.pii import PII_TYPES
from spark_jobs.text.pii import UnknownTypeError, apply_edits, mask, pii

RNG = random.Random(5)


def found(values: list[str]) -> list[list[tuple[str, str]]]:
    """(type, text) of the spans of each value."""
    rows = pii(pa.array(range(len(values)), pa.int64()), pa.array(values, pa.string()))["pii_spans"].to_pylist()
    return [
        [(PII_TYPES[s["type"]], value.encode()[s["start"] : s["end"]].decode()) for s in row]
        for value, row in zip(values, rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("邮箱zhang.wei@qq.com联系", "email", "zhang.wei@qq.com"),
        ("(a+b@mail.uni-bonn.de).", "email", "a+b@mail.uni-bonn.de"),
        ("13812345678@163.com", "email", "13812345678@163.com"),
        ("电话13812345678。", "phone", "13812345678"),
        ("86-138 1234 5678", "phone", "86-138 1234 5678"),
        ("+49 (0)30\u00a0123456!", "phone", "+49 (0)30\u00a0123456"),
        ("0041 44 668 18 00", "phone", "0041 44 668 18 00"),
        ("at (415) 555-2671x12.", "phone", "(415) 555-2671x12"),
        ("1-800-555-0199", "phone", "1-800-555-0199"),
        ("Tel.: 03-5809-2727", "phone", "03-5809-2727"),
        ("Phone:\n467 3395", "phone", "467 3395"),
        ("http://5.6.7.8/x", "ipv4", "5.6.7.8"),
        ("from 52.10.200.30:80", "ipv4", "52.10.200.30"),
        ("src=52.10.200.30", "ipv4", "52.10.200.30"),
        ("[2a00:1450:4009::200e]:80", "ipv6", "2a00:1450:4009::200e"),
        ("卡号4111111111111111", "credit_card", "4111111111111111"),
        ("3782-822463-10005", "credit_card", "3782-822463-10005"),
        ("gb82 west 1234 5698 7654 32", "iban", "gb82 west 1234 5698 7654 32"),
        ("身份证11010519491231002X，", "cn_resident_id", "11010519491231002X"),
        ("SSN: 123456789", "us_ssn", "123456789"),
        ("(123-45-6789)", "us_ssn", "123-45-6789"),
        ("AKIAIOSFODNN7ABCDEFG", "api_key", "AKIAIOSFODNN7ABCDEFG"),
        ('"api_key": "a8Fk29xLq0ZpW7vB3nT5"', "api_key", "a8Fk29xLq0ZpW7vB3nT5"),
    ],
)
def test_examples(text: str, kind: str, span: str) -> None:
    assert found([text]) == [[(kind, span)]]


NOTHING = [
    "version 1.2.3.4", "v1.2.3.4", "5.14.2.5. Details", "Chrome/91.0.4472.124", "订单号13812345678",
    "Order 415-555-2671",
    "?id=13812345678", "1700000000000", "2024-05-01 12:30:00", "call 2024-05-01", "tel 12.05.2020", "tel 20240501",
    "call 2019-2020", "192.168.1.10", "call 192.168.1.10", "192.0.2.7", "2001:db8::1", "fe80::1", "$1,415,555.26",
    "ISBN 978-0-306-40615-7", "d41d8cd98f00b204e9800998ecf8427e", "12345678-1234-1234-1234-123456789012",
    "a@example.com",
    "37.774929, -122.419416", "+40.712776", "AB415-555-2671", "icon@2x.png", "lodash@4.17.21", "+312 123 456 users",
    "card 4111111111111112", "GB83WEST12345698765432", "110105194912310021",
    "000-12-3456", "078-05-1120",
    "987-65-4321",
    "api_key=your_api_key_here_please", "sk-learn-contrib-packages-2", "aa:bb:cc:dd:ee:ff", "10:30:45:2001", "",
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----", "@@@@", "a@b", "a@-b.com", "3.13812345678",
]  # fmt: skip


def test_hard_negatives_are_not_touched() -> None:
    assert {text: spans for text, spans in zip(NOTHING, found(NOTHING), strict=True) if spans} == {}


def luhn(number: str) -> bool:
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(int(c) if i % 2 == 0 else table[int(c)] for i, c in enumerate(reversed(number))) % 10 == 0


def test_cards_are_those_that_luhn_accepts() -> None:
    numbers = ["4" + "".join(RNG.choices("0123456789", k=15)) for _ in range(500)]
    assert [bool(spans) for spans in found(numbers)] == [luhn(number) for number in numbers]
    assert 20 < sum(map(luhn, numbers)) < 100


def test_accounts_are_those_that_mod_97_accepts() -> None:
    account = "".join(RNG.choices("0123456789", k=18))
    numbers = [f"DE{check:02d}{account}" for check in range(2, 99)]
    right = [int("".join(str(int(c, 36)) for c in n[4:] + n[:4])) % 97 == 1 for n in numbers]
    assert [spans == [("iban", n)] for n, spans in zip(numbers, found(numbers), strict=True)] == right
    assert sum(right) == 1


def test_resident_numbers_are_those_with_a_date_and_the_check_character() -> None:
    bodies = [
        f"110105{year}{month:02d}{day:02d}003" for year in (1899, 1955, 2001) for month in range(14) for day in (1, 32)
    ]
    texts, right = [], []
    for body in bodies:
        for check in "0123456789X":
            texts.append(body + check)
            # ISO 7064 MOD 11-2: the weighted sum with the check character is 1.
            total = sum((10 if c == "X" else int(c)) * 2 ** (17 - i) for i, c in enumerate(body + check))
            right.append(total % 11 == 1 and _is_date(body[6:14]) and body[6:8] != "18")
    assert [("cn_resident_id", t) in spans for t, spans in zip(texts, found(texts), strict=True)] == right
    assert sum(right) == 24


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_addresses_are_those_that_are_routed() -> None:
    reserved = ["2002::/16", "3fff::/20", "2001::/23", "2001:db8::/32"]
    four = [str(ipaddress.IPv4Address(RNG.getrandbits(32))) for _ in range(2000)]
    four += [
        f"{a}.{b}.{c}.77"
        for a in (100, 169, 172, 192, 198, 203, 224)
        for b in (0, 18, 51, 64, 254)
        for c in (1, 2, 100, 113)
    ]
    right = [(ip := ipaddress.ip_address(a)).is_global and not ip.is_multicast for a in four]
    assert [bool(spans) for spans in found([f"ip {a}" for a in four])] == right
    heads = ["2001:", "2001:db8:", "2002:", "3fff:", "2400:", "fd00:", "2001:200:", "1fff:", "4000:"]
    six = [f"{head}{RNG.getrandbits(12):x}::{RNG.getrandbits(16):x}" for head in heads for _ in range(50)]
    routed = ipaddress.ip_network("2000::/3")
    kept = [ipaddress.ip_network(net) for net in reserved]
    good = [(ip := ipaddress.ip_address(a)) in routed and not any(ip in net for net in kept) for a in six]
    assert [spans == [("ipv6", a)] for a, spans in zip(six, found(six), strict=True)] == good


def test_masking_some_types_and_an_unknown_one() -> None:
    text = pa.array(["a@b.com 13812345678"])
    spans = pii(pa.array([1]), text)["pii_spans"].combine_chunks()
    assert mask(text, spans, ["phone"]).to_pylist() == ["a@b.com [PHONE]"]
    assert mask(text, spans, []).to_pylist() == text.to_pylist()
    with pytest.raises(UnknownTypeError, match="choose from email"):
        mask(text, spans, ["mail"])


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ([(0, 2)], "[EMAIL] z"),
        ([(0, 9), (10, 11)], " "),
        ([(2, 9)], "x  z"),
        ([(2, 4), (6, 7)], "x [EMAIL] z"),
        ([(0, 4)], "[EMAIL] z"),
        ([(5, 11)], "x [EMAIL]"),
    ],
)
def test_dropped_ranges_win_and_nothing_of_a_span_stays(drops: list[tuple[int, int]], expected: str) -> None:
    text = pa.array(["x a@b.com z", "q"])
    spans = pii(pa.array([1, 2]), text)["pii_spans"].combine_chunks()
    starts = pa.array([[a for a, _ in drops], []], pa.list_(pa.int32()))
    ends = pa.array([[b for _, b in drops], None], pa.list_(pa.int32()))
    assert apply_edits(text, starts, ends, spans).to_pylist() == [expected, "q"]


@pytest.mark.parametrize(
    "bait",
    ["1", "@", "a@", "1.", "1-", "1 ", "::", "2001:", "eyJ.", "sk-", "token=", "-----BEGIN PRIVATE KEY-----", "tel 1",
     "(",
     "+1", "a.a@a.", "GB82 ", "13812345678 ", "a@b.com+49 30 1234567"],
)  # fmt: skip
def test_hostile_repetition_ends_and_stays_masked(bait: str) -> None:
    text = pa.array([bait * (200_000 // len(bait))])
    once = mask(text, pii(pa.array([1]), text)["pii_spans"].combine_chunks())
    assert not pii(pa.array([1]), once)["pii_spans"].to_pylist()[0]
