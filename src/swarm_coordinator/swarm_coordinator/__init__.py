# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Consensus, jobs, files and modes of a robot swarm."""

__version__ = '0.1.0'
