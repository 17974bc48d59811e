"""Words just before a number that say what it is.

The window is short, within the line (or the line before, for a number that begins its line), and ends at a digit,
an @ or a placeholder: what stands behind another number belongs to that one, and masking that one does not bring the
word closer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spark_jobs.text.kernel import leaf
from spark_jobs.text.pii.kinds import ALPHA, DIGIT

SAYS_PHONE, SAYS_CARD, SAYS_SSN, SAYS_IP, SAYS_VERSION, SAYS_OTHER = 1, 2, 4, 8, 16, 32
WINDOW = 40

_WORDS = {
    SAYS_PHONE: "tel telephone phone phones call calling mobile cell cellphone fax ph hotline whatsapp sms dial tél "
    "téléphone portable mobil handy telefon telefono teléfono móvil celular telefone тел телефон 电话 電話 手机 手機 "
    "热线 熱線 传真 傳真 致电 联系方式 携帯 전화 연락처 휴대폰 팩스 هاتف جوال โทร दूरभाष",
    SAYS_CARD: "card cards visa mastercard amex maestro unionpay cc credit debit carte tarjeta karte kreditkarte carta "
    "cartão 卡号 银行卡 信用卡 储蓄卡 カード 카드 карта карты",
    SAYS_SSN: "ssn ss# social·security",
    SAYS_IP: "ip ips ipv4 address server host dns ping addr gateway nameserver 地址 服务器",
    SAYS_VERSION: "version versions ver v release build firmware revision rev section chapter clause § 版本 バージョン "
    "버전 версия chrome firefox safari opera android ios windows linux kernel java flash player driver",
    SAYS_OTHER: "order orders invoice tracking isbn issn sku serial item model ref reference ticket case doi ean upc "
    "barcode part·number part·no patent article docket batch lot timestamp 订单 单号 运单 快递 流水号 编号 型号 "
    "條碼 条形码 注文 品番 주문 заказ bestellnummer pedido commande",
}


def _word_table() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
    """(bytes of all words, their bounds (n + 1), what each says, first word per leading byte (257))."""
    words = sorted((word.replace("·", " ").encode(), says) for says, line in _WORDS.items() for word in line.split())
    bounds = np.cumsum([0, *(len(word) for word, _ in words)])
    first = np.searchsorted(np.array([word[0] for word, _ in words]), np.arange(257))
    text = np.frombuffer(b"".join(word for word, _ in words), np.uint8)
    return text, bounds, np.array([says for _, says in words], np.uint8), first


_TEXT, _BOUNDS, _SAYS, _FIRST = _word_table()


@leaf
def context(data: NDArray[np.uint8], lo: int, start: int) -> int:
    """What the words before data[start] say, a sum of SAYS_* flags. `lo`: where the document begins.

    Words in ASCII match whole and in any case; others as they stand, since their scripts put no space around them.
    """
    low = start
    floor = max(lo, start - WINDOW)
    if low > floor and data[low - 1] == 10:
        low -= 1
    while low > floor and data[low - 1] != 10 and data[low - 1] != 64 and data[low - 1] != 93:
        if DIGIT[data[low - 1]]:
            break
        low -= 1
    says = 0
    for at in range(low, start):
        byte = data[at] | 32 if ALPHA[data[at]] else data[at]
        for k in range(_FIRST[byte], _FIRST[byte + 1]):
            if not says & _SAYS[k] and _word_at(data, lo, at, start, k):
                says |= _SAYS[k]
    return says


@leaf
def _word_at(data: NDArray[np.uint8], lo: int, at: int, end: int, k: int) -> bool:
    begin = _BOUNDS[k]
    size = _BOUNDS[k + 1] - begin
    if at + size > end or (ALPHA[_TEXT[begin]] and at > lo and ALPHA[data[at - 1]]):
        return False
    for j in range(size):
        byte = data[at + j]
        if (byte | 32 if ALPHA[byte] else byte) != _TEXT[begin + j]:
            return False
    last = _TEXT[begin + size - 1]
    return not (ALPHA[last] and at + size < end and ALPHA[data[at + size]])
