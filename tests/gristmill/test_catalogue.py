"""The catalogue: unique ids and dates, listings that only grow, digests that are pinned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.catalogue import Catalogue, CatalogueError, default_date
from gristmill.lake import Lake

DAY = date(2026, 3, 1)


@pytest.fixture
def catalogue(lake: Lake) -> Catalogue:
    return Catalogue(lake)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[Path]]:
    def make(*names: str) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.write_bytes(path.name.encode())
        return paths

    return make


def test_snapshots_come_in_the_order_of_their_dates(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("late", date(2026, 5, 1), files("1"))
    catalogue.add("early", date(2026, 4, 1), files("2"))
    assert list(catalogue.dates()) == ["early", "late"]
    assert [s.id for s in catalogue.snapshots()] == ["early", "late"]


def test_an_id_is_entered_once(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("a", DAY, files("1"))
    with pytest.raises(CatalogueError, match=r"'a' is in the catalogue already.*snapshot extend a"):
        catalogue.add("a", date(2026, 9, 9), files("2"))


def test_a_partition_date_belongs_to_one_snapshot(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("a", DAY, files("1"))
    with pytest.raises(CatalogueError, match="2026-03-01 belongs to 'a'"):
        catalogue.add("b", DAY, files("2"))
    assert list(catalogue.dates()) == ["a"]


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b", "a\n", "x" * 65, "é"])
def test_an_id_that_is_no_plain_name_is_refused(catalogue: Catalogue, files: Any, name: str) -> None:
    with pytest.raises(CatalogueError, match="may hold letters"):
        catalogue.add(name, DAY, files("1"))


def test_an_unknown_snapshot_names_the_nearest_and_how_to_add_it(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("CC-MAIN-2024-10", DAY, files("1"))
    with pytest.raises(CatalogueError, match=r"did you mean 'CC-MAIN-2024-10'.*snapshot add CC-MAIN-2024-11"):
        catalogue.get("CC-MAIN-2024-11")


def test_a_listing_only_grows_and_a_file_keeps_its_index(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("a", DAY, files("z", "y"))
    longer = catalogue.extend("a", files("b", "a"))
    assert [(f.file_index, Path(f.path).name, f.bytes) for f in longer.files] == [
        (0, "z", 1), (1, "y", 1), (2, "b", 1), (3, "a", 1)
    ]  # fmt: skip
    assert longer.partition_date == DAY


def test_a_file_that_is_listed_already_or_not_there_changes_nothing(
    catalogue: Catalogue, files: Any, tmp_path: Path
) -> None:
    before = catalogue.add("a", DAY, files("1"))
    (tmp_path / "link").symlink_to(tmp_path / "1")
    (tmp_path / "empty").write_bytes(b"")
    for paths, message in (
        (files("2", "1"), "is listed twice"),
        ([tmp_path / "link"], "is listed twice"),
        ([tmp_path / "nowhere"], "is not a file"),
        ([tmp_path], "is not a file"),
        ([tmp_path / "empty"], "is empty; fetch it again"),
        ([], "no files given"),
    ):
        with pytest.raises(CatalogueError, match=message):
            catalogue.extend("a", paths)
    with pytest.raises(CatalogueError, match="no files given"):
        catalogue.add("b", date(2026, 9, 9), [])
    assert catalogue.snapshots() == [before]


def test_a_lost_listing_is_not_an_empty_snapshot(catalogue: Catalogue, files: Any) -> None:
    catalogue.add("a", DAY, files("1"))
    for key in catalogue.storage.list("listings"):
        catalogue.storage.delete(key)
    with pytest.raises(CatalogueError, match="of snapshot 'a' is lost"):
        catalogue.get("a")


def test_a_digest_is_pinned_at_first_read_and_checked_ever_after(catalogue: Catalogue, files: Any) -> None:
    file = catalogue.add("a", DAY, files("1")).files[0]
    assert catalogue.pinned("a", 0) is None
    catalogue.pin("a", file, "11")
    catalogue.pin("a", file, "11")
    with pytest.raises(CatalogueError, match=r"changed since it was first read \(sha256 11 then, 22 now\)"):
        catalogue.pin("a", file, "22")
    assert catalogue.pinned("a", 0) == "11"


def test_two_processes_that_enter_snapshots_lose_none(lake: Lake, files: Any, concurrently: Any) -> None:
    paths = files(*(f"{n}{i}" for n in "ab" for i in range(8)))

    def enter(name: str, month: int) -> Callable[[], None]:
        def run() -> None:
            for i in range(8):
                Catalogue(lake).add(
                    f"{name}{i}", date(2026, month, i + 1), [p for p in paths if p.name == f"{name}{i}"]
                )

        return run

    concurrently(enter("a", 1), enter("b", 2))
    assert len(Catalogue(lake).dates()) == 16


def test_of_two_processes_one_gets_a_date(lake: Lake, files: Any, concurrently: Any) -> None:
    paths = files("1")

    def enter(name: str) -> Callable[[], bool]:
        def run() -> bool:
            try:
                Catalogue(lake).add(name, DAY, paths)
            except CatalogueError:
                return False
            return True

        return run

    assert sorted(concurrently(enter("a"), enter("b"))) == [False, True]


@pytest.mark.fault
def test_an_extension_killed_at_any_instant_leaves_the_old_or_the_new_listing(
    lake: Lake, files: Any, every_instant: Any
) -> None:
    first, more = files("1"), files("2", "3")

    def prepare(instant: int) -> str:
        name = f"s{instant}"
        Catalogue(lake).add(name, date.fromordinal(730_000 + instant), first)
        return name

    sizes = [
        len(Catalogue(lake).get(name).files)
        for name in every_instant(prepare, lambda name: Catalogue(lake).extend(name, more))
    ]
    assert set(sizes) == {1, 3}
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("CC-MAIN-2024-10", date(2024, 3, 4)),
        ("CC-MAIN-2013-20", date(2013, 5, 13)),
        ("CC-MAIN-2020-53", date(2020, 12, 28)),
        ("CC-MAIN-2024-53", None),
        ("CC-MAIN-2024-00", None),
        ("my-crawl", None),
    ],
)
def test_a_common_crawl_id_has_the_monday_of_its_iso_week(name: str, day: date | None) -> None:
    assert default_date(name) == day


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_extending_in_any_steps_gives_the_listing_of_one_step(
    catalogue: Catalogue, files: Any, steps: list[int]
) -> None:
    paths = files(*(f"f{i}" for i in range(sum(steps))))
    number = len(catalogue.dates())
    whole = catalogue.add(f"whole{number}", date.fromordinal(730_000 + number), paths)
    name, rest = f"steps{number}", list(paths)
    catalogue.add(name, date.fromordinal(700_000 + number), [rest.pop(0) for _ in range(steps[0])])
    for step in steps[1:]:
        catalogue.extend(name, [rest.pop(0) for _ in range(step)])
    assert catalogue.get(name).files == whole.files


def test_what_the_offsets_of_a_file_count_is_pinned_with_its_digest(catalogue: Catalogue, files: Any) -> None:
    file = catalogue.add("a", DAY, files("1")).files[0]
    assert catalogue.offsets("a", 0) == "file"
    catalogue.pin("a", file, "digest", "stream")
    catalogue.pin("a", file, "digest", "file")
    assert (catalogue.pinned("a", 0), catalogue.offsets("a", 0)) == ("digest", "stream")


def test_a_url_is_listed_as_it_is(catalogue: Catalogue) -> None:
    import fsspec

    with fsspec.open("memory://crawl/1.warc", "wb") as file:
        file.write(b"12345")
    (listed,) = catalogue.add("a", DAY, ["memory://crawl/1.warc"]).files
    assert (listed.path, listed.bytes) == ("memory://crawl/1.warc", 5)
    with pytest.raises(CatalogueError, match="cannot be read"):
        catalogue.extend("a", ["memory://crawl/none.warc"])
