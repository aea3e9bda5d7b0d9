# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stands for swarm_coordinator.runner.jobs in tests: a program for a kind of job."""
