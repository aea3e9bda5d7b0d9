# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Learning of the swarm stack: figures about a robot and its swarm, and advice."""
