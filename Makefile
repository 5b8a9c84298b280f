# The two commands are `make up` and `make test`. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# NEURAL=1 installs what trains networks, too; once installed it stays until `make clean`.
NEURAL ?= $(if $(wildcard $(VENV)/.installed-neural),1)
LOCKED := requirements$(if $(NEURAL),-neural).txt
STAMP := $(VENV)/.installed$(if $(NEURAL),-neural)
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
# A home that cannot be written to has no room for a package cache.
export UV_CACHE_DIR ?= $(if $(shell test -w "$$HOME" && echo yes),$(HOME)/.cache/uv,$(CURDIR)/$(VENV)/cache)

.PHONY: help setup up down status test check bench bench-quality bench-serving lock clean
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP) ## the environment, without starting anything
$(STAMP): $(LOCKED) pyproject.toml
	@$(PYTHON) -I recsys/local/preflight.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-cache-dir --disable-pip-version-check "uv>=0.9,<1"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python $(LOCKED)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

up: setup ## start everything, load the sample shop, stay until Ctrl-C
	@exec $(BIN)/python -m recsys.local.up

down: setup ## end every process of the platform, also what a killed one left
	@exec $(BIN)/python -m recsys.local.down

status: setup ## what runs, where, how healthy, how old each live release is
	@exec $(BIN)/recsys status

test: setup ## all tests, against real servers
	@exec $(BIN)/python -m pytest $(ARGS)

check: setup ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: setup ## quality and speed, as benchmarks/README.md shows them
	@exec $(BIN)/python -m benchmarks $(ARGS)

bench-quality: setup ## what is recommended, beside peers and published figures, on public data
	@exec $(BIN)/python -m benchmarks.all_protocols $(ARGS)

bench-serving: setup ## answers a second, beside an empty route and other servers; needs wrk
	@exec $(BIN)/python -m benchmarks.serving $(ARGS)

COMPILE := $(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url --quiet
lock: ## compile requirements.txt and requirements-neural.txt anew from pyproject.toml
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra neural --constraint requirements.txt --output-file requirements-neural.txt

clean: ## remove the environment; the platform's data in RECSYS_HOME stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
