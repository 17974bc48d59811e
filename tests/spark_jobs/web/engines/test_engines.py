"""All engines keep the same promises; the default one also those on form, metadata and scripts without spaces."""

from __future__ import annotations

from datetime import date

import pytest

from gristmill.errors import UserError
from spark_jobs.web.engines import DEFAULT, ENGINES, ExtractionError, engine
from spark_jobs.web.engines import trafilatura as trafilatura_engine

SENTENCE = "The miller weighs the grain before it is ground, and the flour after it has been ground twice. "
NAV = "<nav><ul>" + "".join(f"<li><a href='/{i}'>Section {i}</a></li>" for i in range(12)) + "</ul></nav>"
FOOTER = "<footer><p>Copyright 2020 The Mill. <a href='/p'>Privacy policy</a> <a href='/t'>Terms</a></p></footer>"


def page(content: str, head: str = "") -> str:
    return (
        f"<html><head><title>Grain | The Mill</title>{head}</head><body>{NAV}<main><article><h1>Grain</h1>{content}"
        f"</article></main>{FOOTER}</body></html>"
    )


def text_or_reason(name: str, html: str) -> str:
    try:
        return engine(name).extract(html).text
    except ExtractionError as error:
        return error.reason


ARTICLE = page("".join(f"<p>{SENTENCE * 3}({i})</p>" for i in range(6)))


@pytest.mark.parametrize("name", ENGINES)
def test_paragraphs_stay_and_navigation_goes(name: str) -> None:
    text = engine(name).extract(ARTICLE).text
    assert text.count("The miller weighs") == 18
    assert "Section 3" not in text
    assert "Privacy policy" not in text


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("html", ["", "<html></html>", "\x00", "<p>", "<script>x</script>", "\ud800"])
def test_a_page_without_text_is_refused_by_name(name: str, html: str) -> None:
    assert text_or_reason(name, html).strip("?\ufffd") in ("", "no_text", "bad_html")


@pytest.mark.parametrize("name", ENGINES)
def test_text_is_clean_and_the_same_twice(name: str) -> None:
    html = ARTICLE.replace("miller", "mil\x00l\x07er", 1)
    first, second = engine(name).extract(html), engine(name).extract(html)
    assert first == second
    first.text.encode("utf-8")
    assert not set(first.text) & {chr(c) for c in (*range(9), *range(14, 32), 127)}


def test_references_to_unsafe_characters_are_read_safely() -> None:
    html = ARTICLE.replace("miller", "mil&#1;ler &#xD800; &#0;", 1)
    assert "miller \ufffd \ufffd weighs" in engine(DEFAULT).extract(html).text


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'resiliparse'"):
        engine("resiliprase")


@pytest.mark.parametrize(("error", "raised"), [(MemoryError, MemoryError), (KeyError, ExtractionError)])
def test_memory_that_runs_out_is_not_the_fault_of_the_html(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], raised: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(trafilatura_engine, "bare_extraction", fail)
    with pytest.raises(raised):
        engine("trafilatura").extract(ARTICLE)


def test_lists_tables_code_and_headings_keep_their_form() -> None:
    prose = f"<p>{SENTENCE * 4}</p>"
    html = page(
        f"{prose}<h2>How it works</h2>{prose}<ul><li>Stone mills grind slowly.</li><li>Steel mills grind fast.</li>"
        f"</ul>{prose}<table><tr><td>rye</td><td>12</td></tr><tr><td>oats</td><td>7</td></tr></table>{prose}"
        f"<pre>def mill(x):\n    return x\n</pre>{prose}"
    )
    text = engine(DEFAULT).extract(html).text
    assert "\n\nHow it works\n\n" in text
    assert "- Stone mills grind slowly.\n- Steel mills grind fast." in text
    assert "rye | 12\noats | 7" in text
    assert "def mill(x):\n    return x" in text


@pytest.mark.parametrize(
    ("head", "day"),
    [
        ('<meta property="article:published_time" content="2020-03-04T10:00:00Z">', date(2020, 3, 4)),
        ('<script type="application/ld+json">{"datePublished": "2019-12-31"}</script>', date(2019, 12, 31)),
        ("<meta name=date content=20180102>", date(2018, 1, 2)),
        ("<meta property='article:published_time' content='2020-13-45'>", None),
    ],
)
def test_the_day_of_publication_is_read(head: str, day: date | None) -> None:
    assert engine(DEFAULT).extract(page(f"<p>{SENTENCE * 9}</p>", head)).published == day


@pytest.mark.parametrize(
    ("head", "title"),
    [("", "Grain"), ('<meta property="og:title" content="Corn &amp; rye">', "Corn & rye")],
)
def test_the_title_is_that_of_the_page_not_of_the_site(head: str, title: str) -> None:
    assert engine(DEFAULT).extract(page(f"<p>{SENTENCE * 9}</p>", head)).title == title


def test_a_page_of_short_text_still_gives_text() -> None:
    assert engine(DEFAULT).extract("<body><div>Closed on Monday</div></body>").text == "Closed on Monday"


@pytest.mark.parametrize(
    "sentence",
    ["服务器可以配置为记录每个请求，日志文件应该每天轮换一次，这样可以节省磁盘空间。",
     "サーバーはすべての要求を記録するように設定でき、ログは毎日交換する必要があります。",
     "서버는 모든 요청을 기록하도록 설정할 수 있으며 로그 파일은 매일 교체해야 합니다."],
)  # fmt: skip
def test_scripts_without_spaces_keep_their_paragraphs(sentence: str) -> None:
    text = engine(DEFAULT).extract(page("".join(f"<p>{sentence * 4}{i}</p>" for i in range(5)))).text
    assert text.count(sentence) == 20


@pytest.mark.parametrize("name", ENGINES)
def test_a_hostile_depth_is_survived(name: str) -> None:
    found = text_or_reason(name, "<div>" * 100_000 + f"<p>{SENTENCE * 5}")
    assert "miller" in found or found in ("too_deep", "no_text")
