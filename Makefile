# make demo | test | test-fast | test-slow | lint | bench | clean        (make VENV=dir PYTHON=python3.12 ...)
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO = runs/demo
# Tests run in as many processes as there are cores, each on one thread; WORKERS= runs them in one.
WORKERS = -n logical --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := demo
.PHONY: demo test test-fast test-slow lint bench docs clean

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.developer: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

# Trains a DCGAN on the bundled digits, scores it and writes a page about it.
demo: $(VENV)/.installed
	rm -rf $(DEMO)
	$(BIN)/saddlepoint train dcgan-two-core --steps 1500 --out $(DEMO) --training.sample-every 150
	$(BIN)/saddlepoint sample $(DEMO) --n 64 --seed 7 --out $(DEMO)/grid.png
	$(BIN)/saddlepoint evaluate $(DEMO)
	$(BIN)/saddlepoint report $(DEMO)
	@echo "Open $(CURDIR)/$(DEMO)/report.html in a browser."

test: $(VENV)/.developer
	$(BIN)/python -m pytest $(WORKERS)

# Every part once, every field and every pair of parts, and the rooms whose tests are quick.
FAST = tests/contracts tests/data tests/networks tests/games tests/learners \
  tests/commands/test_help.py tests/test_architecture.py tests/test_docs.py \
  tests/test_optimisers.py tests/test_randomness.py tests/test_schedules.py

test-fast: $(VENV)/.developer
	$(BIN)/python -m pytest $(FAST) $(WORKERS)

test-slow: $(VENV)/.developer
	$(BIN)/python -m pytest -m slow $(WORKERS)

lint: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Writes the tables of README.md and of the pages in docs/ from the registries.
docs: $(VENV)/.installed
	$(BIN)/python docs/tables.py

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/step.py --json benchmarks/results/step.json
	$(BIN)/python benchmarks/penalised_step.py --json benchmarks/results/penalised_step.json
	$(BIN)/python benchmarks/members.py --json benchmarks/results/members.json
	$(BIN)/python benchmarks/precision.py --json benchmarks/results/precision.json

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
