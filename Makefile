# Works with GNU Make 3.81 (macOS). `make` alone tells what there is.
SHELL := /bin/sh
BIN := .venv/bin

.PHONY: help demo setup setup-dev test check bench bench-compare screenshots lock guest-init ready clean

help:
	@echo "make demo         a small cloud with a search service, live on this terminal"
	@echo "make test         set up what tests need and run them all"
	@echo "make check        format, lint, types and import contracts"
	@echo "make bench        measure the promised numbers (docs/specification.md) on this machine"
	@echo "make bench-compare OLD=COMMIT NAMES='leaf …'   an earlier commit and this one in turns"
	@echo "make screenshots  take the pictures in docs/console again (needs Chromium)"
	@echo "make ready        fetch and build everything and try it, so that a session needs no network"
	@echo "make setup        fill .venv (demo and ready do it by themselves)"
	@echo "make lock         write requirements*.lock again"
	@echo "make clean        remove .venv and caches"

setup:
	@scripts/setup

setup-dev:
	@scripts/setup --dev

# Ctrl-C on the live screen is a key, and ends with 0. Any other SIGINT or SIGTERM hits make as well, which then reports
# it (130, 143) however orderly the demo went; nothing is left behind either way.
demo: setup
	@$(BIN)/glasscloud demo

ready: setup
	@$(BIN)/glasscloud ready

# Side by side what needs nothing of the machine for itself; one by one what starts whole clouds on it.
test: setup-dev
	@$(BIN)/python -m pytest -n 3 --dist loadfile tests/unit tests/integration
	@$(BIN)/python -m pytest tests/contract tests/e2e

check: setup-dev
	@scripts/check-js
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/words
	@$(BIN)/python scripts/check-async

bench: setup-dev
	@$(BIN)/python -m bench

bench-compare: setup-dev
	@$(BIN)/python -m bench.compare $(OLD) $(NAMES)

screenshots: setup-dev
	@$(BIN)/python scripts/screenshots

lock:
	@scripts/lock

# The first process of container instances. The built ones are kept here, so that no compiler is needed.
guest-init:
	@scripts/guest-init

clean:
	@rm -rf .venv .venv.old .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
