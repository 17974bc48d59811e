# Run `make` alone to see what there is.

PYTHON_ENV := .venv/bin/python
GRISTMILL := .venv/bin/gristmill
HEAVY := spark or airflow or train or browser or fault or long

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help env demo up down status check test test-fast test-long lock clean

define HELP
Gristmill: web-crawl snapshots in; a judged corpus and a trained, evaluated language model out.

  make demo        the whole mill on the embedded crawl; starts and ends with nothing running
  make up          a private Airflow for the UI, on 127.0.0.1 only; prints its address and where its password is
  make status      what is released, what was trained, what is waiting
  make down        stop that Airflow; leaves no process behind

  make env         the environment in .venv from requirements.lock, and Java; all targets call it as needed
  make check       ruff and mypy
  make test        all tests but the long ones, with a browser
  make test-fast   tests of pure code only
  make test-long   sweeps that take too long for every change
  make lock        resolve pyproject.toml into requirements.lock (UPGRADE=1: newest versions it allows)
  make clean       remove caches; keeps .venv and work/

Options: PYTHON=/path/to/python3.11 for a first `make env`;
         GRISTMILL_PROFILE=workstation for up, down and status (default: demo; see configs/profiles).
Everything else is in the command line: .venv/bin/gristmill --help
endef
export HELP

help:
	@echo "$$HELP"

env:
	@bash scripts/env.sh

demo: env
	@$(GRISTMILL) demo

up: env
	@$(GRISTMILL) up

down:
	@if [ -x $(GRISTMILL) ]; then $(GRISTMILL) down; else echo "nothing runs: there is no .venv"; fi

status: env
	@$(GRISTMILL) status

check: env
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy

test:
	@bash scripts/env.sh --browser
	$(PYTHON_ENV) -m pytest -m "not long"

test-fast: env
	$(PYTHON_ENV) -m pytest -m "not ($(HEAVY))"

test-long:
	@bash scripts/env.sh --browser
	$(PYTHON_ENV) -m pytest -m long

lock: env
	$(PYTHON_ENV) scripts/lock.py $(if $(UPGRADE),--upgrade)

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache build dist spark-warehouse gristmill.egg-info
	find . \( -path ./.venv -o -path ./work -o -path ./.git \) -prune -o -type d -name __pycache__ -exec rm -rf {} +
