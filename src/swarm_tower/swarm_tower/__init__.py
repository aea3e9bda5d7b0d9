# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The control tower: it observes the swarm and never takes part in its decisions."""
