# Everything runs in $(VENV). Each target installs what it needs; a second run installs nothing,
# unless a requirements file or the package's metadata changed.
#
#   make demo                 caption a photo: picture and JSON in demo_out/
#   make demo PHOTO=me.jpg    the same with your photo
#   make test | lint | format | bench | setup | clean

VENV        ?= .venv
PYTHON      ?= $(shell $(FIND_PYTHON))
# Another package index for torch, e.g. https://download.pytorch.org/whl/cpu (smaller, no CUDA).
TORCH_INDEX ?=
PHOTO       ?=
OUT         ?= demo_out
WORKERS     ?= 2
ARGS        ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

RUN_READY  := $(VENV)/.run-ready
TEST_READY := $(VENV)/.test-ready

SUPPORTED = import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))

# Candidates are executed: a launcher (pyenv's, for one) may be on PATH without its Python.
FIND_PYTHON = for candidate in python3.11 python3.12 python3.10 python3 python; do \
	if $$candidate -c '$(SUPPORTED)' 2>/dev/null; then echo $$candidate; break; fi; done

BUNDLED_PHOTO = import importlib.util as u, pathlib as p; \
	print(p.Path(u.find_spec('skimage').origin).parent / 'data' / 'astronaut.png')

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench clean

help:
	@sed -n 's/^#  *make/make/p' Makefile

setup: $(TEST_READY)

demo: $(RUN_READY)
	@photo="$(PHOTO)"; test -n "$$photo" || photo=$$($(BIN)/python -c "$(BUNDLED_PHOTO)"); \
	$(BIN)/python tools/image_demo.py "$$photo" --out-dir "$(OUT)" $(ARGS)

test: $(TEST_READY)
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(TEST_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(TEST_READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(TEST_READY)
	$(BIN)/python tools/benchmark.py $(ARGS)

clean:
	rm -rf "$(VENV)" build dist *.egg-info mmpatchioner/.mim .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUPPORTED)' || { echo 'Python 3.10, 3.11 or 3.12 is' \
	'needed, found: "$(PYTHON)". Install one (Debian: apt-get install python3 python3-venv) or name' \
	'it: make PYTHON=/path/to/python3.11'; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) cannot make a virtual' \
	'environment. Debian: apt-get install python3-venv'; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"

$(RUN_READY): requirements/runtime.txt requirements/nodeps.txt pyproject.toml setup.py | $(BIN)/python
	$(PIP) $(addprefix --extra-index-url ,$(TORCH_INDEX)) -r requirements/runtime.txt
	$(PIP) --quiet --no-deps -r requirements/nodeps.txt
	$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(TEST_READY): requirements/test.txt requirements/test-nodeps.txt $(RUN_READY)
	$(PIP) --quiet -r requirements/test.txt
	$(PIP) --quiet --no-deps -r requirements/test-nodeps.txt
	@touch $@
