"""The lake: one digest per content, nothing published changes, damage is seen, half a writing is nothing."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.lake import (
    ROW_GROUP_ROWS,
    Account,
    FileEntry,
    Lake,
    LakeError,
    Manifest,
    canonical_json,
    dataset_digest,
    encode_table,
)
from gristmill.schemas import SCHEMAS
from gristmill.storage import PosixStorage

MIX_ROW = {"snapshot": "a", "doc_id": 1, "split": "train"}
MANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


def write(lake: Lake, unit: str, *ids: int, account: Account | None = None) -> FileEntry:
    table = pa.Table.from_pylist([{**MIX_ROW, "doc_id": i} for i in ids], schema=SCHEMAS["mix"])
    return lake.write_table("mix", unit, table, account)


def contents(lake: Lake) -> dict[Path, bytes]:
    folder = lake.storage.local_path("x").parent
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# Digests

units = st.dictionaries(st.text("ab/.é ", min_size=1, max_size=4), st.lists(st.integers(0, 5), max_size=4), max_size=4)


@MANY
@given(units, st.randoms())
def test_a_digest_depends_on_content_alone(tmp_path_factory: pytest.TempPathFactory, content: Any, random: Any) -> None:
    published = []
    for host in ("one", "two"):
        lake = Lake(PosixStorage(tmp_path_factory.mktemp(host)))
        names = list(content)
        random.shuffle(names)
        entries = [write(lake, name, *content[name]) for name in names]
        random.shuffle(entries)
        published.append((lake, lake.publish("mix", entries, {"host": host, "attempt": random.random()})))
    (first, mine), (second, theirs) = published
    assert mine.digest == theirs.digest
    assert [f.unit for f in mine.files] == [f.unit for f in theirs.files] == sorted(content)
    assert first.read(mine.digest).equals(second.read(theirs.digest))
    assert first.read(mine.digest).num_rows == mine.rows


def test_a_digest_changes_with_rows_units_and_dataset(lake: Lake) -> None:
    one, other, moved = write(lake, "u", 1), write(lake, "u", 2), write(lake, "v", 1)
    variants = [[one], [other], [moved], [one, moved], []]
    assert len({lake.publish("mix", entries, {}).digest for entries in variants}) == len(variants)
    assert dataset_digest("weights", [one]) != dataset_digest("model", [one])


def test_the_digest_of_a_published_dataset_is_this_one_for_ever() -> None:
    """Changing how digests are made orphans every lake; this is the formula, spelled out once."""
    entries = [FileEntry("b", "anywhere", "22", 0, 9), FileEntry("a", "elsewhere", "11", 3, 9, Account(3, 3))]
    account = '{"out":3,"quarantined":0,"records_in":3,"removed":{}}'
    spelled = f'{{"files":[["a","11",3,{account}],["b","22",0,null]],"schema":"tokenizer"}}'
    assert dataset_digest("tokenizer", entries) == hashlib.sha256(spelled.encode()).hexdigest()


def test_canonical_json_has_one_spelling() -> None:
    assert (
        canonical_json({"b": 1, "a": "é"}) == canonical_json(dict([("a", "é"), ("b", 1)])) == '{"a":"é","b":1}'.encode()
    )


# Tables

ids = st.integers(0, 2**62)
small = st.text("ab\U0001f33e\x00", max_size=3)
pairs = st.lists(st.fixed_dictionaries({"doc_id": ids, "jaccard": st.floats(0, 1, width=32)}), max_size=3)
rows_of: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "mix": {"doc_id": ids, "snapshot": st.none() | small, "split": st.none() | small},
    "duplicates": {"doc_id": ids, "cluster_id": st.none() | ids, "pairs": st.none() | pairs},
    "tokens": {"doc_id": ids, "tokens": st.none() | st.lists(st.integers(0, 2**32 - 1), max_size=3)},
    "minhash": {"doc_id": ids, "content_hash": st.none() | st.binary(min_size=16, max_size=16),
                "band_00": st.none() | st.binary(min_size=16, max_size=16)},
}  # fmt: skip
tables = st.sampled_from(sorted(rows_of)).flatmap(
    lambda name: st.lists(st.fixed_dictionaries(rows_of[name]), max_size=12).map(
        lambda rows: (name, pa.Table.from_pylist(rows, schema=SCHEMAS[name]))
    )
)


@MANY
@given(tables, st.lists(st.integers(0, 12), max_size=4), st.integers(0, 3))
def test_the_bytes_of_a_table_do_not_depend_on_its_chunks(
    named: tuple[str, pa.Table], cuts: list[int], pad: int
) -> None:
    dataset, table = named
    whole = encode_table(dataset, table)
    bounds = [0, *sorted(cuts), table.num_rows]
    chunks = [table.slice(low, max(0, high - low)) for low, high in itertools.pairwise(bounds)]
    # A slice of a longer table: its buffers hold more than its rows.
    longer = pa.concat_tables([table.slice(0, pad), *chunks, table.slice(0, pad)]).combine_chunks()
    cut = longer.slice(min(pad, table.num_rows), table.num_rows)
    assert encode_table(dataset, pa.concat_tables(chunks)) == whole
    assert encode_table(dataset, cut) == whole
    assert encode_table(dataset, table.replace_schema_metadata({"run": "today"})) == whole
    assert pq.read_table(io.BytesIO(whole)).cast(table.schema).equals(table)


def test_chunks_do_not_show_where_text_fills_several_pages() -> None:
    rows = [{"doc_id": i, "text": hashlib.sha256(b"%d" % i).hexdigest() * 16} for i in range(2500)]
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["documents"])
    chunks = [table.slice(0, 700), table.slice(700, 1), table.slice(701)]
    assert encode_table("documents", pa.concat_tables(chunks)) == encode_table("documents", table)


def test_equal_values_of_another_arrow_type_give_the_same_bytes() -> None:
    table = pa.Table.from_pylist([MIX_ROW] * 5, schema=SCHEMAS["mix"])
    other = table.set_column(0, "snapshot", table.column("snapshot").dictionary_encode())
    other = other.set_column(2, "split", table.column("split").cast(pa.large_string()))
    assert encode_table("mix", other) == encode_table("mix", table)


def test_row_groups_have_a_fixed_size(lake: Lake) -> None:
    entry = write(lake, "u", *range(ROW_GROUP_ROWS + 1))
    metadata = pq.read_metadata(lake.path(entry))
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [ROW_GROUP_ROWS, 1]


@pytest.mark.parametrize(
    ("dataset", "columns", "message"),
    [
        ("mix", {"doc_id": [1]}, r"columns are \['doc_id'\], declared are \['snapshot', 'doc_id', 'split', 'reason'\]"),
        (
            "mix",
            {"snapshot": ["a"], "doc_id": ["x"], "split": ["a"], "reason": ["a"]},
            "do not fit the declared schema",
        ),
        (
            "mix",
            {"snapshot": ["a"], "doc_id": [None], "split": ["a"], "reason": ["a"]},
            "do not fit the declared schema",
        ),
        ("mixes", {"doc_id": [1]}, "no table dataset 'mixes' is declared"),
    ],
)
def test_a_table_that_is_not_as_declared_is_refused(
    lake: Lake, dataset: str, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(LakeError, match=message):
        lake.write_table(dataset, "u", pa.table(columns))
    assert contents(lake) == {}


def test_files_are_for_the_datasets_that_hold_files(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "model.safetensors"
    source.write_bytes(b"weights")
    entry = lake.write_file("weights", "model.safetensors", source)
    assert lake.path(lake.publish("weights", [entry], {}).file("model.safetensors")).read_bytes() == b"weights"
    with pytest.raises(LakeError, match="'corpus' holds tables"):
        lake.write_file("corpus", "model.safetensors", source)


# Publishing


@pytest.mark.parametrize("account", [Account(5, 3, {"rule": 1}), Account(5, 3, {"rule": 1}, 2), Account(0, 1)])
def test_a_mass_balance_that_does_not_close_is_not_published(lake: Lake, account: Account) -> None:
    entries = [write(lake, "good", 1, account=Account(3, 1, {"rule": 1}, 1)), write(lake, "bad", 2, account=account)]
    with pytest.raises(LakeError, match=f"unit bad: the mass balance does not close by {account.residual} records"):
        lake.publish("mix", entries, {})
    assert lake.storage.list("manifests") == []


def test_the_same_rows_with_another_account_are_another_dataset(lake: Lake) -> None:
    first, second = (
        lake.publish("mix", [write(lake, "a", 1, account=Account(2, 1, {reason: 1}))], {}) for reason in ("old", "new")
    )
    assert first.digest != second.digest
    assert second.account == Account(2, 1, {"new": 1})


def test_the_account_of_a_dataset_is_the_sum_of_its_units(lake: Lake) -> None:
    entries = [write(lake, "a", 1, account=Account(4, 1, {"x": 1, "y": 1}, 1)), write(lake, "b", 2),
               write(lake, "c", 3, account=Account(3, 1, {"x": 2}))]  # fmt: skip
    assert lake.publish("mix", entries, {}).account == Account(7, 2, {"x": 3, "y": 1}, 1)
    assert lake.publish("mix", entries[1:2], {}).account is None


def test_a_unit_appears_once_and_its_file_is_there(lake: Lake) -> None:
    first, again = write(lake, "u", 1), write(lake, "u", 1)
    with pytest.raises(LakeError, match="a unit appears twice"):
        lake.publish("mix", [first, again], {})
    lake.path(again).unlink()
    with pytest.raises(LakeError, match="missing or has another size"):
        lake.publish("mix", [again], {})
    assert lake.storage.list("manifests") == []


def test_what_is_published_never_changes(lake: Lake) -> None:
    first = lake.publish("mix", [write(lake, "u", 1)], {"attempt": 1})
    before = contents(lake)
    assert lake.publish("mix", [write(lake, "u", 1)], {"attempt": 2}) == first
    lake.publish("mix", [write(lake, "u", 2)], {})
    after = contents(lake)
    assert {path: after[path] for path in before} == before


def test_a_unit_name_does_not_lead_out_of_the_lake(lake: Lake) -> None:
    entry = write(lake, "../../../a b/é", 1)
    assert lake.path(entry).parent == lake.storage.local_path("objects/mix")
    assert lake.publish("mix", [entry], {}).file("../../../a b/é") == entry


def test_provenance_stands_beside_the_digest_once_per_publication(lake: Lake) -> None:
    for attempt in (1, 2):
        digest = lake.publish("mix", [write(lake, "u", 1)], {"attempt": attempt}).digest
    records = [json.loads(lake.storage.get(key) or b"") for key in lake.storage.list(f"provenance/{digest}")]
    assert sorted(record["attempt"] for record in records) == [1, 2]


def test_two_processes_that_publish_the_same_content_agree(lake: Lake, concurrently: Any) -> None:
    def publish() -> Manifest:
        return lake.publish("mix", [write(lake, f"u{i}", i) for i in range(20)], {})

    first, second = concurrently(publish, publish)
    assert first == second == lake.manifest(first.digest)
    assert lake.damaged(first) == []


@pytest.mark.fault
def test_a_publication_killed_at_any_instant_is_there_or_not(every_instant: Any, tmp_path: Path) -> None:
    def publish(lake: Lake) -> str:
        return lake.publish("mix", [write(lake, "a", 1), write(lake, "b", 2)], {}).digest

    wanted = publish(Lake(PosixStorage(tmp_path / "wanted")))
    seen = set()
    for lake in every_instant(lambda instant: Lake(PosixStorage(tmp_path / str(instant))), publish):
        stored = lake.storage.list("manifests")
        seen.add(len(stored))
        assert stored in ([], [f"manifests/{wanted}.json"])
        assert not stored or lake.damaged(lake.manifest(wanted)) == []
        assert publish(lake) == wanted
        assert lake.read(wanted).column("doc_id").to_pylist() == [1, 2]
    assert seen == {0, 1}


# Damage


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


damage = pytest.mark.parametrize("hurt", [flip, truncate, Path.unlink])


@damage
def test_exactly_the_damaged_files_are_named(lake: Lake, hurt: Callable[[Path], None]) -> None:
    manifest = lake.publish("mix", [write(lake, "a", 1), write(lake, "b", 2), write(lake, "c", 3)], {})
    assert lake.damaged(manifest) == []
    hurt(lake.path(manifest.file("b")))
    assert lake.damaged(manifest) == [str(lake.path(manifest.file("b")))]


@damage
def test_publishing_again_heals_a_damaged_dataset(lake: Lake, hurt: Callable[[Path], None]) -> None:
    first = lake.publish("mix", [write(lake, "a", 1), write(lake, "b", 2)], {})
    hurt(lake.path(first.file("b")))
    again = lake.publish("mix", [first.file("a"), write(lake, "b", 2)], {})
    assert again.digest == first.digest
    assert lake.damaged(lake.manifest(first.digest)) == []


def test_a_file_that_cannot_be_read_says_which_and_what_to_do(lake: Lake) -> None:
    entry = write(lake, "u", 1)
    truncate(lake.path(entry))
    with pytest.raises(LakeError, match=r"objects/mix/u-.* cannot be read .*gristmill verify"):
        lake.read_file(entry)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [(b'"rows":1', b'"rows":2', "was changed"), (b'"unit":"u"', b'"unit":"v"', "was changed"),
     (b"}]", b"", "is not readable"), (b'"files"', b'"flies"', "is not readable")],
)  # fmt: skip
def test_a_manifest_that_was_changed_is_refused_until_it_is_published_again(
    lake: Lake, old: bytes, new: bytes, message: str
) -> None:
    digest = lake.publish("mix", [write(lake, "u", 1)], {}).digest
    path = lake.storage.local_path(f"manifests/{digest}.json")
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(LakeError, match=message):
        lake.manifest(digest)
    assert lake.publish("mix", [write(lake, "u", 1)], {}).rows == 1


def test_an_unknown_digest_or_unit_is_a_sentence(lake: Lake) -> None:
    with pytest.raises(LakeError, match="no dataset with digest 'abc'"):
        lake.manifest("abc")
    with pytest.raises(LakeError, match="has no unit 'v'"):
        lake.publish("mix", [write(lake, "u", 1)], {}).file("v")


def test_a_dataset_without_files_has_its_declared_columns(lake: Lake) -> None:
    digest = lake.publish("mix", [], {}).digest
    assert lake.read(digest).schema.equals(SCHEMAS["mix"])
    assert lake.read(digest, ["split"]).column_names == ["split"]


def test_rows_that_come_in_batches_are_one_file_like_any_other(lake: Lake) -> None:
    rows = [{**MIX_ROW, "doc_id": i} for i in range(ROW_GROUP_ROWS + 100)]
    entries = []
    for _ in range(2):
        with lake.table_writer("mix", "u") as writer:
            for start in range(0, len(rows), 1000):
                writer.append(rows[start : start + 1000])
            entries.append(writer.finish(Account(len(rows), len(rows))))
    assert entries[0].sha256 == entries[1].sha256
    assert (
        lake.read(lake.publish("mix", entries[:1], {}).digest).to_pylist()
        == pa.Table.from_pylist(rows, schema=SCHEMAS["mix"]).to_pylist()
    )
    assert pq.ParquetFile(lake.path(entries[0])).num_row_groups == 2


def test_a_writing_that_fails_leaves_no_file(lake: Lake) -> None:
    def failing() -> None:
        with lake.table_writer("mix", "u") as writer:
            writer.append([MIX_ROW])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert not list(lake.storage.local_path("objects").rglob("*.parquet"))


def test_a_disk_without_room_is_a_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with lake.table_writer("mix", "u") as writer:
        writer.append([MIX_ROW])
        with pytest.raises(LakeError, match=r"cannot be written.*No space.*make room"):
            writer.finish()


def test_what_is_no_input_is_counted_beside_the_balance() -> None:
    total = Account.total([Account(1, 1, other={"request": 2}), Account(0, 0, other={"request": 1, "warcinfo": 1})])
    assert total.other == {"request": 3, "warcinfo": 1}
    assert total.residual == 0
    assert "other" not in Account(1, 1).content()
    assert Account(1, 1, other={"request": 2}).content()["other"] == {"request": 2}
