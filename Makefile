# The two commands a newcomer types are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help publish fetch view demo test lint types test-python test-viewer test-e2e bench bench-viewer docs install install-dev clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e '.[model]'
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed
	$(PIP) install -c constraints.txt -e '.[model,dev]'
	touch $@

install: $(BIN)/.installed ## Install triage into .venv.
install-dev: $(BIN)/.installed-dev

demo: install ## Run the whole job against an annotator at home: pull, score, report, pack, unpack.
	$(BIN)/triage demo --no-view --data demo-data $(ARGS)

PAGE := triage/server/page/index.html
NODE := viewer/node_modules/.package-lock.json
$(NODE): viewer/package-lock.json
	cd viewer && npm ci --no-audit --no-fund
	touch $@

$(PAGE): $(NODE) viewer/index.html viewer/vite.config.ts $(shell find viewer/src viewer/public -type f 2>/dev/null)
	cd viewer && npm run build

# Your data when there is some, else the demo's.
DATA ?= $(if $(wildcard data/08_reporting data/02_shards),data,$(if $(wildcard demo-data),demo-data,data))

view: install $(PAGE) ## Build the viewer's page if needed, and open it on your data, else the demo's (DATA=... ARGS=...).
	$(BIN)/triage view --data $(DATA) $(ARGS)

# What is published or fetched is not rebuilt by a newer pyproject.toml: any installed triage will do.
$(BIN)/triage:
	$(MAKE) install

publish: | $(BIN)/triage ## Pack the data directory, hand it to DVC and push it; then says what to commit.
	$(BIN)/triage pack --data data
	$(BIN)/python -m dvc add data/02_shards
	$(BIN)/python -m dvc push
	@echo 'published; now commit: git add data/02_shards.dvc && git commit -m "Publish shards" && git push'

fetch: | $(BIN)/triage ## Pull the published shards and unpack them (ARGS="--organization NAME" or ARGS=--previews for a part).
	$(BIN)/triage fetch --data data $(ARGS)

test: lint types test-python test-viewer test-e2e ## Run every check: lint, types, Python, viewer and browser tests.

lint: install-dev ## Check style.
	$(BIN)/ruff check triage tests
	$(BIN)/ruff format --check triage tests

types: install-dev ## Check types.
	$(BIN)/mypy

test-python: install-dev $(PAGE) ## Run the Python tests.
	$(BIN)/python -m pytest tests -n 2 --ignore tests/e2e

test-viewer: $(NODE) ## Run the page's checks: generated types, lint, types, tests.
	cd viewer && npm run types:check && npm run lint && npx tsc --noEmit && npm test

test-e2e: install-dev $(PAGE) ## Drive the page in Chromium over a real `triage view` (skipped without Chromium).
	cd viewer && TRIAGE_PYTHON=$(abspath $(BIN)/python) npm run test:e2e

bench-viewer: install-dev $(PAGE) ## Measure the page in Chromium; docs/benchmarks.md's section comes from here.
	$(BIN)/python -m tests.benchmarks viewer

bench: install-dev ## Measure; the tables of docs/benchmarks.md come from here.
	$(BIN)/python -m tests.benchmarks

.PHONY: demo-model
demo-model: install-dev ## Make the bundled package again from its seed (renders 3,600 sequences, then trains: about half an hour).
	$(BIN)/python -m triage.demo.model_recipe

docs: install-dev ## Write the generated pages of docs/.
	$(BIN)/python -m tests.generate_docs

clean: ## Remove what the build made (not your data).
	rm -rf $(VENV) viewer/node_modules viewer/dist triage/server/page demo-data
