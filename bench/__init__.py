# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Measurements of the stack beside its peers and its limits; `make bench NAME=<name>` runs one."""
