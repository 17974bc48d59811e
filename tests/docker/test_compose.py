"""What compose.yaml promises, read as text: no container engine is needed."""

from __future__ import annotations

import configparser
import re
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gristmill.profile import Profile, load_profile
from gristmill.service.home import COMPONENTS, Home

Services = dict[str, dict[str, Any]]
ONE_SHOT = "airflow-init"
AIRFLOW = ("airflow-init", "api-server", "scheduler", "dag-processor")

# What differs between a machine of one's own and containers: addresses, folders, secrets, a name.
LOCAL = {
    "core.dags_folder", "core.fernet_key", "core.simple_auth_manager_passwords_file", "core.execution_api_server_url",
    "core.parallelism", "database.sql_alchemy_conn", "api.host", "api.base_url", "api.secret_key", "api.port",
    "api.instance_name", "api_auth.jwt_secret", "logging.base_log_folder",
}  # fmt: skip


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile("cluster")


def secret_files(service: dict[str, Any]) -> dict[str, str]:
    """name -> path in the container."""
    mounted = {}
    for secret in service.get("secrets", []):
        if isinstance(secret, str):
            mounted[secret] = f"/run/secrets/{secret}"
        else:
            mounted[secret["source"]] = secret["target"]
    return mounted


def text_of(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def test_every_container_is_confined(services: Services) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["read_only"] is True, name
        assert int(service["user"].partition(":")[0]) > 0, name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service), name


def test_every_container_has_limits(services: Services) -> None:
    for name, service in services.items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name


def test_every_lasting_container_has_a_health_check_and_is_restarted(services: Services) -> None:
    for name, service in services.items():
        if name == ONE_SHOT:
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_only_the_ui_is_published_and_only_on_loopback(services: Services) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(published) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in published["api-server"])


def test_networks_keep_workers_and_outsiders_from_the_database(compose: dict[str, Any], services: Services) -> None:
    members: dict[str, set[str]] = {network: set() for network in compose["networks"]}
    for name, service in services.items():
        for network in service["networks"]:
            members[network].add(name)
    assert members["database"] == {"postgres", *AIRFLOW}
    assert members["spark"] == {"spark-master", "spark-worker", "scheduler"}
    assert members["ui"] == {"api-server"}
    assert {name for name, network in compose["networks"].items() if not network.get("internal")} == {"ui"}


def test_secrets_are_files_that_are_declared_made_and_used(
    compose: dict[str, Any], services: Services, script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    declared = set(compose["secrets"])
    mounted = {name for service in services.values() for name in secret_files(service)}
    made = {path.name for path in script("make_secrets").make(tmp_path / "secrets")}
    assert declared == mounted == made
    for name, secret in compose["secrets"].items():
        assert list(secret) == ["file"]
        assert secret["file"].endswith(f"/{name}")


def test_whatever_reads_a_secret_has_it_mounted(services: Services, root: Path) -> None:
    for name, service in services.items():
        texts = [str(value) for value in (service.get("environment") or {}).values()]
        scripts = [word for word in service.get("command", []) if word.endswith(".sh")]
        texts += [(root / script).read_text(encoding="utf-8") for script in scripts]
        wanted = {path for text in texts for path in re.findall(r"/run/secrets/\w+", text)}
        assert wanted <= set(secret_files(service).values()), name


def test_no_password_stands_in_the_environment(services: Services) -> None:
    secretive = re.compile(r"PASSWORD|SECRET|FERNET|SQL_ALCHEMY_CONN|TOKEN")
    for name, service in services.items():
        for variable, value in (service.get("environment") or {}).items():
            if secretive.search(variable):
                assert re.fullmatch(r"(cat )?/run/secrets/\w+|/tmp/airflow/passwords\.json", value) or (
                    variable.endswith("ALL_ADMINS") and value == "False"
                ), f"{name}: {variable}"


def test_what_only_the_user_knows_has_no_default(root: Path) -> None:
    text = (root / "docker" / "compose.yaml").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{(\w+):\?[^}]+\}", text))
    assert required == {"GRISTMILL_BASE_IMAGE", "GRISTMILL_POSTGRES_IMAGE", "GRISTMILL_SHARED"}
    assert not re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|KEY|TOKEN))\b", text)
    # Every variable is either required or has a default, and the README explains it.
    variables = set(re.findall(r"\$\{(\w+)", text))
    assert variables == required | set(re.findall(r"\$\{(\w+):-[^}]+\}", text))
    readme = (root / "docker" / "README.md").read_text(encoding="utf-8")
    assert {name for name in variables if f"`{name}`" not in readme} == set()


def test_each_airflow_component_runs_once_and_waits_for_the_database_to_be_migrated(
    services: Services, root: Path
) -> None:
    commands = {name: text_of(service.get("command", "")) for name, service in services.items()}
    api_server = (root / "docker" / "api-server.sh").read_text(encoding="utf-8")
    commands["api-server"] = api_server[api_server.index("exec ") :]
    for component in COMPONENTS:
        assert [name for name, command in commands.items() if f"airflow {component}" in command] == [component]
    assert services["api-server"]["depends_on"][ONE_SHOT] == {"condition": "service_completed_successfully"}
    for later in ("scheduler", "dag-processor"):
        assert services[later]["depends_on"]["api-server"] == {"condition": "service_healthy"}
    assert services[ONE_SHOT]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_every_command_exists(services: Services, root: Path) -> None:
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    (jar,) = (Path(spec.origin).parent / "jars").glob("spark-core_*.jar")
    with zipfile.ZipFile(jar) as archive:
        classes = set(archive.namelist())
    scripts = Path(sys.executable).parent
    for name, service in services.items():
        words = [*service.get("command", []), *service.get("healthcheck", {}).get("test", [])]
        for word in words:
            if word.startswith("docker/"):
                assert (root / word).is_file(), f"{name}: {word}"
            elif word.startswith("org.apache.spark."):
                assert word.replace(".", "/") + ".class" in classes, f"{name}: {word}"
            elif word in ("airflow", "spark-class"):
                assert (scripts / word).is_file(), f"{name}: {word}"


def test_airflow_is_configured_as_on_one_machine(services: Services, tmp_path: Path) -> None:
    demo = load_profile("demo").model_copy(update={"work_dir": tmp_path})
    home = Home(demo)
    home.prepare(8080)
    private = configparser.ConfigParser(interpolation=None)
    private.read(home.config)
    for name in AIRFLOW:
        environment = services[name]["environment"]
        for section in private.sections():
            for option, value in private[section].items():
                variable = f"AIRFLOW__{section}__{option}".upper()
                given = environment.get(variable, environment.get(f"{variable}_CMD"))
                assert given is not None, f"{name} lacks {variable}"
                if f"{section}.{option}" not in LOCAL:
                    assert re.sub(r"\$\{\w+:-(.*)\}", r"\1", given) == value, f"{name}: {variable}"


def test_airflow_runs_as_many_tasks_as_the_profile_says(services: Services, profile: Profile) -> None:
    assert services["scheduler"]["environment"]["AIRFLOW__CORE__PARALLELISM"] == str(profile.airflow.parallelism)


def test_all_parts_find_the_lake_where_the_profile_has_it(services: Services, profile: Profile) -> None:
    for name in (*AIRFLOW, "spark-worker"):
        (mount,) = [volume for volume in services[name]["volumes"] if isinstance(volume, dict)]
        assert mount["type"] == "bind", name
        for folder in (profile.lake, profile.work_dir):
            assert folder.is_relative_to(mount["target"]), name


def test_the_database_url_is_where_the_profile_reads_it(services: Services, profile: Profile) -> None:
    path = (profile.airflow.database or "").removeprefix("file:")
    assert path == secret_files(services["scheduler"])["airflow_database_url"]


def test_spark_processes_find_each_other(
    services: Services, profile: Profile, script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    master = services["spark-master"]["command"]
    assert profile.spark.master == f"spark://{master[master.index('--host') + 1]}:7077"
    assert services["spark-worker"]["command"][-1] == profile.spark.master
    assert services["spark-worker"]["deploy"]["replicas"] == 2

    script("make_secrets").make(tmp_path / "secrets")
    lines = (tmp_path / "secrets" / "spark_defaults").read_text(encoding="utf-8").splitlines()
    conf = dict(line.split() for line in lines)
    assert conf["spark.authenticate"] == conf["spark.network.crypto.enabled"] == "true"
    assert set(services[conf["spark.driver.host"]]["networks"]) >= set(services["spark-worker"]["networks"])
    for name in ("spark-master", "spark-worker", "scheduler"):
        folder = services[name]["environment"]["SPARK_CONF_DIR"]
        assert secret_files(services[name])["spark_defaults"] == f"{folder}/spark-defaults.conf"


def test_an_executor_of_the_profile_fits_a_worker(services: Services, profile: Profile) -> None:
    command = services["spark-worker"]["command"]
    offered = gigabytes(command[command.index("--memory") + 1])
    limit = gigabytes(services["spark-worker"]["deploy"]["resources"]["limits"]["memory"])
    assert gigabytes(profile.spark.conf["spark.executor.memory"]) <= offered < limit


def gigabytes(text: str) -> int:
    """8 of `8g` and of `${NAME:-8g}`."""
    found = re.search(r"(\d+)g\b", text)
    assert found
    return int(found[1])


def test_the_pools_that_dags_name_are_made(root: Path) -> None:
    named = {pool for dag in (root / "dags").glob("*.py") for pool in re.findall(r'pool="(\w+)"', dag.read_text())}
    made = set(re.findall(r"pools set (\w+)", (root / "docker" / "airflow-init.sh").read_text(encoding="utf-8")))
    assert named - {"default_pool"} == made
