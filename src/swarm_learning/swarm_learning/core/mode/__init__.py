# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns how the leader's learner chooses a mode to propose; refuses to put one in force."""
