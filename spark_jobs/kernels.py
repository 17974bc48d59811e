"""Compile all kernels ahead of their first use: `python -m spark_jobs.kernels`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from spark_jobs.kernel_cache import CACHE

_DONE = CACHE / "all-compiled"
_TEXT = "A line of words, a mail to somebody@mill.io, and a number: 4.\n第二行没有空格。\n\n" * 3
_PAGE = f"<html><head><title>A page</title></head><body><article><h1>A page</h1><p>{_TEXT * 4}</p></article></body>"


def compile_all() -> None:
    """Compile every kernel of this version of the sources, as many at a time as there are processors."""
    if _DONE.is_file():
        return
    print(f"kernels: compiling them for this machine, once for each version: {CACHE}", flush=True)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for name, _ in zip(_JOBS, pool.map(_run, _JOBS), strict=True):
            print(f"  {name}", flush=True)
    _DONE.touch()


def _run(name: str) -> None:
    _JOBS[name]()


def _heuristics() -> None:
    import pyarrow as pa

    from spark_jobs.text.heuristics import heuristics

    heuristics(pa.array([0]), pa.array([_TEXT]), pa.array(["en"]))


def _pages() -> None:
    from spark_jobs.web.engines import engine

    engine("gristmill").extract(_PAGE)


def _pii() -> None:
    import pyarrow as pa

    from spark_jobs.text.pii import mask, pii

    text = pa.array([_TEXT])
    mask(text, pii(pa.array([0]), text).column("pii_spans").combine_chunks())


def _others() -> None:
    import pyarrow as pa

    from spark_jobs.text.content import content
    from spark_jobs.text.languages import languages
    from spark_jobs.text.line_masks import either, masked_bytes
    from spark_jobs.text.lines import apply_line_mask, lines
    from spark_jobs.text.minhash import minhash

    doc_id, text, language = pa.array([0]), pa.array([_TEXT]), pa.array(["en"])
    masks = lines(doc_id, text, language).column("c4_datatrove").combine_chunks()
    apply_line_mask(text, masks, True)
    masked_bytes(text, either(masks, masks))
    content(doc_id, text, language)
    languages(doc_id, text)
    minhash(doc_id, text)


_JOBS: dict[str, Callable[[], None]] = {
    "heuristics": _heuristics, "pages": _pages, "pii": _pii, "lines, content, languages, minhash": _others,
}  # fmt: skip
"""The slowest first."""

if __name__ == "__main__":
    from spark_jobs.kernels import compile_all as importable_compile_all

    importable_compile_all()
