"""The snapshot of the tests of this room, made and measured once, and copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gristmill.lake import Lake
from gristmill.profile import load_profile
from tests.quality.conftest import DOCUMENTS, Mill, make_mill


@pytest.fixture(scope="session")
def measured_mill(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mill]:
    """The folder of the snapshot as it should be, and the mill in it."""
    folder = tmp_path_factory.mktemp("mill")
    made = make_mill(folder, DOCUMENTS)
    made.measure()
    return folder, made


@pytest.fixture
def mill(measured_mill: tuple[Path, Mill], tmp_path: Path) -> Mill:
    """A copy that the test may change."""
    folder, made = measured_mill
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "profile.yaml"
    path.write_text(path.read_text().replace(str(folder), str(tmp_path)))
    profile = load_profile(str(path))
    return Mill(profile, Lake.open(profile), made.snapshot, dict(made.digests))
