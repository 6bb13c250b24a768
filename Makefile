# The few verbs of the house. `make` alone names them.
.PHONY: help test lint bench docs dist

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1  /p' Makefile

test: ## the tests, but those against other frameworks
	python -m pytest -n auto --dist worksteal --ignore=tests/oracles

lint: ## style, types and stubs
	python -m ruff check .
	python -m ruff format --check .
	python tools/write_stubs.py --check
	python -m mypy

bench: ## the benchmarks
	python -m pytest bench

docs: ## the documents' code is run
	python -m pytest tests/house/test_docs.py tests/house/test_contributing.py

dist: ## sdist and wheels, against every gate; slow
	python -m tools.check_dist
