# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Belief about the quality of a robot's work, from receipts that two parties agree on."""
