# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A seeded simulation of a cluster that runs the shipping Raft core; see __main__ for commands."""
