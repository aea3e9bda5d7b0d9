# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Finding out what hangs at a place by asking it, without harm to whatever it may be."""
