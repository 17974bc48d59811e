"""The private Airflow's home: secrets are made once and are its owner's alone; nothing listens off this machine."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import pytest

from gristmill.profile import AirflowSettings, Profile
from gristmill.service.home import USER, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of a profile whose folder has a space and a percent sign."""
    names = ("source", "root", "work_dir", "lake", "policy", "gates", "mix", "pretrain")
    return Home(Profile(name="t", **{name: tmp_path / "100 % mine" for name in names}))


def config(home: Home) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()  # interpolates %, as Airflow does
    parser.read(home.config, encoding="utf-8")
    return parser


def test_secrets_are_random_kept_and_readable_by_their_owner_only(home: Home) -> None:
    home.prepare(8080)
    first = (home.password, config(home)["api_auth"]["jwt_secret"], config(home)["core"]["fernet_key"])
    home.prepare(8081)
    assert (home.password, config(home)["api_auth"]["jwt_secret"], config(home)["core"]["fernet_key"]) == first
    assert len(home.password) >= 20
    for path in home.folder.glob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
    assert home.folder.stat().st_mode & 0o077 == 0


def test_airflow_listens_on_loopback_and_asks_for_a_password(home: Home) -> None:
    home.prepare(8080)
    found = config(home)
    assert (found["api"]["host"], found["api"]["port"]) == ("127.0.0.1", "8080")
    assert found["core"]["simple_auth_manager_all_admins"] == "False"
    assert found["core"]["simple_auth_manager_users"] == f"{USER}:admin"
    assert list(json.loads(Path(found["core"]["simple_auth_manager_passwords_file"]).read_bytes())) == [USER]


def test_every_user_of_the_profile_has_a_role_and_a_password_of_their_own(home: Home) -> None:
    home.prepare(8080)
    first = home.password
    users = AirflowSettings(users={"admin": "admin", "rita": "user", "vera": "viewer"}, reviewers=["rita"])
    later = Home(home.profile.model_copy(update={"airflow": users}))
    later.prepare(8080)
    assert config(later)["core"]["simple_auth_manager_users"] == "admin:admin,rita:user,vera:viewer"
    assert later.password == first
    assert len({later.password_of(user) for user in users.users}) == 3
    assert later.passwords.stat().st_mode & 0o077 == 0
    assert not list(later.folder.glob("*.tmp"))


def test_a_percent_sign_in_a_path_survives_interpolation(home: Home) -> None:
    home.prepare(8080)
    assert config(home)["database"]["sql_alchemy_conn"] == f"sqlite:///{home.folder}/airflow.db"


def test_the_database_url_may_come_from_a_file(home: Home, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg2://user:pass@host/db\n", encoding="utf-8")
    settings = AirflowSettings(database=f"file:{secret}")
    profile = home.profile.model_copy(update={"airflow": settings})
    assert Home(profile).database == "postgresql+psycopg2://user:pass@host/db"


def test_the_settings_of_another_airflow_are_not_inherited(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    found = home.environment("token")
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in found
    assert found["AIRFLOW_HOME"] == str(home.folder)
