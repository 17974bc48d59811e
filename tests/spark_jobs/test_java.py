"""Which Java is found, with made-up installations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spark_jobs import java

MakeJava = Callable[..., Path]


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any Java."""
    (tmp_path / "bin").mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(java, "JVM_FOLDER", tmp_path / "jvm")


@pytest.fixture
def make_java(tmp_path: Path) -> MakeJava:
    """Make an installation: with a `release` file, or one that only its program knows the version of."""

    def make(folder: str, version: str, modules: str | None = None, release: bool = True) -> Path:
        home = tmp_path / folder
        (home / "bin").mkdir(parents=True)
        lines = [f'JAVA_VERSION="{version}"', *([f'MODULES="{modules}"'] if modules is not None else [])]
        if release:
            (home / "release").write_text("\n".join(lines))
        program(home / "bin" / "java", f"    java.home = {home}\n    java.version = {version}")
        return home

    return make


def program(path: Path, output: str) -> None:
    path.write_text(f"#!/bin/sh\n/bin/cat >&2 <<'END'\n{output}\nEND\n")
    path.chmod(0o755)


def test_a_machine_without_java_gets_the_command_that_installs_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert java.find_java() is None
    assert java.main() == 2
    assert "sudo apt-get install openjdk-17-jre-headless" in capsys.readouterr().err


def test_java_home_comes_before_path_and_path_before_the_system_folder(
    make_java: MakeJava, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = make_java("jvm/system", "17.0.1")
    assert java.find_java() == system
    on_path = make_java("opt/other", "21.0.2")
    (tmp_path / "bin" / "java").symlink_to(on_path / "bin" / "java")
    assert java.find_java() == on_path
    chosen = make_java("opt/chosen", "25")
    monkeypatch.setenv("JAVA_HOME", str(chosen))
    assert java.find_java() == chosen


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.22", "16", "", "unknown"])
def test_an_old_or_unreadable_java_home_is_passed_over(
    version: str, make_java: MakeJava, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java("opt/old", version)))
    assert java.find_java() is None
    usable = make_java("jvm/17", "17.0.15")
    assert java.find_java() == usable


def test_a_java_without_the_vector_module_is_passed_over(make_java: MakeJava) -> None:
    make_java("jvm/stripped", "17.0.15", modules="java.base java.sql")
    assert java.find_java() is None
    whole = make_java("jvm/whole", "21.0.1", modules="java.base jdk.incubator.vector")
    assert java.find_java() == whole


def test_of_several_installed_ones_the_oldest_usable_is_taken(make_java: MakeJava) -> None:
    for version in ("25.0.3", "1.8.0_392", "21.0.4"):
        make_java(f"jvm/{version}", version)
    seventeen = make_java("jvm/zulu", "17.0.9")
    assert java.find_java() == seventeen


def test_a_java_without_a_release_file_is_asked(make_java: MakeJava) -> None:
    make_java("jvm/8", "1.8.0_392", release=False)
    assert java.find_java() is None
    home = make_java("jvm/21", "21.0.4", release=False)
    assert java.find_java() == home


def test_a_version_managers_script_leads_to_the_real_home(make_java: MakeJava, tmp_path: Path) -> None:
    home = make_java("managed/21", "21.0.4")
    program(tmp_path / "bin" / "java", f"    java.home = {home}\n    java.version = 21.0.4")
    assert java.find_java() == home


def test_a_program_that_does_not_run_is_no_java(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "java"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert java.find_java() is None


def test_a_java_home_with_a_space_in_its_path_is_found(make_java: MakeJava, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_java("Program Files/java 17", "17.0.15", release=False)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.find_java() == home
