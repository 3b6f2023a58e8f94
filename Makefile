# Every command of the README. `make help` lists them.
#
# One environment, .venv, made from the hashed locks; uv is used when it is on the PATH and fetched into .venv
# (also hashed) when it is not.

PYTHON ?= python3
BIN := .venv/bin
DEMO_GCP := $(CURDIR)/data/demo-gcp
export DAGSTER_HOME ?= $(CURDIR)/.dagster

.DEFAULT_GOAL := help
.PHONY: help demo demo-gcp dev test test-containers emulators bench lint audit format lock psql stop clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.runtime ## Set up, then carry three synthetic months of two datasets through every layer
	@$(BIN)/python -m taxi_assets demo

demo-gcp: .venv/.runtime .venv-emulators/.ready ## The same in target gcp, on emulators of Cloud Storage and BigQuery
	@TAXI_DATA_DIR=$(DEMO_GCP) $(BIN)/python -m taxi_assets emulators $(BIN)/python -m taxi_assets demo

dev: .venv/.runtime ## Open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/python -m taxi_assets dev

test: .venv/.dev .venv/.bench .venv-emulators/.ready ## Set up and run every test
	@$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-containers: .venv/.dev ## Run the deployment in real containers and break it (needs Docker; a quarter of an hour)
	@TAXI_CONTAINERS_REQUIRED=1 $(BIN)/pytest -m containers

bench: .venv/.bench ## Measure: against what people would use instead, and against the floor (twenty minutes, 20 GB of disk)
	@$(BIN)/python -m benchmarks

lint: .venv/.dev ## Check style, types and that the locks fit pyproject.toml
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright

audit: .venv/.dev ## Ask for known vulnerabilities in the locks and for secrets in the files
	@$(BIN)/python .ci/audit.py

format: .venv/.dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

emulators: .venv-emulators/.ready ## Set up the emulators of Cloud Storage and BigQuery

psql: .venv/.runtime ## Open psql on the embedded trips database
	@$(BIN)/python -m taxi_assets psql

stop: ## Stop the embedded PostgreSQL server
	@test ! -x $(BIN)/python || $(BIN)/python -m taxi_assets stop
	@test ! -x $(BIN)/python -o ! -d $(DEMO_GCP) || TAXI_DATA_DIR=$(DEMO_GCP) $(BIN)/python -m taxi_assets stop

# The servers' own files first: as root they do not lie in data.
clean: stop ## Remove what the project made: data, run history and environments
	@for made in $(DEMO_GCP) $(CURDIR)/data; do \
		test ! -x $(BIN)/python -o ! -d $$made/postgres || TAXI_DATA_DIR=$$made $(BIN)/python -m taxi_assets remove || exit; \
	done
	rm -rf data .dagster .bench .venv .venv-*

# --- set-up -----------------------------------------------------------------------------------------------------------

UV_LOCK := requirements-uv.lock
UV := $(or $(shell command -v uv),$(BIN)/uv)

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "taxi_assets needs Python 3.10 or newer, found $$($(PYTHON) --version). Name one: make PYTHON=python3.12 …"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python $(PYTHON) .venv; \
	else $(PYTHON) -m venv .venv; fi

$(BIN)/uv: .venv/bin/python $(UV_LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV_LOCK)
	@touch $@

.venv/.runtime: .venv/bin/python $(UV) requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock …"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@echo "Adding the test tools from requirements-dev.lock …"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.bench: .venv/.runtime requirements-bench.lock
	@echo "Adding what we are measured against from requirements-bench.lock …"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-bench.lock
	@touch $@

# bqemulator wants Python 3.11 and pins that clash with ours, hence an environment of its own. Where no such Python is
# found, everything else works, and the tests that need the emulators say that they did not run.
.venv-emulators/.ready: .venv/bin/python $(UV) requirements-emulators.lock
	@echo "Setting up .venv-emulators from requirements-emulators.lock …"
	@mkdir -p .venv-emulators && rm -f .venv-emulators/.no-python
	@if UV_PYTHON_DOWNLOADS=never $(UV) venv --quiet --allow-existing --python '>=3.11' .venv-emulators; then \
		$(UV) pip install --quiet --python .venv-emulators/bin/python --require-hashes -r requirements-emulators.lock; \
	else touch .venv-emulators/.no-python; echo "The emulators need Python 3.11 or newer; none was found, so they are left out."; fi
	@touch $@

COMPILE := pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: $(UV) ## Resolve the dependencies of pyproject.toml again
	$(UV) $(COMPILE) --group pyproject.toml:uv -o $(UV_LOCK)
	$(UV) $(COMPILE) pyproject.toml --group build -o requirements.lock
	$(UV) $(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(UV) $(subst 3.10,3.11,$(COMPILE)) requirements-emulators.in -o requirements-emulators.lock
	$(UV) $(COMPILE) pyproject.toml --group bench -c requirements-dev.lock -o requirements-bench.lock
