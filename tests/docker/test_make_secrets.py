"""The secrets of a cluster."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Make = Callable[[Path], list[Path]]


@pytest.fixture
def make(script: Callable[[str], ModuleType]) -> Make:
    function: Make = script("make_secrets").make
    return function


def test_no_two_clusters_share_a_secret(make: Make, tmp_path: Path) -> None:
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_text(encoding="utf-8") != other.read_text(encoding="utf-8")


def test_existing_secrets_stay_and_missing_ones_are_made(make: Make, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in make(tmp_path)}
    gone = tmp_path / "airflow_database_url"
    gone.unlink()
    assert make(tmp_path) == [gone]
    assert {path: path.read_bytes() for path in before} == before
    assert make(tmp_path) == []


def test_other_users_of_the_host_cannot_reach_them_and_containers_can_read_them(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "secrets"
    files = make(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}


def test_each_is_what_its_reader_expects(make: Make, tmp_path: Path) -> None:
    text = {path.name: path.read_text(encoding="utf-8") for path in make(tmp_path)}
    assert text["airflow_database_url"].startswith(
        f"postgresql+psycopg2://airflow:{text['postgres_password']}@postgres:"
    )
    assert len(base64.urlsafe_b64decode(text["airflow_fernet_key"])) == 32
    assert list(json.loads(text["airflow_passwords"])) == ["admin"]
    assert all(len(line.split()) == 2 for line in text["spark_defaults"].splitlines())
