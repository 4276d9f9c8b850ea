# Everything runs in a virtual environment of its own. Needed on the machine: Python >= 3.11 with venv, git, make.

# The first interpreter that is new enough; `make test PYTHON=python3.13 VENV=.venv-3.13` tries another one.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; \
	done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PACKAGE := $(VENV)/.package
TOOLS := $(VENV)/.tools
# How many processes run tests.
JOBS ?= auto
# More words for pytest, such as TESTS="tests/render -k stamp".
TESTS ?=
# Options of the demo.
DEMO ?=
# Modules of the testbed to build, and the KServe of `make cluster`; empty: the ordinary ones.
NAMES ?=
KSERVE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench soak screenshots golden testbed cluster cluster-down lock wheel clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(PACKAGE) ## the main job on an example, then the page over it; DEMO=--exit ends before the page
	$(BIN)/revstamp demo $(DEMO)

test: lint ## everything that must pass: lint, types, import rules, tests
	$(if $(TESTS),,$(BIN)/python -m tests.testbed build --if-possible)
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak" $(TESTS)

lint: $(TOOLS) ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(TOOLS) ## write files as the linter wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TOOLS) ## measure, print ratios, write build/bench.json
	$(BIN)/python -m tests.bench

soak: $(TOOLS) ## the long sweeps that `make test` leaves out
	$(BIN)/python -m pytest -n $(JOBS) -m soak $(TESTS)

screenshots: $(TOOLS) ## take docs/images anew from the page of the demo (needs Chromium)
	$(BIN)/python scripts/take_screenshots.py

golden: $(TOOLS) ## write the golden trees anew; read the diff in git
	$(BIN)/python -m pytest --update-golden $(TESTS)

testbed: $(TOOLS) ## build what tests need of Kubernetes (needs Go, once), or NAMES="argocd gitea"
	$(BIN)/python -m tests.testbed build $(NAMES)

cluster: $(TOOLS) ## start a Kubernetes to try things on, say how to use it; KSERVE=0.16 for another version
	@$(BIN)/python -m tests.testbed cluster $(if $(KSERVE),--kserve $(KSERVE))

cluster-down: ## stop it
	@$(BIN)/python -m tests.testbed cluster-down

wheel: $(TOOLS) ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

lock: ## resolve the pinned requirements anew (needs uv)
	@uv=$$(command -v uv || command -v $(BIN)/uv) || { echo "make lock needs uv: https://docs.astral.sh/uv" >&2; exit 1; }; \
	common="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet"; \
	$$uv pip compile $$common --group build pyproject.toml --output-file requirements.lock && \
	$$uv pip compile $$common --group dev pyproject.toml --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove the virtual environment and all that was built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find generator tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "revstamp needs Python 3.11 or newer with venv and ensurepip; none was found." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv. Or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "revstamp needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
		echo "$(PYTHON) cannot make a virtual environment." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamp files: nothing is installed twice. What is installed is pinned with hashes; the package itself comes last, is
# built with the pinned hatchling, and fetches nothing.
$(PACKAGE): pyproject.toml requirements.lock | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements-dev.lock $(PACKAGE)
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
