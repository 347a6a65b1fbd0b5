# Every target does its own set-up: Python 3.10 or newer and make are all that is needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SHELL  := bash
# notebooks run side by side, one a core: more threads for each would only get in the others' way
export OPENBLAS_NUM_THREADS ?= 1
# nbdev and the notebooks' kernel are found by name
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup site serve page unit chapters check test notebooks bench fuzz clean

help:  ## show this list
	@echo "emlit: what make can do"
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-17s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv, with this checkout installed in it

$(READY): settings.ini setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo "emlit needs Python 3.10 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one so: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (a minute or two, once) …"
	@test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "Python cannot make virtual environments here. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@

site: $(READY)  ## run a copy of every notebook and build the site into _docs/
	@$(BIN)/python tools/build.py

PORT ?= 8000
serve: site  ## build the site and show it at http://localhost:8000 (or PORT=…)
	@echo "Open http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _docs $(PORT)

page: $(READY)  ## one page, run and rendered into _docs/: make page NAME=coins (a part of its name is enough)
	@test -n "$(NAME)" || { echo "Which page? For instance: make page NAME=coins"; exit 1; }
	@$(BIN)/python tools/build.py "$(NAME)"

unit: $(READY)  ## the package alone, within a minute: no site, no browser, no network, no notebooks
	@$(BIN)/python -m pytest -q -m "not slow and not browser and not notebook and not network" -n $(or $(JOBS),2) --dist worksteal

test: $(READY)  ## everything: notebooks, package, export, wheel, README, and the site in a browser (JOBS=1: one test at a time)
	@$(MAKE) --no-print-directory site
	@$(BIN)/python -m pytest -n $(or $(JOBS),2) --dist worksteal

check: $(READY)  ## the fast checks alone: is everything exported, clean, and as the conventions say?
	@$(BIN)/python -m pytest -q tests/test_repo.py

notebooks: $(READY)  ## run every notebook in place and save it, export the package, write README.md
	@$(BIN)/python tools/notebooks.py

chapters: $(READY)  ## number the chapters as nbs/chapters.yml says: files, links, equations, exercises
	@$(BIN)/python tools/chapters.py

# The extra of that name, one by one: what cannot be had here is named as absent by the benchmarks, and no obstacle.
PEERS ?= $(shell sed -n 's/^bench_requirements *= *//p' settings.ini)
$(VENV)/.bench: $(READY)
	@for peer in $(PEERS); do \
	  echo "Installing $$peer …"; \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check "$$peer" || echo "$$peer could not be installed; going on without it."; \
	done
	@touch $@

bench: $(VENV)/.bench  ## emlit beside its peers (8 minutes; QUICK=1: two): tables, results/*.json and pictures in benchmarks/
	@env -u OPENBLAS_NUM_THREADS $(BIN)/python benchmarks/run.py $(if $(QUICK),--quick) $(if $(THREADS),--threads $(THREADS))

N    ?= 100000
SEED ?= 0
fuzz: $(READY)  ## 100 000 small random problems (10 minutes; N=1000: fewer; SEED=1000000: others)
	@$(BIN)/python tests/fuzz.py -n $(N) --seed $(SEED)

clean:  ## remove what make makes (.venv included)
	rm -rf .venv _docs _build _proc build dist *.egg-info .pytest_cache .hypothesis
