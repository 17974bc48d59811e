"""Personal data in strings that have no spans of their own: URLs and titles."""

from __future__ import annotations

import pytest

from quality.masking import masked_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x/u?mail=ann@house.de", "https://x/u?mail=[email]"),
        ("https://x/u?mail=ann%252540house%2Ede", "https://x/u?mail=[email]"),
        ("ann%E2%80%8B@house.de", "[email]"),
        ("Müller: müller@house.de, x", "Müller: [email], x"),
        ("https://x/?phone=%2B498912345678", "https://x/?phone=[phone]"),
        ("https://x/?card=4111111111111111", "https://x/?card=[credit_card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 Bank", "IBAN [iban] Bank"),
        ("https://x/a%20b", "https://x/a%20b"),
        ("icon@2x.png", "icon@2x.png"),
        ("a@example.com", "a@example.com"),
        ("http://93.184.216.34/a", "http://93.184.216.34/a"),
    ],
)
def test_personal_data_is_masked_and_nothing_else_is_touched(text: str, shown: str) -> None:
    assert masked_text(text) == shown
