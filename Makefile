# make demo | test | lint      BACKEND=tensorflow (default) | jax | torch
BACKEND ?= tensorflow
PYTHON ?= python3
ARGS ?=

ifeq ($(BACKEND),tensorflow)
VENV := .venv
else
VENV := .venv-$(BACKEND)
endif

# Newer builds of Torch bring gigabytes of CUDA libraries.
ifeq ($(BACKEND),torch)
PINNED := torch==2.13.0
endif

RUN := KERAS_BACKEND=$(BACKEND) TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/python

.PHONY: demo test lint soak format clean

demo: $(VENV)/installed
	$(RUN) -m kreg.cli demo $(ARGS)

test: $(VENV)/installed
	$(RUN) -m pytest -n auto --maxprocesses 4 $(ARGS)

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# Long: all architectures of keras.applications through the transforms, and
# searches that are killed.
soak: $(VENV)/installed
	$(RUN) benchmarks/soak_applications.py $(ARGS)
	$(RUN) benchmarks/soak_search.py

format: $(VENV)/installed
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf .venv .venv-jax .venv-torch

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "kreg needs Python >= 3.11; name one: make PYTHON=python3.12 ..."'
	$(PYTHON) -m venv $(VENV)
	# Python compiles what is used; compiling all takes longer than the rest.
	$(VENV)/bin/python -m pip install --quiet --no-compile $(PINNED) -e ".[$(BACKEND),dev]"
	touch $@
