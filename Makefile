# All targets run in .venv. The first target that needs .venv creates it, with the Python that PYTHON names.
PYTHON ?= python3
BIN := .venv/bin
# Python compiles a module when it is first imported. pip would compile all of them, which takes half a minute.
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --constraint constraints.txt
AGAIN := $(MAKE) --no-print-directory
# The parts of the test suite: which tests are in them, and how many processes run them.
RINGS := $(BIN)/python tests/support/rings.py
export MLFLOW_DISABLE_TELEMETRY ?= true
# The tests start hundreds of processes that import the same modules. Python must store compiled modules, even if the
# image sets this variable.
unexport PYTHONDONTWRITEBYTECODE

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "make %-13s %s\n", $$1, $$2 }'

demo: .venv/.demo packages  ## Train a small network with PyTorch Lightning, log to a native run, and print how to view it
	@$(BIN)/python examples/01_lightning_into_an_existing_run.py --path demo

ui: .venv/.demo packages  ## Open the page with the workspace that `make demo` created
	@$(BIN)/python -m bridge ui demo

# mypy takes one core for half a minute, so tests run beside it.
check: .venv/.dev packages  ## Lint, types, layers, fast tests and docs: less than two minutes
	@$(AGAIN) types & types=$$!; $(AGAIN) lint layers fast; rest=$$?; wait $$types && exit $$rest

quick: lint types layers  ## Lint, types, layers, and the tests of stores and journals: needs no MLflow
	@$(RINGS) quick

# pip uses one processor, so Chromium is installed beside it.
test:  ## Everything that CI runs; the tests that failed run again, alone
	@$(AGAIN) chromium & chromium=$$!; $(AGAIN) .venv/.dev packages; rest=$$?; wait $$chromium && exit $$rest
	@$(AGAIN) types & types=$$!; \
	$(AGAIN) lint layers && $(RINGS) --again fast pythons slow page alone; rest=$$?; wait $$types && exit $$rest

test-mlflow: .venv/.dev  ## Run MLflow's tests on another MLflow: VERSION=3.10.1, or VERSION=newest
	@$(BIN)/python tests/support/another_mlflow.py "$(VERSION)"

bench: .venv/.dev  ## Run every benchmark, and print one table with their yardsticks: some minutes, more with LONG=1
	@$(BIN)/python benchmarks/harness/all.py $(if $(LONG),--long) $(if $(CLOCK),--clock $(CLOCK))

compatibility: .venv/.dev  ## Write docs/mlflow_compatibility.md from its tables in tests/mlflow
	@$(BIN)/python tests/mlflow/harness/compatibility.py

lint: .venv/.dev
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@$(BIN)/python tests/docs/phrases.py

# Each takes one core, so both run at once.
types: .venv/.dev
	@$(BIN)/mypy --no-error-summary & mypy=$$!; \
	$(BIN)/python tests/portal/check_types.py; page=$$?; wait $$mypy && exit $$page

layers: .venv/.dev
	@$(BIN)/lint-imports --no-logo > .venv/layers.log 2>&1 || { cat .venv/layers.log; exit 1; }

fast pythons slow page alone: .venv/.dev
	@$(RINGS) $@

# The page's JavaScript packages of other projects, fetched once with npm, and the page's modules, joined after each
# change. Without npm, all but the page works.
packages: .venv/.demo
	@$(BIN)/python bridge/server/vendor.py || echo "Without them, all but the page and its tests works."
	@$(BIN)/python bridge/server/bundle.py || true

# The browser tests use Debian's Chromium, because Playwright would download another one. Without windows, it takes half
# of the time.
chromium:
	@command -v chromium-headless-shell > /dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "Installing Chromium for the browser tests ..."; \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		apt-get install -y -qq chromium-headless-shell > /dev/null || command -v chromium > /dev/null || \
		apt-get install -y -qq chromium > /dev/null; \
	else \
		command -v chromium > /dev/null || command -v chromium-browser > /dev/null || { \
		echo "The browser tests need Chromium: run \`sudo apt-get install chromium-headless-shell\`, or \`make check\` to skip the browser tests."; \
		exit 1; }; \
	fi

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Runbridge needs Python 3.10 or newer: make PYTHON=python3.12 ...")'
	@echo "Creating .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv (a few minutes, once):"
	@echo "  runbridge with MLflow ..."
	@$(PIP) --editable '.[mlflow]'
	@echo "  PyTorch and PyTorch Lightning ..."
	@$(PIP) --editable '.[lightning]' scikit-learn
	@touch $@

# The last two commands compile what many tests import at the same time.
.venv/.dev: .venv/.demo
	@echo "  the packages that the tests need ..."
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -c 'import IPython, mlflow.server, playwright.sync_api' & mlflow=$$!; \
	$(BIN)/python -c 'import matplotlib.pyplot, pytorch_lightning' && wait $$mlflow
	@touch $@

.PHONY: help demo ui quick check test test-mlflow bench compatibility lint types layers fast pythons slow page alone packages chromium
# Targets run one after the other, even with `make --jobs`: they share .venv, and tests must not compete for the machine.
.NOTPARALLEL:
