# `make demo` sets up and runs the main job, `make test` sets up and passes the tests. Nothing but Python and make is needed.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test lint docs notebooks clean
.DELETE_ON_ERROR:

setup: $(READY)

# the constraints file fixes the version of torch; a failed installation leaves no $(READY) behind and is tried again
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pidcam needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY)
	$(BIN)/pidcam run egamma

# the tests that compute share the cores, file by file, for those of a file share what they make; each worker has one thread
test: $(READY) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# the documentation, every page checked, as site/index.html
docs: $(READY)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs site

# run the notebooks on all events and keep their outputs
notebooks: $(READY)
	rm -rf stores/notebook runs/notebook*
	$(BIN)/python examples/execute.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
