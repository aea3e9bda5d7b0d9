# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A swarm on hosts of its own under continuous load, and a seeded schedule of faults."""
