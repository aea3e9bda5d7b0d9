# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leases: time-bounded exclusive rights with a fencing token."""
