# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
#
# Every target first prepares what it needs (scripts/setup.py); a second run finds it done.

SHELL := /bin/bash
PYTHON ?= python3
ROBOTS ?= 3
KILLS ?= 1
ONCE ?=
QUICK ?=
RUNS ?= 20
NAME ?=
PYTEST_ARGS ?=

# What make starts stays on this machine; robots started by hand choose for themselves.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_LOG_DIR := $(CURDIR)/build/log

IN_WORKSPACE := source scripts/env.sh &&
PACKAGES := hw_discovery swarm_coordinator swarm_learning swarm_tower

.DEFAULT_GOAL := help
.PHONY: help build demo test soak lint types bench clean distclean

help:  ## list the targets
	@echo 'Robot swarm stack. Targets:'
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'
	@echo 'Variables: ROBOTS=$(ROBOTS) KILLS=$(KILLS) ONCE=1 (demo), NAME=x QUICK=1 (bench), RUNS=$(RUNS) (soak),'
	@echo '  PYTEST_ARGS="-k name" (test), PYTHON=$(PYTHON).'

build:  ## get ROS 2 where none is sourced, and build the packages
	@$(PYTHON) scripts/setup.py

demo: build  ## a swarm on this machine that loses robots and goes on [ROBOTS KILLS ONCE]
	@$(IN_WORKSPACE) python scripts/demo.py --robots $(ROBOTS) --kills $(KILLS) \
	  $(if $(ONCE),--once)

test: lint types  ## lint, types and every test [PYTEST_ARGS]
	@$(IN_WORKSPACE) python -m pytest $(PYTEST_ARGS)

soak: build  ## the demo again and again, added up [RUNS ROBOTS KILLS]
	@$(IN_WORKSPACE) python scripts/soak.py --runs $(RUNS) --robots $(ROBOTS) --kills $(KILLS)

lint: build  ## check the style of the code
	@$(IN_WORKSPACE) ruff check .

types: build  ## check the types
	@$(IN_WORKSPACE) mypy $(foreach package,$(PACKAGES),-p $(package))

bench: build  ## measure ourselves beside others and limits [NAME QUICK]
	@$(IN_WORKSPACE) python -m bench.run $(if $(QUICK),--quick) $(NAME)

clean:  ## remove what was built, keep .venv
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean  ## remove .venv too
	rm -rf .venv
