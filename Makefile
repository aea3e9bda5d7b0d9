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
SEED ?= 1
SEEDS ?= 200
JOB_SEEDS ?= 60
HOURS ?= 1
MINUTES ?= 10
NAME ?=
VM_FILES ?=
PYTEST_ARGS ?=

# What make starts stays on this machine; robots started by hand choose for themselves.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_LOG_DIR := $(CURDIR)/build/log

# exec: a signal that make passes on reaches the program, not a shell before it.
IN_WORKSPACE := source scripts/env.sh && exec
PACKAGES := hw_discovery swarm_coordinator swarm_learning swarm_tower

.DEFAULT_GOAL := help
.PHONY: help build demo test hw-vm sim fuzz mutants cuts chaos spin soak lint types bench clean distclean

help:  ## list the targets
	@echo 'Robot swarm stack. Targets:'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'
	@echo 'Variables: ROBOTS=$(ROBOTS) KILLS=$(KILLS) ONCE=1 (demo), NAME=x QUICK=1 (bench), SEEDS=$(SEEDS) JOB_SEEDS=$(JOB_SEEDS) (sim),'
	@echo '  HOURS=$(HOURS) (soak), MINUTES=$(MINUTES) (fuzz, chaos), SEED=$(SEED) (cuts, chaos), PYTEST_ARGS="-k name" (test), PYTHON=$(PYTHON).'

build:  ## get ROS 2 where none is sourced, and build the packages
	@$(PYTHON) scripts/setup.py

demo: build  ## a swarm on this machine that loses robots and goes on [ROBOTS KILLS ONCE]
	@$(IN_WORKSPACE) python scripts/demo.py --robots $(ROBOTS) --kills $(KILLS) \
	  $(if $(ONCE),--once)

test: lint types  ## lint, types and every test [PYTEST_ARGS]
	@$(IN_WORKSPACE) python scripts/run_tests.py $(PYTEST_ARGS)

hw-vm: build  ## hardware discovery in a virtual machine with real drivers, 4 minutes [VM_FILES]
	@$(IN_WORKSPACE) python scripts/hw_vm/run.py $(VM_FILES)

sim: build  ## simulated swarms under faults, every promise checked [SEEDS JOB_SEEDS]
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:$(SEEDS) --minutes 0.5 --jobs 2
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:$(JOB_SEEDS) --workload services --minutes 0.5 --jobs 2
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --seeds 0:$(JOB_SEEDS) --workload jobs --minutes 0.5 --jobs 2

fuzz: build  ## hostile input for every decoder, guided by coverage where atheris is installed [MINUTES]
	@$(IN_WORKSPACE) python -m tests.fuzz.run --minutes $(MINUTES)

mutants: build  ## faults put into the core one at a time: a test must notice each
	@$(IN_WORKSPACE) python scripts/mutants.py

cuts: build  ## the power goes at every write of everything that is kept on a disk [SEED]
	@$(IN_WORKSPACE) python tests/cuts --seed $(SEED)

chaos: build  ## robots on hosts of their own under load and seeded faults, as root [SEED MINUTES]
	@$(IN_WORKSPACE) python scripts/chaos.py --seed $(SEED) --minutes $(MINUTES)

spin: build  ## election and membership change, checked exhaustively as a model
	@$(IN_WORKSPACE) python scripts/spin.py

soak: build  ## a day in the simulation, then a real swarm for hours with a verdict [HOURS ROBOTS]
	@$(IN_WORKSPACE) python -m swarm_coordinator.sim --day 24 --voters 3
	@$(IN_WORKSPACE) python scripts/soak.py --hours $(HOURS) --robots $(ROBOTS)

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
