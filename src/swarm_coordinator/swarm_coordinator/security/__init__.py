# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys: files that hold them, what one robot does with its own, and the authority of a swarm."""
