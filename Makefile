# Everything that a person types here: `make demo`, `make test`. The rest is for those who work on the house.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: audit demo models test grown quick lint format javascript languages system benchmarks help
.DEFAULT_GOAL := help

help:
	@echo "make demo                  two contenders, twelve prompts, a comparison to vote on"
	@echo "make demo VOTES=simulated  the same with votes of simulated assessors, to see a report"
	@echo "make models                torch and what else workers need for real checkpoints, metrics and judges"
	@echo "make test                  all checks and tests; with SLOW=yes those too that take long, as in CI"
	@echo "make grown                 the tests with real workers on PostgreSQL and RabbitMQ"
	@echo "make quick                 checks and tests without browser, PostgreSQL and slow ones"
	@echo "make format                tidy the code"
	@echo "make audit                 bill of materials, and known weaknesses of the pinned packages; needs the network"
	@echo "make benchmarks            measure speed and coverage; takes long"

demo: .venv/base languages
	@$(BIN)/python manage.py demo $(if $(VOTES),--votes $(VOTES)) $(if $(PORT),--port $(PORT))

# One virtual environment; packages are installed again only when their list changes.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The lists name every package, so none is looked for beyond them: two of the developers' ask for a torchvision
# that does not exist for CPU, and work without it.
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r

.venv/base: requirements/base.txt | .venv/bin/python
	$(PIP_INSTALL) requirements/base.txt
	@touch $@

# What a worker needs that runs torch models. Of torch's own packages for GPUs the list names none: which there are
# depends on the machine's torch, and torch pins them.
.venv/models: requirements/models.txt .venv/base
	$(filter-out --no-deps,$(PIP_INSTALL)) requirements/models.txt
	@touch $@

.venv/dev: requirements/dev.txt .venv/models
	$(PIP_INSTALL) requirements/dev.txt
	@touch $@

models: .venv/models

languages: .venv/base
	@$(BIN)/python -m frontend.locale.compile

# What tests need besides Python. Without root or apt the tests that need it are left out, and say so; in CI that fails.
system:
	@sh tests/system.sh

lint: export VAR_DIR := $(CURDIR)/.venv/var
lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

# Asks a public list of weaknesses; --strict, since without the network pip-audit would find none and say so. It says
# "not found on PyPI" then, and leaves no table.
audit: .venv/base
	@$(BIN)/python manage.py sbom --list base --list models > sbom.json
	@command -v pip-audit >/dev/null || { echo "pip-audit is not installed: pipx install pip-audit"; exit 1; }
	@rm -f audit.txt
	@pip-audit --strict --no-deps --disable-pip -r requirements/base.txt -r requirements/models.txt -o audit.txt || \
		{ cat audit.txt 2>/dev/null || echo "Nothing was audited: the list of weaknesses (pypi.org) was not reached, or lacks the package named above. Try again where it can be reached."; exit 1; }

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages' own logic.
javascript:
	@if command -v node >/dev/null; then node --test tests/js/*.test.mjs; else echo "Left out: tests/js. Node is not installed."; test -z "$$CI"; fi

# The slowest tests run in CI, and with SLOW=yes; so do those on PostgreSQL outside the folders that lean on it most.
MOST = tests/assessing tests/generation tests/comparisons tests/people tests/api tests/test_admin.py tests/test_architecture.py
test: system lint javascript languages
	$(BIN)/python -m tests.services $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not rabbitmq$(if $(CI)$(SLOW),, and not slow)"
	$(BIN)/python -m tests.services --only-with postgres $(BIN)/python -m pytest -n 2 --dist loadgroup --postgres -m "not browser and not rabbitmq$(if $(CI)$(SLOW),, and not slow)" $(if $(CI)$(SLOW),tests,$(MOST))

ifneq ($(CI)$(SLOW),)
	@if [ -x /usr/sbin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null; then $(MAKE) --no-print-directory grown; else echo "Left out: PostgreSQL with RabbitMQ. RabbitMQ is not installed."; test -z "$$CI"; fi
endif

# The tests with real workers once more, on PostgreSQL and RabbitMQ (apt-get install postgresql rabbitmq-server). One
# broker, which they empty: one after the other.
grown: .venv/dev
	$(BIN)/python -m tests.services --rabbitmq --only-with rabbitmq $(BIN)/python -m pytest -m rabbitmq tests/generation tests/running

quick: lint javascript languages
	$(BIN)/python -m pytest -n 2 -m "not browser and not slow"

benchmarks: .venv/dev
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done
