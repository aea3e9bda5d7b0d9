# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Tabular agents for the users of a robot: pure, seeded, kept exactly."""
