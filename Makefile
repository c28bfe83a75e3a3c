# Everything a checkout needs. `make` prints the menu. Set-up runs by itself and once.
.DEFAULT_GOAL := help
.PHONY: help setup test lint types contracts coverage tests test-long demo bench lock clean
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
PURE  := tests/core tests/ledger tests/gate
SPREAD := -n auto --maxprocesses 8 --dist worksteal

help: ## print this menu
	@echo "Answerable. What you can do here:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo "  make demo ONCE=1  the same, and end by itself"

setup: $(READY) ## make .venv and install the locked parts (the other targets do it for you)

$(READY): requirements.lock pyproject.toml gate/pyproject.toml
	@echo "== setup"
	@[ -x $(BIN)/python ] || "$$(.ci/python)" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./gate -e .
	@touch $@

test: lint types contracts coverage tests ## lint, types, contracts, coverage and every quick test

lint: $(READY)
	@echo "== lint"
	@$(BIN)/ruff check --quiet .
	@echo "clean"

types: $(READY)
	@echo "== types"
	@$(BIN)/mypy

contracts: $(READY)
	@echo "== contracts"
	@$(BIN)/lint-imports --cache-dir .cache/imports

coverage: $(READY) ## the tests of the pure rooms (core, ledger, gate): together they run every branch
	@echo "== tests of the pure rooms, and their coverage"
	@mkdir -p .cache
	@$(BIN)/coverage run -m pytest -q $(PURE)
	@$(BIN)/coverage report

tests: $(READY)
	@echo "== tests of the other rooms"
	@$(BIN)/python -m pytest -q $(SPREAD) $(PURE:%=--ignore=%)

test-long: $(READY) ## the slow tests: storms, deep searches, soak
	@echo "== long tests"
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q -m long $(SPREAD)

demo: $(READY) ## the founding story in your terminal, with invented people
	@$(BIN)/answerable demo $(if $(ONCE),--once)

bench: $(READY) ## each measurement of bench/, one JSON line each
	@for script in bench/[!_]*.py; do $(BIN)/python "$$script"; done

lock: $(READY) ## resolve requirements.lock anew, with hashes
	@UV_PYTHON_DOWNLOADS=never uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--no-annotate --python-version 3.11 --no-emit-package answerable-gate --extra test \
		-o requirements.lock pyproject.toml

clean: ## remove what was built here
	@rm -rf $(VENV) .cache build dist
	@find src gate tests bench -name __pycache__ -prune -exec rm -rf {} +
