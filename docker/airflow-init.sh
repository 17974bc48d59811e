#!/bin/sh
# Once per start: the metadata database at this Airflow's schema, and the pools that the DAGs name.
set -eu
airflow db migrate
airflow pools set spark 1 "Spark stages: one at a time"
airflow pools set training 1 "Training and evaluation: one at a time"
