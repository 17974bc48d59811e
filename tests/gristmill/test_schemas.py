"""The declared schemas keep the promises that every stage relies on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.datasets import SIGNAL_FAMILIES
from gristmill.release import DATASETS
from gristmill.schemas import BANDS, FILE_DATASETS, HASHES, OFFSET_BITS, ROWS_PER_BAND, SCHEMAS

PER_DOCUMENT = sorted(set(SCHEMAS) - {"index", "metrics"})


@pytest.mark.parametrize("dataset", PER_DOCUMENT)
def test_a_document_is_named_by_a_doc_id_that_is_never_null(dataset: str) -> None:
    field = SCHEMAS[dataset].field("doc_id")
    assert field.type == pa.int64()
    assert not field.nullable


@pytest.mark.parametrize("family", SIGNAL_FAMILIES)
def test_a_signal_names_the_view_of_the_text_that_it_measures_and_holds_no_text(family: str) -> None:
    schema = SCHEMAS[family]
    assert all(field.metadata[b"view"] for field in schema if field.name != "doc_id")
    assert not {"text", "title", "url"} & set(schema.names)


def test_an_address_fits_a_positive_int64_and_a_signature_is_its_bands() -> None:
    assert (1 << 23) - 1 << OFFSET_BITS | (1 << OFFSET_BITS) - 1 == (1 << 63) - 1
    bands = [field.type for field in SCHEMAS["minhash"] if field.name.startswith("band_")]
    assert HASHES == BANDS * ROWS_PER_BAND
    assert bands == [pa.binary(2 * ROWS_PER_BAND)] * BANDS


def test_a_release_names_declared_tables_and_files_have_no_table_of_their_name() -> None:
    assert set(DATASETS) <= set(SCHEMAS)
    assert not FILE_DATASETS & set(SCHEMAS)
