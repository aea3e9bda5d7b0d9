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
SEEDS ?= 200
SOAK_SEEDS ?= 2000
NAME ?=
PYTEST_ARGS ?=

# What make starts stays on this machine; robots started by hand choose for themselves.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_LOG_DIR := $(CURDIR)/build/log

IN_WORKSPACE := source scripts/env.sh &&
PACKAGES := hw_discovery swarm_coordinator swarm_learning swarm_tower

.DEFAULT_GOAL := help
.PHONY: help build demo test sim mutants spin soak lint types bench clean distclean

help:  ## list the targets
	@echo 'Robot swarm stack. Targets:'
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'
	@echo 'Variables: ROBOTS=$(ROBOTS) KILLS=$(KILLS) ONCE=1 (demo), NAME=x QUICK=1 (bench), SEEDS=$(SEEDS) (sim),'
	@echo '  SOAK_SEEDS=$(SOAK_SEEDS) RUNS=$(RUNS) (soak), PYTEST_ARGS="-k name" (test), PYTHON=$(PYTHON).'

build:  ## get ROS 2 where none is sourced, and build the packages
	@$(PYTHON) scripts/setup.py

demo: build  ## a swarm on this machine that loses robots and goes on [ROBOTS KILLS ONCE]
	@$(IN_WORKSPACE) python scripts/demo.py --robots $(ROBOTS) --kills $(KILLS) \
	  $(if $(ONCE),--once)

test: lint types  ## lint, types and every test [PYTEST_ARGS]
	@$(IN_WORKSPACE) python -m pytest $(PYTEST_ARGS)

sim: build  ## simulated swarms under faults, every promise checked [SEEDS]
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:$(SEEDS) --minutes 0.5 --jobs 2

mutants: build  ## faults put into the core one at a time: a test must notice each
	@$(IN_WORKSPACE) python scripts/mutants.py

spin: build  ## election and membership change, checked exhaustively as a model
	@$(IN_WORKSPACE) python scripts/spin.py

soak: build  ## hours: many simulated swarms, then the demo again and again [SOAK_SEEDS RUNS ROBOTS KILLS]
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:$(SOAK_SEEDS) --minutes 2 --jobs 2
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:1000 --workload services --jobs 2
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
