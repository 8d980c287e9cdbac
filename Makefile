# The project's commands. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPOSE ?= docker compose
CLUSTER := $(COMPOSE) --file docker-compose.kafka.yml
export INPUT ?=
# Without bytecode every process of every run compiles the tests anew, which takes longer than most of them.
unexport PYTHONDONTWRITEBYTECODE
# An interrupted first run leaves an environment without pip: make it anew.
MAKE_VENV := $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PACKAGES := services shared demo bench tests

.PHONY: help setup demo up down logs ps cluster cluster-down cluster-test
.PHONY: check check-format check-types check-imports check-http check-kafka check-others
.PHONY: test compat bench soak lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

# Two stamps: what running needs (a few seconds), and what development needs on top of it.
$(VENV)/run.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mini Kafka needs Python 3.11 or newer: make PYTHON=python3.13 ...")'
	@echo "making $(VENV) (only the first time, or when requirements change)"
	@$(MAKE_VENV)
	@$(PIP_INSTALL) --require-hashes -r requirements.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "adding the development tools to $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

setup: $(VENV)/dev.stamp ## make .venv with everything that development needs

demo: $(VENV)/run.stamp ## watch a file's lines travel through the broker (INPUT=path for your own)
	@exec $(BIN)/python -m demo $${INPUT:+--input "$$INPUT"}

up: ## start broker, producer and consumer in containers
	$(COMPOSE) up --build --detach --wait
	@echo "the broker answers on http://$$($(COMPOSE) port broker 8000); make logs shows the records"

down: ## stop the containers
	$(COMPOSE) --profile observability down --remove-orphans

logs: ## follow the containers' logs
	$(COMPOSE) logs --follow

ps: ## show the containers
	$(COMPOSE) ps

cluster: ## start three Kafka nodes, two gateways behind a proxy, producer and consumer in containers
	$(CLUSTER) up --build --detach --wait
	@echo "the gateways answer on http://$$($(CLUSTER) port proxy 8000)"

cluster-down: ## stop them; the records stay in Kafka's volumes
	$(CLUSTER) --profile observability down --remove-orphans

cluster-test: $(VENV)/dev.stamp ## the tests that start this cluster
	@$(BIN)/pytest tests/integration/test_cluster.py

check: $(VENV)/dev.stamp ## formatting, lint, types, import contracts, unit and contract tests (seconds, no Docker)
	@$(MAKE) --no-print-directory --jobs $(SYNC) $(CHECKS:%=check-%)

# All at once, the tests in three processes that know nothing of each other: to be told of each test by its workers
# costs pytest-xdist a third of the time. The third takes whatever the first two leave, and imports neither FastAPI nor kio.
CHECKS := format types imports http kafka others
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync)
QUICKLY := $(BIN)/pytest -q --hypothesis-profile=fast
HTTP_TESTS := tests/unit/mini_kafka/http_api tests/contract/test_openapi.py
KAFKA_TESTS := tests/unit/mini_kafka/kafka_wire tests/contract/test_kafka_registry.py

check-format:
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
check-types:
	@$(BIN)/mypy
check-imports:
	@$(BIN)/lint-imports
check-http:
	@$(QUICKLY) $(HTTP_TESTS)
check-kafka:
	@$(QUICKLY) $(KAFKA_TESTS)
check-others:
	@$(QUICKLY) tests/unit tests/contract $(patsubst %,--ignore=%,$(HTTP_TESTS) $(KAFKA_TESTS))

test: check ## every test, with containers and the compose stack
	@$(BIN)/pytest tests

compat: $(VENV)/dev.stamp ## run Kafka's clients against the broker, and write docs/compatibility.md
	@$(BIN)/pytest tests/compat
	@$(BIN)/python -m tests.compat.document

bench: $(VENV)/dev.stamp ## measure this broker and its peers, side by side
	@$(BIN)/python -m bench

soak: $(VENV)/dev.stamp ## load a gateway for ten minutes, and see whether its memory stays flat
	@SOAK_MINUTES=$${SOAK_MINUTES:-10} $(BIN)/pytest -q --capture=no tests/integration/test_soak.py

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml
lock: ## pin and hash every requirement again, from pyproject.toml
	@test -x $(BIN)/uv || { $(MAKE_VENV); $(PIP_INSTALL) uv; }
	$(LOCK) --group dev --upgrade --output-file requirements-dev.txt
	$(LOCK) --group build --constraints requirements-dev.txt --output-file requirements.txt
	$(LOCK:pyproject.toml=) --group pyproject.toml:broker --constraints requirements-dev.txt --output-file services/broker/requirements.txt
	$(LOCK:pyproject.toml=) --group pyproject.toml:service --constraints requirements-dev.txt --output-file services/producer/requirements.txt
	cp services/producer/requirements.txt services/consumer/requirements.txt

clean: ## remove .venv and every cache
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis build dist
