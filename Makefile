# `make` alone lists the targets. Every one of them sets the clone up first, which costs nothing the second time.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup run test test-fast test-all lint up down status env sync verify ui notebook traffic bench latency left-alone beside erd grafana snowflake-setup backup restore audit dependencies lock clean

PYTHON ?= python3
export SOFTCART_HOME ?= $(CURDIR)/.softcart
python := "$$SOFTCART_HOME/venv/bin/python"

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: ## make the environment and fetch the servers' binaries, below SOFTCART_HOME
	@$(PYTHON) -m stack.bootstrap

run: setup ## everything: servers, landing files, the whole graph, a summary
	@$(python) -m stack run

test-fast: setup lint ## lint, types and the tests that need no server of the shop's: under two minutes
	@$(python) -m pytest --numprocesses 2 --dist worksteal -m "not extended" \
		--ignore tests/integration --ignore tests/stack

test: setup lint ## lint, types and the tests, on servers of their own
	@$(python) -m pytest --numprocesses 2 --dist worksteal -m "not extended"

test-all: setup lint ## with what needs Maven Central or Go, and races at full length: at most an hour
	@SOFTCART_STRESS=long $(python) -m pytest --timeout 1800 --numprocesses 2 --dist worksteal

lint: setup ## ruff and mypy
	@$(python) -m ruff check .
	@$(python) -m ruff format --check --quiet .
	@$(python) -m mypy

up: setup ## start the local servers
	@$(python) -m stack up

down: setup ## stop them
	@$(python) -m stack down

status: setup ## show them
	@$(python) -m stack status

env: setup ## print the export lines that point a shell at them: eval "$(make env)"
	@$(python) -m stack env

sync: setup ## one pass of what changed, source to production
	@$(python) -m stack sync

verify: setup ## compare every row from the sources to production now; nothing is written
	@$(python) -m stack verify

ui: setup ## Dagster's UI and daemon, until Ctrl-C
	@exec $(python) -m stack ui

notebook: setup ## JupyterLab on the notebooks, until Ctrl-C
	@exec $(python) -m stack notebook

traffic: setup ## write to the demo shop like customers and staff do, until Ctrl-C
	@eval "$$($(python) -m stack env)" && exec $(python) -m demo traffic

bench: setup ## measure the sync engine beside the raw pipe and other tools; BENCH="--rows 10000" is quick
	@$(python) -m benchmarks $(BENCH)

latency: setup ## measure from a commit in MySQL to its row in production; LATENCY="--samples 20" is quick
	@$(python) -m stack up && eval "$$($(python) -m stack env)" && exec $(python) -m benchmarks.latency $(LATENCY)

left-alone: setup ## leave make ui under traffic alone for half an hour, and say what ran; LEFT="--minutes 15"
	@$(python) -m stack up && eval "$$($(python) -m stack env)" && exec $(python) -m benchmarks.left_alone $(LEFT)

beside: setup ## measure live syncs beside a first load of 20 million rows; BESIDE="--rows 5000000" is quicker
	@$(python) -m stack up && eval "$$($(python) -m stack env)" && exec $(python) -m benchmarks.first_load_beside $(BESIDE)

erd: setup ## draw the star schema from its models
	@$(python) -m softcart_assets.dbt.erd

grafana: setup ## make Grafana's dashboards from the panels of our own
	@$(python) -m dashboard.grafana

backup: setup ## save staging, production, Dagster's storage and the local shop into SOFTCART_BACKUPS
	@$(python) -m stack backup

restore: setup ## put the newest backup back, or BACKUP=name; asks first
	@$(python) -m stack restore $(BACKUP)

audit: setup ## look for secrets, and for what is careless in the image and the workflows
	@$(python) -m stack audit

dependencies: setup ## ask PyPI for known vulnerabilities of the pinned packages
	@$(python) -m stack audit --dependencies

snowflake-setup: setup ## print the SQL that prepares a Snowflake account: roles, stage, pipe, tasks
	@$(python) -m stack.snowflake_setup

lock: setup ## resolve the pinned packages anew
	@$(PYTHON) -m stack.bootstrap lock

clean: ## throw all local data and the environment away; asks first
	@test -e $(python) || { echo "nothing is set up in $$SOFTCART_HOME"; exit 0; } && $(python) -m stack clean
