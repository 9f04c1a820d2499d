# robot_rl: `make dry-run` practises a task in simulation from a fresh checkout; `make test` checks everything.
#
#   make dry-run                               peg insertion, end to end, with a report
#   make dry-run task=pick_cube seed=1         settings as KEY=VALUE ...
#   make dry-run ARGS="learner.hidden=[64,64]" ... or in ARGS when the shell or make would eat them
#   make PYTHON=python3.12 dry-run             another Python
#   make mutation ARGS=robot_rl/supervisor.py  would a test notice a wrong sign? (minutes; without ARGS: all of it)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help dry-run test lint type imports unit coverage mutation format clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CPU_INDEX := https://download.pytorch.org/whl/cpu
REACHABLE := $(BIN)/python -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)'
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
SETTINGS := $(filter-out ARGS=% PYTHON=%,$(MAKEOVERRIDES)) $(ARGS)

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

dry-run: $(VENV)/.run
	@$(BIN)/robot-rl dry-run $(SETTINGS)

test: lint type imports unit coverage

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

type: $(VENV)/.dev
	@$(BIN)/mypy

imports: $(VENV)/.dev
	@$(BIN)/lint-imports

unit: $(VENV)/.dev
	@$(BIN)/pytest -q $(ARGS)

# Of the files in pyproject.toml's tool.coverage.report, by their own tests.
coverage: $(VENV)/.dev
	@$(BIN)/coverage run -m pytest -q tests/controllers tests/robot_rl/operator tests/robot_rl/test_supervisor.py tests/robot_rl/test_guard.py
	@$(BIN)/coverage report

mutation: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.mutation $(ARGS)

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build

# Stamps: a second `make` does nothing; a change of the files named on the right installs again.

$(VENV)/.dev: $(VENV)/.run
	@echo "installing the test tools"
	@$(PIP) install -qq -c constraints.txt -e ".[dev]"
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml setup.py
	@echo "installing robot_rl into $(VENV) (a minute or two the first time)"
	@$(PIP) install -qq -c constraints.txt -e .
	@touch $@

# Without an NVIDIA GPU the small CPU build goes in first, so that nothing pulls gigabytes of CUDA later.
# `+cpu` in the version is what PyPI never has: a package index can only answer with the CPU build or not at all.
$(VENV)/.torch: $(VENV)/.python constraints.txt
	@if $(PIP) show --quiet torch 2>/dev/null; then \
	  echo "torch: already in $(VENV)"; \
	elif [ "$$(uname -s)" != Linux ] || nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then \
	  echo "torch: the default build for this machine comes with the other packages"; \
	else \
	  echo "torch: no NVIDIA GPU, installing the CPU build of $(TORCH) (about 200 MB)"; \
	  index=; ! $(REACHABLE) $(CPU_INDEX)/torch/ 2>/dev/null || index="--extra-index-url $(CPU_INDEX)"; \
	  $(PIP) install -qq -c constraints.txt $$index "torch==$(TORCH)+cpu" 2>/dev/null || { \
	    echo "torch: no CPU build found (is $(CPU_INDEX) reachable?); taking $(TORCH) from the default package index."; \
	    echo "       From PyPI that is the CUDA build, several GB: press Ctrl-C now if you do not want it."; \
	    $(PIP) install -qq -c constraints.txt "torch==$(TORCH)"; }; \
	fi
	@touch $@

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: robot_rl needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -1)." >&2; \
	  echo "       Name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  echo "error: '$(PYTHON)' cannot make a virtual environment." >&2; \
	  echo "       On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@touch $@
