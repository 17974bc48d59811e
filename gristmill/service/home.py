"""The home of the private Airflow: its folder, its secrets, its configuration."""

from __future__ import annotations

import base64
import configparser
import json
import os
import secrets
import sys
from pathlib import Path

from gristmill.errors import UserError
from gristmill.profile import OWN_USER, PROJECT, Profile

USER = OWN_USER
COMPONENTS = ("api-server", "dag-processor", "scheduler")


class Home:
    """Files in `<work_dir>/airflow`; what is secret has mode 0600."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.folder = profile.work_dir / "airflow"
        self.config = self.folder / "airflow.cfg"
        self.passwords = self.folder / "passwords.json"
        self.service = self.folder / "service.json"
        self.lock = self.folder / "service.lock"
        self.logs = self.folder / "logs"
        self.migrated = self.folder / "migrated"
        self._secrets = self.folder / "secrets.json"

    @property
    def password(self) -> str:
        """Password of USER, as Airflow reads it."""
        return self.password_of(USER)

    def password_of(self, user: str) -> str:
        """Password of a user of the profile, once `prepare` has run."""
        return str(json.loads(self.passwords.read_text(encoding="utf-8"))[user])

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the metadata database."""
        return self.profile.airflow.database_url or f"sqlite:///{self.folder}/airflow.db"

    def component_log(self, name: str) -> Path:
        return self.logs / "components" / f"{name}.log"

    def prepare(self, port: int) -> None:
        """Write everything that Airflow reads before its first start; secrets and password are made once."""
        self.component_log("").parent.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._give_passwords()
        if not self._secrets.exists():
            keys = {name: secrets.token_urlsafe(48) for name in ("jwt", "api")}
            keys["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            write_private(self._secrets, json.dumps(keys))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_dict(self._configuration(port, json.loads(self._secrets.read_text(encoding="utf-8"))))
        with open(os.open(self.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            parser.write(file)

    def environment(self, token: str) -> dict[str, str]:
        """Environment of all components. Settings of another Airflow in the caller's are dropped; `token` marks
        what belongs to this start."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW_", "_AIRFLOW"))}
        # The interpreter's own folder first: LocalExecutor and the components look up `airflow` and `python`.
        path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}"
        return {
            **inherited, "PATH": path, "AIRFLOW_HOME": str(self.folder), "GRISTMILL_SERVICE": token,
            "GRISTMILL_PROFILE": str(self.profile.source), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1",
        }  # fmt: skip

    def _give_passwords(self) -> None:
        """One password per user of the profile; those that are there stay."""
        known = json.loads(self.passwords.read_text(encoding="utf-8")) if self.passwords.exists() else {}
        given = {user: secrets.token_urlsafe(18) for user in self.profile.airflow.users if user not in known}
        if given:
            temporary = self.passwords.with_suffix(".tmp")
            temporary.unlink(missing_ok=True)
            write_private(temporary, json.dumps({**known, **given}))
            temporary.replace(self.passwords)

    def _configuration(self, port: int, keys: dict[str, str]) -> dict[str, dict[str, str]]:
        url = f"http://127.0.0.1:{port}"
        raw: dict[str, dict[str, object]] = {
            "core": {
                "dags_folder": PROJECT / "dags",
                "executor": "LocalExecutor",
                "parallelism": self.profile.airflow.parallelism,
                "load_examples": False,
                "fernet_key": keys["fernet"],
                "simple_auth_manager_users": ",".join(f"{n}:{role}" for n, role in self.profile.airflow.users.items()),
                "simple_auth_manager_passwords_file": self.passwords,
                "simple_auth_manager_all_admins": False,
                "execution_api_server_url": f"{url}/execution/",
                # Longer than the guard's grace, so that a trainer can write its checkpoint.
                "killed_task_cleanup_time": 30,
            },
            "database": {"sql_alchemy_conn": self.database},
            "api": {
                "host": "127.0.0.1", "port": port, "base_url": url, "secret_key": keys["api"],
                "enable_swagger_ui": False, "instance_name": f"Gristmill ({self.profile.name})",
            },
            "api_auth": {"jwt_secret": keys["jwt"]},
            "logging": {"base_log_folder": self.logs},
            "usage_data_collection": {"enabled": False},
            "scheduler": {
                "scheduler_idle_sleep_time": 0.3,
                # A task whose scheduler died is found within a minute or two, not five.
                "orphaned_tasks_check_interval": 30,
                "task_instance_heartbeat_timeout": 120,
            },
            "dag_processor": {"parsing_processes": 1, "min_file_process_interval": 60, "refresh_interval": 30},
        }  # fmt: skip
        # Airflow interpolates % in its configuration.
        return {
            section: {key: str(value).replace("%", "%%") for key, value in options.items()}
            for section, options in raw.items()
        }


def write_private(path: Path, text: str) -> None:
    """Create a file that only its owner may read; raises UserError when it exists."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path} exists already; two starts at once?") from None
