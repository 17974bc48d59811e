"""The storage contract: a new backend is one more line in BACKENDS."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.storage import PosixStorage, Storage, StorageError

BACKENDS: dict[str, Callable[[Path], Storage]] = {"posix": PosixStorage}
"""Backend -> what opens the store of a folder; processes that open the same folder share the store."""

OLD, NEW = b"old" * 100_000, b"new" * 150_000
KEYS = ["a", "b/c", "b/d.json"]
Operation = tuple[str, str, bytes | None, bytes]
operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "swap", "delete"]),
        st.sampled_from(KEYS),
        st.sampled_from([None, b"", b"1", b"2"]),
        st.sampled_from([b"", b"1", b"2"]),
    ),
    max_size=12,
)


@pytest.mark.parametrize("backend", BACKENDS)
class TestContract:
    @pytest.fixture
    def make(self, backend: str, tmp_path: Path) -> Callable[[], Storage]:
        """Every call gives a store that nobody has used."""
        numbers = count()
        return lambda: BACKENDS[backend](tmp_path / str(next(numbers)))

    @pytest.fixture
    def storage(self, make: Callable[[], Storage]) -> Storage:
        return make()

    @settings(max_examples=30)
    @given(operations)
    def test_it_behaves_as_a_dictionary(
        self, backend: str, tmp_path_factory: pytest.TempPathFactory, steps: list[Operation]
    ) -> None:
        storage, model = BACKENDS[backend](tmp_path_factory.mktemp("store")), dict[str, bytes]()
        for action, key, expected, value in steps:
            if action == "put":
                assert storage.put_if_absent(key, value) == (key not in model)
                model.setdefault(key, value)
            elif action == "swap":
                swapped = model.get(key) == expected
                assert storage.compare_and_swap(key, expected, value) == swapped
                model |= {key: value} if swapped else {}
            else:
                storage.delete(key)
                model.pop(key, None)
            assert {k: storage.get(k) for k in KEYS} == {k: model.get(k) for k in KEYS}
            assert storage.list("b") == sorted(k for k in model if k.startswith("b/"))

    def test_a_listing_holds_what_is_below_the_prefix_and_nothing_else(self, storage: Storage) -> None:
        for key in ("ab/1", "a/2", "a/1/x"):
            storage.put_if_absent(key, b"")
            storage.compare_and_swap(key, b"", b"again")
        assert storage.list("a") == ["a/1/x", "a/2"]
        assert storage.list("nothing") == []

    def test_a_task_writes_an_object_at_its_local_path_and_seals_it(self, storage: Storage) -> None:
        path = storage.local_path("objects/one")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"data")
        storage.seal("objects/one")
        assert storage.get("objects/one") == b"data"
        assert storage.list("objects") == ["objects/one"]

    def test_touching_makes_an_object_younger_and_shows_whether_it_is_there(self, storage: Storage) -> None:
        storage.put_if_absent("a", b"")
        before = storage.modified("a")
        assert before is not None
        assert storage.touch("a")
        assert (storage.modified("a") or 0) >= before
        assert not storage.touch("b")
        assert storage.modified("b") is None

    @pytest.mark.parametrize("key", ["../outside", "/etc/outside", "a/../../outside", ""])
    def test_a_key_cannot_leave_the_store(self, storage: Storage, key: str) -> None:
        with pytest.raises(StorageError, match="leaves the lake"):
            storage.put_if_absent(key, b"")
        with pytest.raises(StorageError, match="leaves the lake"):
            storage.compare_and_swap(key, None, b"")

    def test_of_two_writers_one_creates_each_object(self, storage: Storage, concurrently: Any) -> None:
        def writer(name: bytes) -> Callable[[], list[bool]]:
            return lambda: [storage.put_if_absent(f"object/{i}", name * 50_000) for i in range(40)]

        first, second = concurrently(writer(b"1"), writer(b"2"))
        for i, (mine, theirs) in enumerate(zip(first, second, strict=True)):
            assert mine != theirs
            assert storage.get(f"object/{i}") == (b"1" if mine else b"2") * 50_000

    def test_no_swap_of_two_writers_is_lost(self, storage: Storage, concurrently: Any) -> None:
        def add_forty() -> None:
            for _ in range(40):
                while True:
                    before = storage.get("counter")
                    if storage.compare_and_swap("counter", before, b"%d" % (int(before or b"0") + 1)):
                        break

        concurrently(add_forty, add_forty)
        assert storage.get("counter") == b"80"

    def test_a_reader_beside_a_writer_sees_whole_values(self, storage: Storage, concurrently: Any) -> None:
        storage.put_if_absent("pointer", OLD)
        storage.put_if_absent("done", b"no")

        def write() -> bool:
            for _ in range(20):
                storage.compare_and_swap("pointer", OLD, NEW)
                storage.compare_and_swap("pointer", NEW, OLD)
            return storage.compare_and_swap("done", b"no", b"yes")

        def read() -> bool:
            whole = True
            while storage.get("done") == b"no":
                whole &= storage.get("pointer") in (OLD, NEW)
            return whole

        assert concurrently(write, read) == [True, True]

    @pytest.mark.fault
    def test_a_creator_killed_at_any_instant_leaves_all_or_nothing(
        self, make: Callable[[], Storage], every_instant: Any
    ) -> None:
        def create(storage: Storage) -> None:
            storage.put_if_absent("deep/er/object", NEW)

        for storage in every_instant(lambda _: make(), create):
            found = storage.get("deep/er/object")
            assert found in (None, NEW)
            assert storage.list("deep") == ([] if found is None else ["deep/er/object"])
            assert storage.put_if_absent("deep/er/object", OLD) == (found is None)
        assert found == NEW

    @pytest.mark.fault
    def test_a_swapper_killed_at_any_instant_leaves_the_old_or_the_new_value(
        self, make: Callable[[], Storage], every_instant: Any
    ) -> None:
        def prepare(_: int) -> Storage:
            storage = make()
            storage.put_if_absent("pointer", OLD)
            return storage

        def swap(storage: Storage) -> None:
            storage.compare_and_swap("pointer", OLD, NEW)

        seen = set()
        for storage in every_instant(prepare, swap):
            found = storage.get("pointer")
            assert found in (OLD, NEW)
            seen.add(found)
            # The lock of the dead does not keep the living out.
            assert storage.compare_and_swap("pointer", found, b"next")
        assert seen == {OLD, NEW}


def test_a_value_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_call_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def record(call: str, act: Callable[..., None]) -> Callable[..., None]:
        def recorded(*arguments: Any) -> None:
            calls.append(call)
            act(*arguments)

        return recorded

    for call in ("fsync", "link", "replace"):
        monkeypatch.setattr(os, call, record(call, getattr(os, call)))
    storage = PosixStorage(tmp_path)
    storage.put_if_absent("a", b"1")
    storage.compare_and_swap("a", b"1", b"2")
    assert calls == ["fsync", "link", "fsync", "fsync", "replace", "fsync"]


def test_what_cannot_be_written_is_a_sentence_that_names_the_path(tmp_path: Path) -> None:
    storage = PosixStorage(tmp_path / "lake")
    storage.put_if_absent("taken", b"")
    with pytest.raises(StorageError, match=r"cannot write .*lake/taken/object: "):
        storage.put_if_absent("taken/object", b"")
    with pytest.raises(StorageError, match=r"cannot write .*taken"):
        PosixStorage(tmp_path / "lake" / "taken" / "lake")


def test_the_lake_may_be_reached_through_a_link_and_a_path_with_a_space(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a b")
    PosixStorage(tmp_path / "link").put_if_absent("x", b"1")
    assert PosixStorage(tmp_path / "a b").get("x") == b"1"
