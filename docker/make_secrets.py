"""Make the secrets that compose.yaml mounts: `python3 docker/make_secrets.py [FOLDER]`. Existing files stay."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from pathlib import Path

SPARK_DEFAULTS = """\
spark.authenticate true
spark.authenticate.secret {secret}
spark.network.crypto.enabled true
spark.master.rest.enabled false
spark.driver.host scheduler
spark.driver.bindAddress 0.0.0.0
"""


def make(folder: Path) -> list[Path]:
    """Write what is missing; the new files. Containers run as another user, so the folder keeps others out, and the
    files in it are readable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    made = [
        _keep(folder / "postgres_password", secrets.token_urlsafe(32)),
        _keep(folder / "airflow_fernet_key", fernet_key),
        _keep(folder / "airflow_api_secret_key", secrets.token_urlsafe(48)),
        _keep(folder / "airflow_jwt_secret", secrets.token_urlsafe(48)),
        _keep(folder / "airflow_passwords", json.dumps({"admin": secrets.token_urlsafe(18)})),
        _keep(folder / "spark_defaults", SPARK_DEFAULTS.format(secret=secrets.token_urlsafe(32))),
    ]
    password = (folder / "postgres_password").read_text(encoding="utf-8").strip()
    made.append(
        _keep(folder / "airflow_database_url", f"postgresql+psycopg2://airflow:{password}@postgres:5432/airflow")
    )
    return [path for path in made if path is not None]


def _keep(path: Path, text: str) -> Path | None:
    """Create a file; None when it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    except FileExistsError:
        return None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o444)
    return path


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"
    for new in make(target):
        print(f"made {new}")
    print(f"the UI's user is admin; its password is in {target / 'airflow_passwords'}")
