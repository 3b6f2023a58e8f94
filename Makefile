# Every command of the README. `make help` lists them.
#
# One environment, .venv, made from the hashed locks; uv is used when it is on the PATH and fetched into .venv
# (also hashed) when it is not.
#
# Any path will do, with spaces, quotes and dollars in it: names here are relative, what a person gives is quoted, and
# tools are called by module (-m), because the scripts in .venv/bin name their Python by its path.

PYTHON ?= python3
BIN := .venv/bin
DEMO_GCP := data/demo-gcp

.DEFAULT_GOAL := help
.PHONY: help demo demo-gcp dev test test-quick test-faults test-containers emulators dbt bench docs lint audit format lock psql stop clean FORCE

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

demo: .venv/.runtime ## Set up, then carry three synthetic months of two datasets through every layer
	@$(BIN)/python -m taxi_assets demo

demo-gcp: .venv/.runtime .venv-emulators/.ready ## The same in target gcp, on emulators of Cloud Storage and BigQuery
	@TAXI_DATA_DIR=$(DEMO_GCP) $(BIN)/python -m taxi_assets emulators $(BIN)/python -m taxi_assets demo

dev: .venv/.runtime ## Open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/python -m taxi_assets dev

test: .venv/.dev .venv/.bench .venv-emulators/.ready .venv-dbt/.ready ## Set up and run every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-quick: .venv/.dev ## Run what fits between two saves: no servers, no waiting, nothing slow (under a minute)
	@$(BIN)/python -m pytest --quiet --numprocesses 2 --dist loadfile -m 'not slow' taxi_assets_tests/unit

# FAULTS takes the program's options: make test-faults FAULTS="--seed 7"
test-faults: .venv/.dev ## Break 300 runs and 2,000 small files on purpose, and read every store afterwards (half an hour)
	@$(BIN)/python -m taxi_assets_tests.faults $(FAULTS)

test-containers: .venv/.dev ## Run the deployment in real containers and break it (needs Docker; a quarter of an hour)
	@TAXI_CONTAINERS_REQUIRED=1 $(BIN)/python -m pytest -m containers

bench: .venv/.bench ## Measure: against what people would use instead, and against the floor (twenty minutes, 20 GB of disk)
	@$(BIN)/python -m benchmarks

docs: .venv/.dev ## Build the pages of docs/ as a site, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build
	@echo "The site is in site/: open site/index.html."

lint: .venv/.dev ## Check style, types and that the locks fit pyproject.toml
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m pyright
	@$(BIN)/python .ci/locks.py

audit: .venv/.dev ## Ask for known vulnerabilities in the locks and for secrets in the files
	@$(BIN)/python .ci/audit.py

format: .venv/.dev ## Format the code
	@$(BIN)/python -m ruff check --fix .
	@$(BIN)/python -m ruff format .

emulators: .venv-emulators/.ready ## Set up the emulators of Cloud Storage and BigQuery

dbt: .venv-dbt/.ready ## Set up dbt, for examples/dbt

psql: .venv/.runtime ## Open psql on the embedded trips database
	@$(BIN)/python -m taxi_assets psql

stop: ## Stop the embedded PostgreSQL server, and that of demo-gcp
	@$(SET_UP) || ! $(ANY_SERVER) || $(MAKE) --no-print-directory .venv/.runtime
	@if $(SET_UP); then $(BIN)/python -m taxi_assets stop; else echo "Nothing to stop: no server was started from here."; fi
	@test ! -d $(DEMO_GCP)/postgres || TAXI_DATA_DIR=$(DEMO_GCP) $(BIN)/python -m taxi_assets stop

# The project itself removes what may lie elsewhere or belong to a person, hence .venv has to work for that.
clean: ## Remove what the project made: data, run history, measurements and environments
	@$(SET_UP) || ! $(ANY_DATA) || $(MAKE) --no-print-directory .venv/.runtime \
		|| { echo "Nothing was removed: the data is removed with .venv, which cannot be set up; see above."; exit 1; }
	@! $(SET_UP) || $(BIN)/python -m taxi_assets clean
	rm -rf .bench .venv .venv-emulators .venv-dbt site .tmp_dagster_home_* .pytest_cache .ruff_cache .hypothesis

# --- set-up -----------------------------------------------------------------------------------------------------------

UV_LOCK := requirements-uv.lock
# A uv that lies in an activated .venv goes away with it.
UV := $(shell case "$$(command -v uv)" in (""|*/.venv/bin/uv) echo $(BIN)/uv;; (*) echo uv;; esac)
UV_READY := $(if $(filter uv,$(UV)),,.venv/.uv)

# Whether the Python of an environment runs and is still the version that its packages were installed for: it is a link
# to one of the machine's, which may have been removed or replaced since.
works = $(1)/bin/python -Ic 'import os, sys, sysconfig; sys.exit(not os.path.isdir(sysconfig.get_path("purelib")))' 2>/dev/null
SET_UP := { test -e .venv/.runtime && $(call works,.venv); }
exists = { for found in $(1); do test ! -e "$$found" || break; done; test -e "$$found"; }
ANY_SERVER := $(call exists,"$${TAXI_DATA_DIR:-data}/postgres" $(DEMO_GCP)/postgres)
ANY_DATA := $(call exists,"$${TAXI_DATA_DIR:-data}" "$${DAGSTER_HOME:-.dagster}" data .dagster)

install = $(BIN)/python -I .ci/half_made.py .venv \
	&& $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r

# Looked at each time (FORCE). The file's time only changes when something was made, and only then the rest follows.
.venv/.python: FORCE
	@if test -e $@ && $(call works,.venv); then exit; fi; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "taxi_assets needs Python 3.10 or newer, found $$("$(PYTHON)" --version). Name one: make PYTHON=python3.12 …"; exit 1; }; \
	$(call works,.venv) || { test ! -e .venv || echo "Making .venv again: its Python does not run …"; rm -rf .venv; }; \
	"$(PYTHON)" -I .ci/half_made.py .venv; \
	if test $(UV) = uv; then uv venv --quiet --allow-existing --python "$(PYTHON)" .venv; else "$(PYTHON)" -m venv .venv; fi \
		|| { echo "$(PYTHON) cannot make .venv; see above. On Debian and Ubuntu it needs the package python3-venv, or uv."; exit 1; }; \
	touch $@

# A .venv that was made by uv, which is gone since, has no pip.
.venv/.uv: .venv/.python $(UV_LOCK)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --default-pip >/dev/null
	@$(BIN)/python -I .ci/half_made.py .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(UV_LOCK)
	@touch $@

.venv/.runtime: .venv/.python $(UV_READY) requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock …"
	@$(install) requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@echo "Adding the test tools from requirements-dev.lock …"
	@$(install) requirements-dev.lock
	@touch $@

.venv/.bench: .venv/.runtime requirements-bench.lock
	@echo "Adding what we are measured against from requirements-bench.lock …"
	@$(install) requirements-bench.lock
	@touch $@

# bqemulator's pins clash with ours, and a person's dbt is not ours: hence environments of their own. Both want Python
# 3.11, for bqemulator and for the DuckDB that the project itself has from there on; dbt 1.11 does not know 3.14. Where no
# such Python is found, everything else works, and the tests that need them say that they did not run.
WANTED_BY_emulators := >=3.11
WANTED_BY_dbt := >=3.11,<3.14

.venv-emulators/.python .venv-dbt/.python: .venv-%/.python: .venv/.python $(UV_READY) FORCE
	@if test -e $@ && $(call works,.venv-$*); then exit; fi; \
	rm -rf .venv-$* && mkdir .venv-$*; \
	if UV_PYTHON_DOWNLOADS=never $(UV) venv --quiet --allow-existing --python '$(WANTED_BY_$*)' .venv-$*; then touch $@; \
	else touch .venv-$*/.no-python; echo ".venv-$* needs Python $(WANTED_BY_$*); none was found, so it is left out."; fi

.venv-emulators/.ready .venv-dbt/.ready: .venv-%/.ready: .venv-%/.python requirements-%.lock
	@test -e .venv-$*/.no-python || { \
		echo "Setting up .venv-$* from requirements-$*.lock …"; \
		$(BIN)/python -I .ci/half_made.py .venv-$* \
		&& $(UV) pip install --quiet --python .venv-$*/bin/python --require-hashes -r requirements-$*.lock; }
	@touch $@

COMPILE := pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

lock: .venv/.python $(UV_READY) ## Resolve the dependencies of pyproject.toml again
	$(UV) $(COMPILE) --group pyproject.toml:uv -o $(UV_LOCK)
	$(UV) $(COMPILE) pyproject.toml --group build -o requirements.lock
	$(UV) $(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(UV) $(subst 3.10,3.11,$(COMPILE)) requirements-emulators.in -o requirements-emulators.lock
	$(UV) $(subst 3.10,3.11,$(COMPILE)) requirements-dbt.in -o requirements-dbt.lock
	$(UV) $(COMPILE) pyproject.toml --group bench -c requirements-dev.lock -o requirements-bench.lock
