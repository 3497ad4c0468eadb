# `make` alone prints this list. Every target sets up what it needs first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
READY_BENCH := $(VENV)/.ready-bench
RUN_ARGS ?=
BENCH_ARGS ?=
TEST_ARGS ?= -n auto --dist loadgroup

export UV_PYTHON_DOWNLOADS := never
# Kept bytecode halves the time of every start after the first.
unexport PYTHONDONTWRITEBYTECODE
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

# $(call install,PACKAGE,WHAT): with apt-get as root, else say how.
install = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing $(1)"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
	else echo "$(2) is missing. On Debian: sudo apt-get install $(1)"; exit 1; fi

.DEFAULT_GOAL := help
.PHONY: help run test lint format faults bench sure setup browser clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## set up, then run everything here: pages, worker process, scheduler, Flower, broker
	@exec $(BIN)/orchestra up $(RUN_ARGS)

test: $(READY_DEV) browser ## set up, then every test: both databases, a real broker, a real browser
	@$(BIN)/python -m pytest $(TEST_ARGS)

lint: $(READY_DEV) ## ruff, import rules, types, and whether the migrations match the models
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python -m orchestra.cli db check

format: $(READY_DEV) ## let ruff format and repair
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

faults: $(READY_DEV) ## the long fault runs: killed processes, a wiped broker, storms and races
	@$(BIN)/python -m pytest tests/faults tests/test_storm.py tests/test_races.py tests/test_staffing_races.py \
		tests/web/test_tabs.py tests/domain/test_nothing_deleted.py --long

bench: $(READY_BENCH) ## set up, then speed beside Celery and DBOS, about 20 minutes; quicker: BENCH_ARGS=--quick
	@$(BIN)/python -m bench $(BENCH_ARGS)

sure: lint test ## lint, test: exactly what .ci/run runs

setup: $(READY_DEV) ## only set up

clean: ## remove the virtual environment; data in ./var stays
	rm -rf $(VENV)

# A private uv: works with Pythons whose packages the system manages, and installs all pins in
# seconds.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call install,python3-venv,Python's venv module)
	@$(PYTHON) -m venv $(VENV)/uv
	@$(VENV)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)

$(READY): requirements.txt pyproject.toml | $(UV) $(BIN)/python
	@echo "Setting up $(VENV)"
	@$(UV) pip install --quiet -r requirements.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_DEV): requirements-dev.txt $(READY)
	@echo "Adding what tests need"
	@$(UV) pip install --quiet -r requirements-dev.txt
	@touch $@

$(READY_BENCH): requirements-bench.txt $(READY)
	@echo "Adding what benchmarks need"
	@$(UV) pip install --quiet -r requirements-bench.txt
	@touch $@

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| $(call install,chromium,Chromium)
