# Every target works from a fresh clone that has nothing but Python 3.11+, its pip, and the package index.

PYTHON ?= python3
BIN := .venv/bin

# What is compiled is kept, whatever the shell says: each of a run's processes would spend six seconds on the same.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test sweep check audit-deps chaos bench contact-sheet screenshots \
	pages check-mjml lock
.DEFAULT_GOAL := help

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## .venv with everything, exactly as locked

# --no-build-isolation: the build backend is one of the locked packages, so nothing unlocked is fetched.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Doorstep needs Python 3.11 or newer, and $(PYTHON) is not. Try make PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Installing into .venv; it takes a minute, or a few."; $(PYTHON) -m venv .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Installed: $(BIN)/doorstep"

demo: install ## the whole engine with a sample shop; HEADLESS=1 ends by itself
	$(BIN)/doorstep demo $(if $(HEADLESS),--headless)

test: install ## all tests, on a real PostgreSQL and Valkey
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

sweep: install ## the exhaustive runs of which `make test` takes a slice; tens of minutes
	$(BIN)/python -m pytest -m sweep $(ARGS)

check: install ## style, types, layers, schema, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/migrations.py
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

audit-deps: install ## known weaknesses in the locked packages; fails when it could look at none
	$(BIN)/python .ci/audit_deps.py requirements.lock

chaos: install ## kills, crashes and lies while 10,000 messages leave; ARGS="--seed 7 --messages 2000 --kills 20"
	$(BIN)/python -m tests.chaos $(ARGS)

bench: install ## what polls, sends and pushed scans cost, beside the bare limits
	$(BIN)/doorstep bench poll
	$(BIN)/doorstep bench decide
	$(BIN)/doorstep bench render
	$(BIN)/doorstep bench send
	$(BIN)/doorstep bench stages
	$(BIN)/doorstep bench latency

contact-sheet: install ## every email of both brands in one picture: docs/images/contact-sheet.png
	$(BIN)/doorstep templates sheet docs/images/contact-sheet.png --locale en

screenshots: install ## take the kept screenshots of every email anew; look at what git says has changed
	$(BIN)/python -m tests.messages.pictures.golden

pages: install ## pictures of every page, large and small, by day and by night, in build/pages; ARGS=FOLDER
	$(BIN)/python -m tests.web.browser.pictures $(ARGS)

check-mjml: install ## every email before npm's mjml in strict mode, where Node is
	$(BIN)/python .ci/mjml_strict.py

# Three files, because a file whose every line carries a hash cannot say "only with this extra": the whole workshop,
# what a server needs (the container image), and what builds the wheel. The last two take their versions from the first.
# An index address never goes into them; UPGRADE=1 takes the newest versions instead of keeping those that are locked.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate --no-config

lock: ## write the lock files anew from pyproject.toml
	@test -x $(BIN)/uv || $(MAKE) install
	$(LOCK) $(if $(UPGRADE),--upgrade) --all-extras pyproject.toml --output-file requirements.lock
	$(LOCK) --constraint requirements.lock pyproject.toml --output-file requirements-server.lock
	echo "hatchling" | $(LOCK) --constraint requirements.lock - --output-file requirements-build.lock
