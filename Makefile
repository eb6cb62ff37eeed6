# make book   every chapter executed from scratch, then the pages
# make test   everything that keeps the book honest
# Both set up .venv by themselves, with PYTHON (make PYTHON=python3.12 book), and again only when
# requirements.txt or pyproject.toml changed. LOCKED=1 installs exactly what requirements.lock names.
# The longhand without make stands in README.md.

PYTHON ?= python3
ARGS   ?=
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/ready
PIP    := $(RUN) -m pip install --quiet --quiet --disable-pip-version-check

# A hundred processes read the library: its bytecode is kept, even where the surroundings say no.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help book site axe test test-fast refresh rerun seeds mutants fuzz bench lock clean distclean
.DELETE_ON_ERROR:

help:
	@echo 'make book       execute every chapter from scratch, build the pages, print the tally of claims'
	@echo 'make test       unit tests, doctests and every stored output of every notebook'
	@echo 'make test-fast  of these the quick ones: no notebook, nothing slow, about a minute'
	@echo 'make site       build the pages from the stored outputs (seconds)'
	@echo 'make axe        axe-core over the built pages, light and dark (needs Chromium, npm)'
	@echo 'make refresh    execute the notebooks in place, after an intended change'
	@echo 'make rerun      every chapter with parameters that nobody chose: corners, random, exercises'
	@echo 'make seeds      every chapter with other seeds: which verdicts turn, and whether errors are honest'
	@echo 'make mutants    faults planted one at a time: which of them no test and no chapter notices'
	@echo 'make fuzz       the theory on functions that nobody chose, against oracles of its own'
	@echo 'make bench      processor time of the main computations against limits measured now'
	@echo 'make lock       write requirements.lock: every package with its hashes'
	@echo 'make clean      remove what was built; make distclean removes .venv as well'
	@echo
	@echo 'ARGS are passed on: make book ARGS="--chapters order_to_chaos"'

book site refresh: $(READY)
	@$(RUN) -m lib $@ $(ARGS)

test: $(READY)
	@$(RUN) -m pytest $(ARGS)

test-fast: $(READY)
	@$(RUN) -m pytest tests lib -m 'not slow' $(ARGS)

axe rerun seeds mutants fuzz: $(READY)
	@$(RUN) -m tests.$@ $(ARGS)

bench: $(READY)
	@$(RUN) -m benchmarks $(ARGS)

# A half-made .venv (interrupted, or its Python gone) has no working pip and is made anew.
$(READY): requirements.txt pyproject.toml $(if $(LOCKED),requirements.lock)
	@$(RUN) -m pip --version >/dev/null 2>&1 || { \
	  command -v $(PYTHON) >/dev/null || { \
	    echo "make: '$(PYTHON)' not found; name a Python 3.11 or newer: make PYTHON=python3.12 book" >&2; exit 1; }; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: this needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	         "name another: make PYTHON=python3.12 book" >&2; exit 1; }; \
	  echo "making $(VENV) with $$($(PYTHON) -V)"; \
	  $(PYTHON) -m venv --clear $(VENV); }
	@echo "installing $(if $(LOCKED),requirements.lock,requirements.txt) into $(VENV) (about a minute the first time)"
	@$(if $(LOCKED),$(PIP) --require-hashes -r requirements.lock && $(PIP) --no-deps -e .,$(PIP) -r requirements.txt)
	@touch $@

# The project itself (-e .) is no package with a hash; uv is a tool of this one command.
lock:
	@$(PYTHON) -m venv _build/lock
	@_build/lock/bin/python -m pip install --quiet --quiet --disable-pip-version-check uv
	@grep -v '^-e' requirements.txt | _build/lock/bin/uv pip compile - --quiet --universal --upgrade \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file requirements.lock

clean:
	@rm -rf _build .hypothesis .ruff_cache .pytest_cache
	@find book lib tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	@rm -rf $(VENV)
