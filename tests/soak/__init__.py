# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A real swarm on this machine for hours, and whether anything of it drifts."""
