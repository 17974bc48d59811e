"""Words: those of spaCy 3.8's English tokenizer (golden), and the segmentation of scripts without spaces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.text.classes import SYMBOLS, TERMINAL_MARKS, lower
from spark_jobs.text.english import exceptions
from spark_jobs.text.word_rules import word_hash
from spark_jobs.text.words import ALPHA, GAP, MARKS, PLAIN, STOP
from tests.spark_jobs.text.filters_oracle import tokens_of

GOLDEN = [
    ("Hello, world! (It's a test.)", "Hello , world ! ( It 's a test . )"),
    ("I can't; you'll've won't, cannot gonna y'all.", "I ca n't ; you 'll 've wo n't , can not gon na y' all ."),
    ("e.g. i.e. U.S. Mr.Smith met Dr. No. at 10am.", "e.g. i.e. U.S. Mr. Smith met Dr. No . at 10 am ."),
    ("see http://example.com/a-b?c=d, or me@site.org. and www.x.y/z; v1.2.3 foo.py",
     "see http://example.com/a-b?c=d , or me@site.org . and www.x.y / z ; v1.2.3 foo.py"),
    ("5km 10GB $5 5$ US$5 3.5% 20°C. x+y 3-4 2*3 a-b--c—d",
     "5 km 10 GB $ 5 5 $ US$ 5 3.5 % 20 ° C . x+y 3 - 4 2 * 3 a - b -- c — d"),
    ("wait... what…ok ..hm", "wait ... what … ok .. hm"),
    ("(and/or) [w/o] 'tis 'em “quoted” ‘a’", "( and/or ) [ w/o ] ' tis 'em “ quoted ” ‘ a ’"),
    ("well-known state-of-the-art user:name a/b/c x=y <tag> key>value",
     "well - known state - of - the - art user : name a / b / c x = y < tag > key > value"),
    ("#hash @user foo_bar C++ :) :-( <3 ^_^ (╯°□°）╯︵┻━┻", "# hash @user foo_bar C++ :) :-( <3 ^_^ (╯°□°）╯︵┻━┻"),
    ("id. said'd. a. B. NASA. end.Start Foo.bar x,y 1,000",
     "i d. said'd . a. B. NASA . end . Start Foo.bar x , y 1,000"),
    ("He's the dogs' o'clock Ma'am's rock'n'roll", "He 's the dogs ' o'clock Ma'am 's rock'n'roll"),
    ("10.0.0.1 8.8.8.8 256.1.1.1 localhost:8080/x https://a.b:80/",
     "10.0.0.1 8.8.8.8 256.1.1.1 localhost:8080 / x https://a.b:80/"),
    ("naïve café — déjà-vu Привет,мир!", "naïve café — déjà - vu Привет , мир !"),
    ("tabs\tand  two\n\nlines  nbsp", "tabs and two lines nbsp"),
    ("))))((( ,,, ;; !? ?! ---", ") ) ) ) ( ( ( , , , ; ; ! ? ? ! ---"),
    ("foo(bar);baz{qux}[1] a&b ©2020 ®x", "foo(bar);baz{qux}[1 ] a&b © 2020 ® x"),
    ("don’t it’s we’re ’s", "do n’t it ’s we ’re ’s"),
    ("x.y.z.com foo@bar a.b,c.d;e", "x.y.z.com foo@bar a.b , c.d;e"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), GOLDEN)
def test_english_is_cut_as_spacy_cuts_it(text: str, words: str) -> None:
    assert tokens_of(text)[0] == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("今天天气很好。", "今天 天气 很好 。"),
        ("「設定」は、Apache サーバー", "「 設定 」 は 、 Apache サーバー"),
        ("ひらがなです", "ひら がな です"),
        ("ภาษาไทยไม่มี", "ภาษา ไทยไ ม่มี"),
        ("한국어는 띄어쓴다.", "한국어는 띄어쓴다 ."),
        ("日本語abcDEF", "日本 語 abcDEF"),
    ],
)
def test_scripts_without_spaces_are_cut_by_length(text: str, words: str) -> None:
    assert tokens_of(text)[0] == words.split()


def test_exceptions_join_to_their_key() -> None:
    assert len(exceptions()) == 1343
    assert all("".join(parts) == word for word, parts in exceptions().items())
    assert exceptions()["can't"] == ("ca", "n't")
    assert "its" not in exceptions(), "a pronoun, not 'it is'"


pieces = st.sampled_from(
    ["it's", "Mr.", "e.g.", "a", "B", "word", "...", "…", ".", ",", "-", "--", "(", ")", "'s", "'", '"', "10", "km",
     "$", "http://a.bc/d", "@", "漢字", "かな", "カナ", "ไทย", "é", "🙂",
     "\0", ":)", "/", "+", "°", "C", "¯", "\U000e0041"]
)  # fmt: skip
texts = st.lists(
    st.one_of(pieces, st.sampled_from([" ", "  ", "\n", "\t", "\u3000"]), st.characters()), max_size=40
).map(lambda parts: "".join(p for p in parts if not "\ud800" <= p[:1] <= "\udfff"))


@settings(max_examples=300, deadline=None)
@given(texts)
def test_tokens_are_the_visible_characters_in_order(text: str) -> None:
    words, tokens = tokens_of(text)
    assert "".join(words) == "".join(text.split())
    for i, word in enumerate(words):
        points = np.array([ord(c) for c in word], np.int32)
        kind = int(tokens.kind[i])
        assert int(tokens.hash[i]) == int(word_hash(points, 0, len(points)))
        assert bool(kind & ALPHA) == any(c.isalpha() and ord(c) < 0x32400 for c in word)
        assert not kind & STOP or word in TERMINAL_MARKS
        assert bool(kind & PLAIN) == any(c not in SYMBOLS + TERMINAL_MARKS and not is_control(c) for c in word)
        assert not (kind & MARKS and kind & ALPHA)


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_white_space_parts_texts_for_good(left: str, right: str) -> None:
    words, tokens = tokens_of(f"{left}\n{right}")
    assert words == tokens_of(left)[0] + tokens_of(right)[0]
    first = len(tokens_of(left)[0])
    if 0 < first < len(words):
        assert tokens.kind[first] & GAP


def is_control(char: str) -> bool:
    return ord(char) < 32 or 127 <= ord(char) < 160


def test_a_long_run_takes_linear_time_and_one_token_per_mark() -> None:
    assert len(tokens_of(")" * 200_000)[0]) == 200_000
    assert len(tokens_of("a" * 200_000)[0]) == 1
    assert len(tokens_of("a-" * 50_000 + "a")[0]) == 100_001


def test_lower_case_is_one_to_one() -> None:
    table = lower()
    assert [chr(table[ord(c)]) for c in "AÉЖßz9"] == list("aéжßz9")
