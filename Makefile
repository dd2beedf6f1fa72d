# Two commands: `make demo` and `make test`. Both set everything up first; neither needs root, docker or a server.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint fuzz chaos chaos-full bench-intake bench-pipeline bench-scoring study verify lock clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## .venv at the root, from the hash-locked requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "talentline needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## the pilot cohort end to end, on an embedded queue server and SQLite
	$(BIN)/talentline demo

test: lint  ## every check: style, types, import rules, tests on real Valkey and PostgreSQL
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: setup  ## ten minutes of hostile requests to every survey tool's reader (ARGS="--minutes 60 --seed 7")
	$(BIN)/python -m tests.fuzz $(ARGS)

chaos: setup  ## faults of every kind and every crash point, both databases; guards switched off must be missed
	$(BIN)/python -m tests.chaos --seed 1 --jobs 2
	$(BIN)/python -m tests.chaos.scenarios --jobs 3
	$(BIN)/python -m tests.chaos.mutations

chaos-full: setup  ## hours: 500 participants and five seeds on each database, once without Redis, long scenarios
	$(BIN)/python -m tests.chaos --size full --seed 1 2 3 4 5
	$(BIN)/python -m tests.chaos --size full --seed 6 --without-redis
	$(BIN)/python -m tests.chaos.scenarios --full
	$(BIN)/python -m tests.chaos.mutations

bench-intake: setup  ## how fast the door accepts, beside its server's limit and a plain route (ARGS=--quick)
	$(BIN)/python -m tests.bench.intake $(ARGS)

bench-pipeline: setup  ## a cohort's cost from webhook to mail, how it grows, beside plain dramatiq and Celery (ARGS=--quick)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m tests.bench.pipeline $(ARGS)

bench-scoring: setup  ## what scoring costs and finds, to 4.3 million ratings, beside plain means and others (ARGS=--quick)
	$(BIN)/python -m tests.bench.scoring $(ARGS)

study: setup  ## how well scoring finds a known truth, by size of cohort and reliability; writes docs/study.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.measures.study $(ARGS)

verify:  ## everything in containers, under faults, in a Compose project of its own (needs Docker)
	deploy/verify.sh

lock:  ## the hash-locked requirements anew (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra embedded --extra tracing pyproject.toml -o requirements/runtime.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra embedded --extra tracing --group dev pyproject.toml -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group build -c requirements/dev.txt -o requirements/build.txt
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group bench -c requirements/dev.txt -o requirements/bench.txt

clean:  ## what make made
	rm -rf $(VENV) var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
