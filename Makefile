# One environment, .venv, and in it a stamp for each set of packages: a second call is quick.
#
#   make demo    install, run on a clip of its own, say where the results are
#   make test    install what tests need, run them
#   make check   format, lint, types, import contract, tests
#   make fix     format, and mend what the linter can
#   make quick   unit, property and house tests
#   make wheel   build the wheel into dist/
#   make clean   remove what these targets made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: demo test check fix quick wheel clean
.DELETE_ON_ERROR:
# All targets share the environment, so that one at a time is right under `make -j` too.
.NOTPARALLEL:

demo: $(STAMP)/run
	$(BIN)/glpose demo -o demo-out
	@echo
	@echo "The results are in $(CURDIR)/demo-out:"
	@find demo-out -type f | sort | sed 's/^/  /'

test: $(STAMP)/test
	$(BIN)/python -m pytest

quick: $(STAMP)/test
	$(BIN)/python -m pytest tests/unit tests/property tests/house

check: $(STAMP)/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

fix: $(STAMP)/dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

wheel: $(STAMP)/venv
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps -w dist .
	@ls dist/*.whl

clean:
	rm -rf $(VENV) demo-out dist build .pytest_cache .hypothesis .ruff_cache .import_linter_cache

$(STAMP)/venv:
	@command -v $(PYTHON) >/dev/null || { echo "glpose needs Python 3.11 or newer, but there is no '$(PYTHON)'; install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "glpose needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version); name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu install the package python3-venv" >&2; exit 1; }
	@mkdir -p $(STAMP)
	@touch $@

# Editable: changes of the source need no new installation.
$(STAMP)/run: $(STAMP)/venv pyproject.toml constraints.txt
	@echo "Installing glpose into $(VENV) ..."
	@$(INSTALL) -e .
	@touch $@

# torch is pinned in constraints.txt: without a pin pip may pull gigabytes that no test needs.
$(STAMP)/test: $(STAMP)/run
	@echo "Installing what tests and training need, torch among it, into $(VENV) ..."
	@$(INSTALL) -e ".[test,train,export]"
	@touch $@

$(STAMP)/dev: $(STAMP)/test
	@echo "Installing what checks need into $(VENV) ..."
	@$(INSTALL) -e ".[dev]"
	@touch $@
