# The front door. Everything lives in .venv beside this file; nothing needs root, Docker or a running server.
# The folder may have spaces in its name: only relative paths are used here.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lock proto check test demo bench docs rllib

UV_VERSION := 0.13.8
# Taken by pip from wherever it is configured to look: the default build, or one for the accelerator at hand.
TORCH := torch==2.13.0
RAY := ray[rllib]==2.60.0
BIN := .venv/bin
# One process a core, but at most four: each may hold two gigabytes. ARGS="-n 0" keeps pytest in one process.
PARALLEL := -n logical --maxprocesses 4 --dist loadgroup
# Options for the program behind a verb, such as: make demo ARGS="--exit --json"
ARGS ?=

help:  ## Show the verbs.
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

setup: .venv/.installed  ## Make .venv with everything that running and developing need.

.venv/.python:
	@for python in "$${PYTHON:-python3.11}" python3.12 python3.13 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "Python 3.11 or newer is needed and was not found. On Debian or Ubuntu: apt-get install python3 python3-venv" >&2; \
	  echo "Or name one: make setup PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$found has no venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	"$$found" -m venv .venv; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"; \
	touch $@

.venv/.locked: requirements.lock .venv/.python
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	@touch $@

.venv/.installed: pyproject.toml .venv/.locked
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lock: .venv/.python  ## Resolve pyproject.toml anew into requirements.lock.
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements.lock

proto: setup  ## Make the gRPC code anew from the .proto files.
	@$(BIN)/python -m grpc_tools.protoc -I src --python_out=src --pyi_out=src --grpc_python_out=src \
	  src/hanzo_twin/runtime/runtime.proto src/hanzo_twin/gym/gym.proto

check: setup  ## Formatting, lint, types and the direction of imports.
	@status=0; \
	for tool in "ruff format --check --quiet ." "ruff check --quiet ." mypy "lint-imports --no-logo"; do \
	  echo "== $$tool"; $(BIN)/$$tool || status=1; \
	done; exit $$status

test: setup  ## What check does, then all tests; pytest's summary comes last. ARGS are pytest's.
	@status=0; $(MAKE) --no-print-directory check || status=$$?; $(BIN)/pytest $(PARALLEL) $(ARGS) || status=$$?; exit $$status

demo: setup  ## A machine, its twin, drift and recalibration, live. ARGS="--exit --json" runs it unattended.
	@$(BIN)/hanzo-twin demo $(ARGS)

bench: setup  ## Run benchmarks/ and write the tables of docs/benchmarks.md. ARGS name single ones.
	@$(BIN)/python benchmarks/run.py $(ARGS)

rllib: .venv-rllib/.installed  ## Make .venv-rllib for examples/rl/03_rllib.py: RLlib fixes another Gymnasium.

.venv-rllib/.installed: pyproject.toml | setup
	@$(BIN)/python -m venv --clear .venv-rllib
	@.venv-rllib/bin/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	@$(BIN)/uv pip install --quiet --python .venv-rllib/bin/python "$(RAY)" --editable ".[rl]"
	@touch $@

docs: setup  ## Make the reference pages anew and build the site into build/docs.
	@$(BIN)/python -m hanzo_twin.definition.reference docs/definition.md
	@$(BIN)/python -m hanzo_twin.engines.support_matrix docs/support_matrix.md
	@$(BIN)/mkdocs build --strict --quiet
	@echo "build/docs/index.html"
