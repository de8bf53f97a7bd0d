# Verbs of this repository. Each installs what it needs first, into .venv.
#
#   make lab        open the course in JupyterLab, your own copies in learn/    LAB_ARGS=--no-browser
#   make test       run the tests                             PYTEST_ARGS="-k options -x"
#   make smoke      cells and notebooks on our own engine, with each launcher, or with one:
#                   LAUNCHERS=ptrace; as an ordinary user
#   make test-all   the tests, binder-check, all tests that need an engine on our own with each
#                   launcher, and on each of ENGINES="unix://… tcp://…"; as an ordinary user
#   make conformance    docker-py's own tests on dockerd and on our engine; as root
#   make check      ruff, mypy --strict, make test
#   make bench      measure the figures of the README
#   make notebooks  run the notebooks and compare their outputs    NBVAL=--nbval-lax
#   make binder-check   run them in a sandbox like that of mybinder.org, made on Docker
#   make format     let ruff lay out and mend the code
#   make clean      remove .venv and everything made here

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LAB_ARGS ?=
PYTEST_ARGS ?=
CONFORMANCE_ARGS ?=
ENGINES ?=
LAUNCHERS ?= bubblewrap ptrace
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# Those of the notebooks.
IMAGES := busybox python:3-slim
NBVAL ?= --nbval

.PHONY: lab test smoke test-all conformance check lint bench binder-check notebooks format clean
.DEFAULT_GOAL := lab

# $(1): pytest's -m, $(2): where
define on_each_launcher
set -e; for launcher in $(LAUNCHERS); do \
	    echo "--- on our own engine, launcher $$launcher"; \
	    IPYCONTAINERS_TEST_LAUNCHER=$$launcher $(BIN)/python -m pytest \
	        -m "$(1)" $(PYTEST_ARGS) $(2); done
endef

lab: $(VENV)/.lab
	@$(BIN)/ipycontainers doctor || true
	@$(BIN)/ipycontainers image stand-in $(IMAGES) || true
	@$(BIN)/ipycontainers course images || true
	@$(BIN)/ipycontainers course student learn
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab $(ALLOW_ROOT) $(LAB_ARGS) learn/00-check-your-lab.ipynb

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Without a browser and what takes long; test-all has that too.
smoke: $(VENV)/.test
	$(call on_each_launcher,engine and not podman and not browser and not slow,tests/magics \
	    tests/notebooks)

test-all: test
	$(BIN)/python -m pytest -m binder $(PYTEST_ARGS) tests/binder
	$(call on_each_launcher,engine and not podman,tests)
	set -e; for engine in $(ENGINES); do \
	    IPYCONTAINERS_TEST_ENGINE=$$engine $(BIN)/python -m pytest \
	        -m "engine and not podman" $(PYTEST_ARGS) tests/magics tests/watchdog; done

# CONFORMANCE_ARGS="--engine ptrace --area exec" runs a part and judges nothing.
conformance: $(VENV)/.test
	$(if $(CONFORMANCE_ARGS),cd tests && $(abspath $(BIN))/python -m conformance $(CONFORMANCE_ARGS),\
	    $(BIN)/python -m pytest -s -m conformance $(PYTEST_ARGS) tests/conformance)

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

binder-check: $(VENV)/.test
	IPYCONTAINERS_REQUIRE=docker,debootstrap,browser $(BIN)/python -m pytest -m binder \
	    $(PYTEST_ARGS) tests/binder

notebooks: $(VENV)/.test
	$(BIN)/ipycontainers course images
	$(BIN)/python -m pytest -c /dev/null --rootdir=. -p no:cacheprovider $(NBVAL) \
	    --nbval-cell-timeout=120 --nbval-sanitize-with notebooks/nbval.cfg $(PYTEST_ARGS) notebooks

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# One stamp per set of extras, made again when setup.cfg changes.
EXTRAS_lab := lab
EXTRAS_test := lab,test
EXTRAS_dev := lab,test,dev

$(VENV)/.lab $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: setup.cfg pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install -qq --editable '.[$(EXTRAS_$*)]'
	@touch $@

$(VENV)/.pip:
	@command -v $(PYTHON) >/dev/null || \
	    { echo "make: no $(PYTHON) here. On Debian and Ubuntu: apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit(\
	    "ipycontainers needs Python 3.10 or newer; this is " + sys.version.split()[0] + ", " + \
	    sys.executable + ".\nName another: make PYTHON=/path/to/python3 lab")'
	$(PYTHON) .ci/venv.py $(VENV)
	@touch $@
