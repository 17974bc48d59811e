#!/bin/sh
# Airflow opens its password file for writing, and a secret is read-only: it gets a copy in memory.
set -eu
mkdir -p -m 700 "$AIRFLOW_HOME"
install -m 600 /run/secrets/airflow_passwords "$AIRFLOW_HOME/passwords.json"
exec airflow api-server
