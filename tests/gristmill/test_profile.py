"""Profiles: one file moves everything to another machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from gristmill.profile import AirflowSettings, load_profile
from gristmill.settings import Settings, SettingsError

PROFILE = """\
work_dir: work
lake: /srv/lake
policy: configs/policy.yaml
gates: gates.yaml
mix: mix.yaml
pretrain: pretrain.yaml
stages:
  curate: {shard_bytes: 5}
"""


class CurateConfig(Settings):
    shard_bytes: int = Field(default=1, ge=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A profile in a project of its own."""
    path = tmp_path / "my project" / "configs" / "profiles" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(PROFILE)
    return path


@pytest.mark.parametrize("name", ["demo", "workstation", "cluster"])
def test_the_profiles_of_the_product_load_and_name_files_that_exist(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    for file in (profile.policy, profile.gates, profile.mix, profile.pretrain):
        assert file.is_file(), file


def test_relative_paths_belong_to_the_project_and_absolute_ones_stay(path: Path) -> None:
    profile = load_profile(str(path))
    project = path.parents[2]
    assert profile.name == "mine"
    assert profile.work_dir == project / "work"
    assert profile.policy == project / "configs" / "policy.yaml"
    assert profile.lake == Path("/srv/lake")


def test_the_environment_names_the_profile_when_nobody_else_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_PROFILE", str(path))
    assert load_profile().name == "mine"
    assert load_profile("demo").name == "demo"


def test_an_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(SettingsError, match="no profile 'dmeo' \\(did you mean 'demo'\\?\\)"):
        load_profile("dmeo")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sprak: {}", "unknown key 'sprak' (did you mean 'spark'?)"),
        ("spark: {mastre: x}", "unknown key 'spark.mastre' (did you mean 'master'?)"),
        ("airflow: {parallelism: 0}", "airflow.parallelism"),
        ("airflow: {users: {rita: user}}", "users must hold 'admin: admin'"),
        ("airflow: {users: {admin: user}}", "users must hold 'admin: admin'"),
        ("airflow: {users: {admin: admin, 'a:b': user}}", "airflow.users"),
        ("airflow: {users: {admin: admin, rita: owner}}", "airflow.users.rita"),
        ("airflow: {reviewers: [admn]}", "reviewer 'admn' is no user (did you mean 'admin'?)"),
        ("airflow: {reviewers: []}", "airflow.reviewers"),
        ("airflow: {users: {admin: admin, vera: viewer}, reviewers: [vera]}", "reviewer 'vera' is a viewer"),
        ("airflow: {approval_hours: 0}", "airflow.approval_hours"),
        ("alerts: [{kind: pigeon}]", "alerts.0"),
        ("alerts: [{kind: log, events: [bloc]}]", "alerts.0.log.events.0"),
        ("alerts: [{kind: email, to: [a@b.example], login: 'u:secret'}]", "write file:/PATH"),
        ("root: /", "'root' is where the profile itself is, and cannot be set"),
        ("stages: {cuarte: {}}", "did you mean 'curate'?"),
    ],
)
def test_a_profile_with_a_wrong_key_is_refused(path: Path, line: str, message: str) -> None:
    path.write_text(PROFILE.partition("stages")[0] + line + "\n")
    with pytest.raises(SettingsError) as caught:
        load_profile(str(path))
    assert message in str(caught.value)


def test_a_stage_reads_its_own_section_by_its_own_type(path: Path) -> None:
    profile = load_profile(str(path))
    assert profile.stage("curate", CurateConfig).shard_bytes == 5
    assert profile.stage("absent", CurateConfig).shard_bytes == 1
    path.write_text(PROFILE.replace("shard_bytes", "shard_byte"))
    with pytest.raises(SettingsError, match=r"stages\.curate: unknown key 'shard_byte' \(did you mean 'shard_bytes'"):
        load_profile(str(path)).stage("curate", CurateConfig)


def test_a_profile_without_a_word_of_it_has_one_user_who_reviews(path: Path) -> None:
    airflow = load_profile(str(path)).airflow
    assert (airflow.users, airflow.reviewers, airflow.approval_hours) == ({"admin": "admin"}, ["admin"], 7 * 24)
    assert load_profile(str(path)).alerts == []


def test_a_refused_secret_is_not_repeated_in_the_error(path: Path) -> None:
    lines = "alerts: [{kind: webhook, url: 'https://h.example/?key=canary'}, {kind: email, to: [x], login: canary}]"
    path.write_text(PROFILE.partition("stages")[0] + lines + "\n")
    with pytest.raises(SettingsError) as caught:
        load_profile(str(path))
    assert "canary" not in str(caught.value)


def test_the_database_url_may_stand_in_a_file_so_that_no_profile_holds_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    settings = AirflowSettings(database=f"file:{secret}")
    with pytest.raises(SettingsError, match="must hold the database URL in its first line"):
        _ = settings.database_url
    secret.write_text("postgresql://user:pass@host/db\nnot this\n")
    assert settings.database_url == "postgresql://user:pass@host/db"
    assert AirflowSettings(database="sqlite:///x").database_url == "sqlite:///x"
    assert AirflowSettings().database_url is None
