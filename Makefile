# make run    builds .venv from the lock file and runs the default use case
# make test   the same .venv, all tests
# make test-fast   those that start no process and train nothing, for the inner loop
# make lint   formatters, types, import contracts, plain English
# make docs   the site of the docs, into site/; a broken link is an error
# make pictures   the pictures of the README, after `make run`; needs chromium

PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin

# One BLAS thread per worker: cells run side by side. Nothing reports usage to anybody.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export KEDRO_LOGGING_CONFIG := $(CURDIR)/conf/logging.yml
# Images of containers often forbid bytecode: each process would compile hundreds of modules.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-fast lint docs pictures benchmarks clean

run: .venv/installed
	$(BIN)/kedro run --runner emb_pipeline.runners.ProcessRunner --runner-params max_workers=$(WORKERS)

# A file's tests stay together: they share what its fixtures made. The order of files is that of tests/conftest.py.
test: .venv/installed
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test-fast: .venv/installed
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/plain_english.py

docs: export NO_MKDOCS_2_WARNING := 1
docs: .venv/installed
	$(BIN)/mkdocs build --quiet --strict

pictures: .venv/installed
	$(BIN)/python .ci/pictures/take.py

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] if not (3, 11) <= sys.version_info[:2] < (3, 14) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m emb_pipeline.precompile
	touch $@

clean:
	rm -rf .venv
