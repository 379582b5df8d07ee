PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo test lint bench peers clean

# The environment: exact versions, no resolving. Interrupted and run again, it goes on. Compiled by all cores
# afterwards, as pip does it on one.
setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV); a first time takes some minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r requirements.lock
	@$(BIN)/python -c "import compileall; compileall.compile_dir('$(VENV)/lib', quiet=2, workers=0)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/quakelens init
	@touch $(READY)

# The whole loop on a drawn sample, or on real photographs: make demo CORPUS=path/to/corpus
demo: setup
	@$(BIN)/quakelens demo $(if $(CORPUS),--corpus "$(CORPUS)")

# In two processes: much of it waits for servers and for other processes.
test: setup
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# What benchmarks/scoring.py compares with beside what is installed anyway; apart from .venv, which it leaves as it is.
peers: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target .bench-peers \
		-r benchmarks/peers.txt

# What the speed claims rest on; make bench PICTURES=folder for real photographs.
bench: setup
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/scoring.py $(PICTURES)
	@$(BIN)/python benchmarks/backends.py $(PICTURES)
	@$(BIN)/python benchmarks/duplicates.py $(if $(PICTURES),--folder $(PICTURES))
	@$(BIN)/python benchmarks/jetstream.py
	@$(BIN)/python benchmarks/burst.py $(if $(PICTURES),--pictures $(PICTURES))

clean:
	rm -rf $(VENV) .bench-peers .demo .demo-corpus
