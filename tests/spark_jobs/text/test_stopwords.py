"""Stop-word lists fit the kernels that read them."""

from __future__ import annotations

from spark_jobs.text.stopwords import STOP_WORDS


def test_lists_have_no_repeats_and_fit_the_kernels_table() -> None:
    for language, words in STOP_WORDS.items():
        split = words.split()
        assert len(split) == len(set(split)), language
        assert 2 <= len(split) <= 64, "the kernel counts distinct words of at most 64"


def test_english_is_the_published_list() -> None:
    assert set(STOP_WORDS["en"].split()) == {"the", "be", "to", "of", "and", "that", "have", "with"}
