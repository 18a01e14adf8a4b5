# Everything runs in .venv, which the first target that needs it makes; PYTHON chooses the Python it is made with.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
# What runs by itself, and what starts many processes: two files at a time, because its tests bear a busy machine.
ALONE := browser or pythons
PROCESSES := postgres or processes
LONGER := $(ALONE) or $(PROCESSES) or slow
QUICK := tests/architecture tests/journal tests/store
PYTEST := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q
export MLFLOW_DISABLE_TELEMETRY ?= true
# Hundreds of processes load the same modules: what Python has compiled is kept, also in an image that says otherwise.
unexport PYTHONDONTWRITEBYTECODE

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "make %-13s %s\n", $$1, $$2 }'

demo: .venv/.demo  ## Train a small network with PyTorch Lightning into a native run, and say how to look at it
	@$(BIN)/python examples/01_lightning_into_an_existing_run.py --path demo

ui: .venv/.demo  ## Open MLflow's UI on the workspace that `make demo` made
	@PATH="$(CURDIR)/$(BIN):$$PATH" mlflow ui --backend-store-uri \
		"$$($(BIN)/python -c 'import bridge; print(bridge.Workspace.open("demo").get_mlflow_tracking_uri())')"

check: lint types layers fast  ## Lint, types, layers, fast tests and docs: about a minute

quick: lint types layers  ## Lint, types, layers, and the tests of stores and journals: needs no MLflow
	@$(PYTEST) --numprocesses 3 --dist worksteal -m "not ($(LONGER) or torch)" $(QUICK)

test: .venv/.dev chromium lint types layers  ## Everything that CI runs
	@$(MAKE) --no-print-directory --keep-going fast slow processes alone

test-mlflow: .venv/.dev  ## Run MLflow's tests on another MLflow: VERSION=3.10.1, or VERSION=newest
	@$(BIN)/python tests/support/another_mlflow.py "$(VERSION)"

bench: .venv/.dev  ## Run every benchmark, each with a reference measurement
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

compatibility: .venv/.dev  ## Write docs/mlflow_compatibility.md from its tables in tests/mlflow
	@$(BIN)/python tests/mlflow/harness/compatibility.py

lint: .venv/.dev
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@$(BIN)/python tests/docs/phrases.py

types: .venv/.dev
	@$(BIN)/mypy --no-error-summary

layers: .venv/.dev
	@$(BIN)/lint-imports --no-logo > .venv/layers.log 2>&1 || { cat .venv/layers.log; exit 1; }

# They wait now and then: three at a time keep two cores busy.
fast: .venv/.dev
	@$(PYTEST) --numprocesses 3 --dist worksteal -m "not ($(LONGER))"

slow: .venv/.dev
	@$(PYTEST) --numprocesses 2 --dist worksteal -m "slow and not ($(ALONE) or $(PROCESSES))"

processes: .venv/.dev
	@$(PYTEST) --numprocesses 2 --dist loadfile -m "($(PROCESSES)) and not ($(ALONE))"

alone: .venv/.dev
	@$(PYTEST) -m "$(ALONE)"

# The browser tests drive Debian's Chromium: Playwright's own is a download of its own.
chromium:
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "Installing Chromium for the browser tests ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium > /dev/null; \
	else \
		echo "The browser tests need Chromium: run \`sudo apt-get install chromium\`, or \`make check\` to do without."; \
		exit 1; \
	fi

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Runbridge needs Python 3.10 or newer: make PYTHON=python3.12 ...")'
	@echo "Making .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv (a few minutes, once):"
	@echo "  runbridge with MLflow ..."
	@$(PIP) --editable '.[mlflow]'
	@echo "  PyTorch and PyTorch Lightning ..."
	@$(PIP) --editable '.[lightning]' scikit-learn
	@touch $@

.venv/.dev: .venv/.demo
	@echo "  what the tests need ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

.PHONY: help demo ui quick check test test-mlflow bench compatibility lint types layers fast slow processes alone chromium
# Installing and testing have .venv and the machine to themselves, also with `make --jobs`.
.NOTPARALLEL:
