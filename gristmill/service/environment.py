"""The configuration of the private Airflow, as environment variables; secrets are made once, for the owner only."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from gristmill.profile import Profile

HOST = "127.0.0.1"
USER = "admin"
MARKER = "GRISTMILL_AIRFLOW_HOME"
"""Every process of the service inherits it; it is how they are told from anyone else's."""

_SECRETS = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")


def airflow_home(profile: Profile) -> Path:
    """The service's own home inside the work folder."""
    return profile.work_dir / "airflow"


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def private_file(path: Path, text: str) -> None:
    """Create a file that only its owner can read; keeps one that exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def password_file(profile: Profile) -> Path:
    """JSON {user: password}, generated once."""
    path = airflow_home(profile) / "passwords.json"
    private_file(path, json.dumps({USER: secrets.token_urlsafe(16)}))
    return path


def password(profile: Profile) -> str:
    """The generated password of USER."""
    return str(json.loads(password_file(profile).read_text(encoding="utf-8"))[USER])


def service_environment(profile: Profile, port: int, log_ports: tuple[int, int]) -> dict[str, str]:
    """Environment of every Airflow process and of the stages that its tasks start."""
    home = airflow_home(profile)
    url = f"http://{HOST}:{port}"
    bin_folder = Path(sys.executable).parent
    return {
        **os.environ,
        **_secret_settings(home),
        MARKER: str(home),
        "AIRFLOW_HOME": str(home),
        "GRISTMILL_PROFILE": str(profile.source),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        # Else setproctitle overwrites /proc/PID/environ, and with it the marker.
        "SPT_NOENV": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": str(profile.root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(profile.airflow.parallelism),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(profile)),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": profile.airflow.database_url or f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "GX_ANALYTICS_ENABLED": "false",
    }


def _secret_settings(home: Path) -> dict[str, str]:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    fresh = {**{name: secrets.token_hex(32) for name in _SECRETS}, "AIRFLOW__CORE__FERNET_KEY": fernet}
    path = home / "secrets.json"
    private_file(path, json.dumps(fresh))
    settings: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return settings
