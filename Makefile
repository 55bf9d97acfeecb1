# One environment, .venv, and in it a stamp for each set of packages: a second call is quick.
#
#   make demo         install, run on a clip of its own, say where the results are
#   make test         install what tests need, run all of them
#   make quick        unit, property, house and bench tests that are not slow: half a minute
#   make fuzz         an hour of mutated files through the command line
#   make lint         format, lint, types, import contract
#   make check        lint, then all tests: what a change must pass
#   make check-all    the same on every Python from 3.11 to 3.13 that is found
#   make api          docs/api.md anew, from the docstrings
#   make fix          format, and mend what the linter can
#   make wheel        build the wheel into dist/
#   make wheel-check  the wheel in a fresh environment without torch: a demo and a score
#   make lowest       a demo and the quick tests with the lowest versions that are allowed, without torch
#   make clean        remove what these targets made
#
# .ci/run is the gate: quick, test, lint and wheel-check.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/stamps
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

PYTHONS := 3.11 3.12 3.13
WHEEL := build/wheel
LOWEST := build/lowest
# Without the checks of shapes, which are not there where glpose is used; and they cost time.
QUICK := -o addopts="-q --import-mode=importlib --strict-markers --strict-config" --hypothesis-profile=quick tests/unit tests/property tests/house tests/bench
EXAMPLE := tests/parity/examples/ex4_mot_tracking

.PHONY: demo test quick fuzz lint check check-all api fix wheel wheel-check lowest clean
.DELETE_ON_ERROR:
# All targets share the environment, so that one at a time is right under `make -j` too.
.NOTPARALLEL:

demo: $(STAMP)/run
	$(BIN)/glpose demo -o demo-out
	@echo
	@echo "The results are in $(CURDIR)/demo-out:"
	@find demo-out -type f | sort | sed 's/^/  /'

# Two processes with one thread each: torch's threads get in each other's way.
test: $(STAMP)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

quick: $(STAMP)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" $(QUICK)

lint: $(STAMP)/dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

check: lint test

# Each version has an environment of its own; one that is not found is said and left out.
check-all:
	@set -e; for version in $(PYTHONS); do \
	  found=; \
	  for python in python$$version "$$HOME"/.pyenv/versions/$$version.*/bin/python; do \
	    if [ -z "$$found" ] && "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Python $$version: left out, none is found that can make environments"; \
	    continue; \
	  fi; \
	  echo "Python $$version: $$found"; \
	  $(MAKE) --no-print-directory check PYTHON="$$found" VENV=.venv-$$version; \
	done

api: $(STAMP)/run
	$(BIN)/python bench/api_page.py

fix: $(STAMP)/dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

wheel: $(STAMP)/venv
	@rm -f dist/glpose-*.whl
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps -w dist .
	@ls dist/*.whl

# An hour of mutated files; finds are kept in fuzz-finds. The tests do two minutes of it.
fuzz: $(STAMP)/test
	$(BIN)/python tests/fuzz.py --seconds 3600 --seed $$(date +%s) --keep fuzz-finds

# In a folder of its own without the source, so that only the installed package can be found.
wheel-check: wheel
	@rm -rf $(WHEEL)
	@$(BIN)/python -m venv $(WHEEL)/venv
	@echo "Installing the wheel into $(WHEEL) ..."
	@$(WHEEL)/venv/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt dist/glpose-*.whl
	cd $(WHEEL) && venv/bin/python $(CURDIR)/.ci/check_wheel.py
	cd $(WHEEL) && venv/bin/glpose demo -o demo-out
	test -s $(WHEEL)/demo-out/demo/poses.jsonl
	cd $(WHEEL) && venv/bin/glpose score posetrack $(CURDIR)/$(EXAMPLE)/gt $(CURDIR)/$(EXAMPLE)/pred --json score.json
	test -s $(WHEEL)/score.json

lowest: $(STAMP)/venv
	@rm -rf $(LOWEST)
	@$(BIN)/python -m venv $(LOWEST)
	@echo "Installing the lowest versions into $(LOWEST) ..."
	@$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet -c constraints-lowest.txt -e ".[plot,tables,test]"
	$(LOWEST)/bin/glpose demo -o $(LOWEST)/demo-out
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -m "not slow and not torch" $(QUICK)

clean:
	rm -rf $(VENV) $(PYTHONS:%=.venv-%) demo-out dist build .pytest_cache .hypothesis .ruff_cache .import_linter_cache

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
