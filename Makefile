# make demo | test | test-fast | test-slow | lint | bench | clean        (make VENV=dir PYTHON=python3.12 ...)
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
DEMO = runs/demo

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
	$(BIN)/python -m pytest

# Every part once, every field and every pair of parts, and the rooms whose tests are quick.
FAST = tests/contracts tests/data tests/networks tests/games tests/learners \
  tests/commands/test_help.py tests/test_architecture.py tests/test_docs.py \
  tests/test_optimisers.py tests/test_randomness.py tests/test_schedules.py

test-fast: $(VENV)/.developer
	$(BIN)/python -m pytest $(FAST)

test-slow: $(VENV)/.developer
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Writes the tables of README.md and of the pages in docs/ from the registries.
docs: $(VENV)/.installed
	$(BIN)/python -c "import pathlib; from saddlepoint.recipes.table import filled; \
	  page = pathlib.Path('README.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.learners.adversarial.tables import filled; \
	  page = pathlib.Path('docs/games.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.learners.adversarial.tables import OF_CLASSES, filled; \
	  page = pathlib.Path('docs/classes.md'); page.write_text(filled(page.read_text(), OF_CLASSES))"
	$(BIN)/python -c "import pathlib; from saddlepoint.learners.variational.tables import filled; \
	  page = pathlib.Path('docs/vae.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.evaluation.tables import filled; \
	  page = pathlib.Path('docs/evaluation.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.two_sample.tables import filled; \
	  page = pathlib.Path('docs/two-sample.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.divergences.tables import filled; \
	  page = pathlib.Path('docs/distances.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.symptoms.tables import filled; \
	  page = pathlib.Path('docs/symptoms.md'); page.write_text(filled(page.read_text()))"
	$(BIN)/python -c "import pathlib; from saddlepoint.lab.gallery import filled, rewritten; \
	  results = pathlib.Path('docs/results'); \
	  [(each / 'page.md').write_text(rewritten(each)) for each in results.iterdir()]; \
	  page = pathlib.Path('docs/lab.md'); page.write_text(filled(page.read_text(), results))"

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/step.py --json benchmarks/results/step.json
	$(BIN)/python benchmarks/penalised_step.py --json benchmarks/results/penalised_step.json
	$(BIN)/python benchmarks/members.py --json benchmarks/results/members.json
	$(BIN)/python benchmarks/precision.py --json benchmarks/results/precision.json

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
