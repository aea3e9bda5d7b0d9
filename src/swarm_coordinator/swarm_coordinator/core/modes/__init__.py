# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the swarm as a whole is doing, and the rule that chooses it."""
