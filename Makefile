.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export SOFTCART_HOME ?= $(CURDIR)/.softcart
python := "$(SOFTCART_HOME)/venv/bin/python"

up: ## start the local servers
	@$(python) -m stack up
