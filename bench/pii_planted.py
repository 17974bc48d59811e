"""A seeded set of short texts with planted personal data and hard negatives, in eleven languages.

Values come from independent implementations of the published check-digit rules, none of them from the detectors.
"""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable
from datetime import date, timedelta

Maker = Callable[[random.Random], str]
Document = tuple[str, list[tuple[str, int, int]], list[tuple[str, int, int]]]
"""(text, planted spans, hard negatives): each (type or name, start, end) in bytes."""

_ALNUM = string.ascii_letters + string.digits


def digits(rng: random.Random, size: int) -> str:
    """Random digits."""
    return "".join(rng.choice(string.digits) for _ in range(size))


def luhn(body: str) -> str:
    """`body` with the check digit that ISO/IEC 7812 asks for."""
    doubled = [int(c) * (2 if i % 2 == 0 else 1) for i, c in enumerate(reversed(body))]
    return body + str(-sum(d // 10 + d % 10 for d in doubled) % 10)


def _card(rng: random.Random) -> str:
    prefix, size = rng.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16),
                               ("36", 14), ("3530", 16), ("622848", 19), ("6217", 16)])  # fmt: skip
    number = luhn(prefix + digits(rng, size - len(prefix) - 1))
    cuts = {16: (4, 8, 12, 16), 15: (4, 10, 15), 14: (4, 10, 14)}.get(size)
    style = rng.choice(["", " ", "-"])
    if not style or not cuts:
        return number
    return style.join(number[a:b] for a, b in zip((0, *cuts), cuts, strict=False))


def iban(country: str, account: str) -> str:
    """Country, check digits by ISO 13616 and account."""
    value = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    return f"{country}{98 - value % 97:02d}{account}"


def _iban(rng: random.Random) -> str:
    country, letters, size = rng.choice([("DE", 0, 18), ("GB", 4, 14), ("FR", 0, 23), ("NL", 4, 10), ("ES", 0, 20),
                                         ("CH", 0, 17), ("PL", 0, 24), ("NO", 0, 11)])  # fmt: skip
    account = "".join(rng.choice(string.ascii_uppercase) for _ in range(letters)) + digits(rng, size)
    number = iban(country, account)
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    return rng.choice([number, spaced, number.lower()])


def resident_id(area: str, born: date, order: str) -> str:
    """18 characters by GB 11643: check character by ISO 7064 MOD 11-2, as powers of two."""
    body = f"{area}{born:%Y%m%d}{order}"
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(body))
    return body + "10X98765432"[total % 11]


def _resident_id(rng: random.Random) -> str:
    born = date(1940, 1, 1) + timedelta(days=rng.randrange(25000))
    return resident_id(rng.choice(["110105", "310101", "440305", "510104", "620102"]), born, digits(rng, 3))


def _email(rng: random.Random) -> str:
    name = rng.choice(["li.wei", "anna_k", "j-p.dupont", "info+news", "z", "maria.garcia77", "13812345678"])
    host = rng.choice(["qq.com", "gmail.com", "mail.uni-bonn.de", "x.co.uk", "empresa.com.br", "firma.museum"])
    return f"{name}@{host}"


def _mobile(rng: random.Random) -> str:
    number = "1" + rng.choice("3456789") + digits(rng, 9)
    grouped = [f"{number[:3]}{s}{number[3:7]}{s}{number[7:]}" for s in " -"]
    return rng.choice([number, number, *grouped, f"+86 {number}", f"+86{number}", f"86-{number}"])


def _american(rng: random.Random) -> str:
    area, office, line = (
        rng.choice("23456789") + digits(rng, 2),
        rng.choice("23456789") + digits(rng, 2),
        digits(rng, 4),
    )
    return rng.choice([f"({area}) {office}-{line}", f"{area}-{office}-{line}", f"{area}.{office}.{line}",
                       f"+1 {area} {office} {line}", f"1-{area}-{office}-{line}", f"({area}){office}-{line}",
                       f"{area}-{office}-{line}x{digits(rng, 3)}"])  # fmt: skip


def _international(rng: random.Random) -> str:
    d = digits
    return rng.choice([
        f"+49 30 {d(rng, 7)}", f"+49 (0)89 {d(rng, 3)} {d(rng, 4)}", f"+44 20 7{d(rng, 3)} {d(rng, 4)}",
        f"+447{d(rng, 9)}", f"+33 1 {d(rng, 2)} {d(rng, 2)} {d(rng, 2)} {d(rng, 2)}", f"+81-3-{d(rng, 4)}-{d(rng, 4)}",
        f"+7 (495) {d(rng, 3)}-{d(rng, 2)}-{d(rng, 2)}", f"+82 10-{d(rng, 4)}-{d(rng, 4)}", f"+91 98{d(rng, 8)}",
        f"0041 44 {d(rng, 3)} {d(rng, 2)} {d(rng, 2)}", f"+34\u00a06{d(rng, 2)}\u00a0{d(rng, 3)}\u00a0{d(rng, 3)}",
    ])  # fmt: skip


def _local(rng: random.Random) -> str:
    d = digits
    return rng.choice([
        f"030 {d(rng, 7)}", f"030/{d(rng, 6)}", f"01 {d(rng, 2)} {d(rng, 2)} {d(rng, 2)} {d(rng, 2)}",
        f"03-{d(rng, 4)}-{d(rng, 4)}", f"010-{d(rng, 8)}", f"0{d(rng, 10)}",
        f"{rng.choice('56789')}{d(rng, 2)} {d(rng, 4)}",
        f"020 7{d(rng, 3)} {d(rng, 4)}", f"02-{d(rng, 3)}-{d(rng, 4)}", f"8 800 {d(rng, 3)} {d(rng, 2)} {d(rng, 2)}",
    ])  # fmt: skip


def _ipv4(rng: random.Random) -> str:
    first = rng.choice([23, 34, 45, 52, 81, 104, 139, 151, 185, 203, 212])
    return f"{first}.{rng.randrange(1, 255)}.{rng.randrange(114, 255)}.{rng.randrange(1, 255)}"


def _ipv6(rng: random.Random) -> str:
    group = [f"{rng.randrange(1, 65536):x}" for _ in range(6)]
    head = rng.choice(["2a00:1450", "2606:4700", "2001:470", "2400:cb00", "2804:14c"])
    return rng.choice([":".join([head, *group]), f"{head}::{group[0]}", f"{head}:{group[1]}::{group[2]}:{group[3]}"])


def _ssn(rng: random.Random) -> str:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10000):04d}"


def _random(rng: random.Random, size: int, chars: str = _ALNUM) -> str:
    return "".join(rng.choice(chars) for _ in range(size - 3)) + "a7Q"


def _web_token(rng: random.Random) -> str:
    part = base64.urlsafe_b64encode(f'{{"sub":"{digits(rng, 10)}"}}'.encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{part}.{_random(rng, 43)}"


def _key(rng: random.Random) -> str:
    upper = string.ascii_uppercase + string.digits
    return rng.choice([
        "AKIA" + "".join(rng.choice(upper) for _ in range(16)), f"ghp_{_random(rng, 36)}", f"AIza{_random(rng, 35)}",
        f"github_pat_{_random(rng, 22)}_{_random(rng, 59)}", f"xoxb-{digits(rng, 12)}-{_random(rng, 24)}",
        f"sk_live_{_random(rng, 24)}", f"sk-{_random(rng, 48)}", f"sk-proj-{_random(rng, 60)}", _web_token(rng),
    ])  # fmt: skip


def _private_key(rng: random.Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", ""])
    lines = "\n".join(_random(rng, 64, _ALNUM + "+/") for _ in range(rng.randrange(2, 6)))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


_PLAIN = ["Write to {} today.", "请看{}，谢谢。", "Kontakt {} (Zentrale)", "{}", "詳しくは{}まで。", "Écrivez à {} ;",
          "Пишите {}.",
          "문의: {} 입니다", "<td>{}</td>", "“{}”", "اكتب {} الآن"]  # fmt: skip
_CALL = ["Tel: {}", "Call {} now", "Phone number {}", "电话：{}。", "联系电话{}，", "電話 {}", "Telefon: {}", "Tél. {}",
         "Teléfono: {}", "тел. {}", "전화: {}"]  # fmt: skip

PLANTED: tuple[tuple[str, Maker, list[str]], ...] = (
    ("email", _email, [*_PLAIN, "mailto:{}", "邮箱{}联系"]),
    ("phone", _mobile, [*_PLAIN, *_CALL, "手机号{}微信同号"]),
    ("phone", _american, [*_PLAIN, *_CALL]),
    ("phone", _international, [*_PLAIN, *_CALL]),
    ("phone", _local, _CALL),
    ("ipv4", _ipv4, [*_PLAIN, "http://{}/x", "from {}:8080", "IP地址{}登录"]),
    ("ipv6", _ipv6, [*_PLAIN, "http://[{}]/", "from {} port 22"]),
    ("credit_card", _card, [*_PLAIN, "My card is {}.", "卡号{}", "Kreditkarte {}"]),
    ("iban", _iban, [*_PLAIN, "IBAN: {}", "Konto {}"]),
    ("cn_resident_id", _resident_id, ["身份证{}", "身份证号：{}，", "ID {} ", "（{}）"]),
    ("us_ssn", _ssn, ["SSN {}", "my social security number is {}.", "{}", "({})"]),
    ("us_ssn", lambda rng: _ssn(rng).replace("-", ""), ["SSN: {}", "social security {}"]),
    ("api_key", _key, ["key {}", 'TOKEN="{}"', "密钥{}。", "Authorization: Bearer {}", "{}"]),
    ("api_key", lambda rng: _random(rng, 32), ["api_key={}", '"apiKey": "{}"', "client_secret: {}", "token = '{}'"]),
    ("private_key", _private_key, ["{}\n", 'key = """{}"""']),
)

NEGATIVES: tuple[tuple[str, Maker, list[str]], ...] = (
    ("version", lambda r: f"{r.randrange(1, 99)}.{r.randrange(30)}.{r.randrange(30)}.{r.randrange(250)}",
     ["version {}", "v{}", "released in v{} of it", "版本{}", "lib-{}.tar.gz", "Chrome/{}", "Firmware {}"]),
    ("section", lambda r: ".".join(str(r.randrange(1, 9)) for _ in range(4)), ["{} Scope", "see section {}", "§ {}"]),
    ("order number", lambda r: digits(r, r.choice([8, 10, 11, 12, 14, 16, 18])),
     ["Order {}", "订单号{}", "order no. {}", "运单：{}", "Invoice #{}", "?id={}"]),
    ("date", lambda r: r.choice(["{1}-{0:02d}-{0:02d}", "{0:02d}/{0:02d}/{1}", "{1}{0:02d}{0:02d}", "{1}年{0}月{0}日",
                                 "{0:02d}.{0:02d}.{1}"]).format(r.randrange(1, 13), r.randrange(1950, 2040)),
     ["on {}", "日期：{}", "call {}", "tel {}", "{} 12:30"]),
    ("time span", lambda r: f"{r.randrange(1900, 2000)}-{r.randrange(2000, 2100)}", ["in {}", "call {}"]),
    ("timestamp", lambda r: f"1{r.randrange(5, 8)}{digits(r, r.choice([8, 11]))}", ["ts {}", "at {}", "{}"]),
    ("clock", lambda r: f"{r.randrange(24):02d}:{r.randrange(60):02d}:{r.randrange(60):02d}.{digits(r, 6)}", ["at {}"]),
    ("private ipv4", lambda r: r.choice(["10.1.{}.7", "192.168.{}.10", "172.16.{}.3", "127.0.0.{}", "192.0.2.{}",
                                         "100.64.1.{}", "255.255.255.{}"]).format(r.randrange(256)),
     ["host {}", "call {}", "地址{}"]),
    ("private ipv6", lambda r: r.choice(["fe80::{:x}", "2001:db8::{:x}", "fd00::{:x}", "::{:x}"])
     .format(r.randrange(4096)),
     ["host {}", "地址{}"]),
    ("price", lambda r: f"{r.randrange(1, 999)},{digits(r, 3)},{digits(r, 3)}.{digits(r, 2)}",
     ["${}", "€{}", "¥{}", "{} USD", "售价{}元", "call ${}"]),
    ("isbn", lambda r: f"978-{r.randrange(10)}-{digits(r, 3)}-{digits(r, 5)}-{r.randrange(10)}", ["ISBN {}", "{}"]),
    ("bare isbn", lambda r: f"978{digits(r, 10)}", ["ISBN {}", "{}"]),
    ("hash", lambda r: f"{r.getrandbits(160):040x}", ["commit {}", "sha1 {}", "{}"]),
    ("uuid", lambda r: str(uuid.UUID(int=r.getrandbits(128))), ["id {}", "{}", "call {}"]),
    ("coordinates", lambda r: f"{r.randrange(90)}.{digits(r, 6)}, -{r.randrange(180)}.{digits(r, 6)}",
     ["at {}", "+{}"]),
    ("part number", lambda r: f"AB{digits(r, 3)}-{digits(r, 3)}-{digits(r, 4)}", ["part {}", "{}", "call {}"]),
    ("mac", lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(6)), ["{}", "ether {}"]),
    ("fingerprint", lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(16)), ["{}", "md5 {}"]),
    ("reserved email", lambda r: f"{r.choice('abc')}@{r.choice(['example.com', 'mail.example.org', 'host.test'])}",
     ["{}"]),
    ("image file", lambda r: f"icon{r.randrange(9)}@2x.png", ["{}", "src={}"]),
    ("package", lambda r: f"lodash@{r.randrange(9)}.{r.randrange(9)}.{r.randrange(30)}", ["npm i {}"]),
    ("decimal", lambda r: f"{r.randrange(10)}.{digits(r, 11)}", ["= {}", "tel {}", "ratio {}"]),
    ("thousands", lambda r: f"{r.randrange(1, 999)} {digits(r, 3)} {digits(r, 3)}", ["{} inhabitants", "+{} users"]),
    ("bad card", lambda r: _flip(luhn("4" + digits(r, 14))), ["card {}", "{}"]),
    ("bad iban", lambda r: _flip(iban("DE", digits(r, 18))), ["IBAN {}", "{}"]),
    ("bad resident id", lambda r: "990105" + digits(r, 12), ["ID {}"]),
    ("random number", lambda r: digits(r, r.randrange(6, 25)), ["{}", "共{}个", "= {};"]),
    ("bad ssn", lambda r: f"{r.choice([0, 666, 900, 987]):03d}-{digits(r, 2)}-{digits(r, 4)}", ["SSN {}", "{}"]),
    ("placeholder key", lambda r: r.choice(["your_api_key_here_please_now", "x" * 32, "process.env.API_KEY_FOR_PROD"]),
     ["api_key={}", "token: {}"]),
    ("package name", lambda r: r.choice(["sk-learn-contrib-packages-index", "sk-toolkit-for-data-science-2"]), ["{}"]),
    ("public key", lambda r: f"-----BEGIN PUBLIC KEY-----\n{_random(r, 64)}\n-----END PUBLIC KEY-----", ["{}"]),
)  # fmt: skip


def _flip(number: str) -> str:
    """`number` with its last digit changed, which every check digit notices."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def planted(seed: int, documents: int) -> list[Document]:
    """Texts of one to three planted values, each of PLANTED's rows in turn, among as many hard negatives."""
    rng = random.Random(seed)  # noqa: S311 - a test set, not a secret
    made = []
    for n in range(documents):
        parts = [("planted", PLANTED[(n + k) % len(PLANTED)]) for k in range(rng.randrange(1, 4))]
        parts += [("negative", NEGATIVES[(n + k) % len(NEGATIVES)]) for k in range(rng.randrange(1, 4))]
        rng.shuffle(parts)
        text = ""
        spans: dict[str, list[tuple[str, int, int]]] = {"planted": [], "negative": []}
        for group, (name, make, contexts) in parts:
            before, after = rng.choice(contexts).split("{}")
            value = make(rng)
            start = len((text + before).encode())
            spans[group].append((name, start, start + len(value.encode())))
            text += before + value + after + rng.choice(["\n", ". Then it went on. ", "。后来，", "\n\n"])
        made.append((text, spans["planted"], spans["negative"]))
    return made
