# Two commands for a newcomer: `make demo` and `make test`. Both install into .venv first, with pinned versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test lint format docs benchmarks clean

help:
	@echo "make demo        code clips beside x264, train a codec for minutes, measure it on files; writes a report"
	@echo "make test        run the tests"
	@echo "make lint        check formatting, style, and that rooms import only from rooms below them"
	@echo "make format      put formatting and style right"
	@echo "make docs        write the configuration reference and the table of ablations"
	@echo "make benchmarks  time and weigh everything; JSON in benchmarks/results"

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt hatchling editables setuptools
	$(BIN)/python -m pip install --quiet --no-build-isolation --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash demo/run.sh

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/python -m lvc.config.reference > docs/configuration.md
	$(BIN)/python -m lvc.config.ablations > docs/ablations.md

benchmarks: $(INSTALLED)
	for name in startup freed_memory range_coding decode train_step train_memory b_frame wavelet loading scenes build_set flow overhead ddp; do \
		$(BIN)/python -W ignore benchmarks/$$name.py --out benchmarks/results/$$name.json || exit 1; done

clean:
	rm -rf $(VENV) runs demo/out
