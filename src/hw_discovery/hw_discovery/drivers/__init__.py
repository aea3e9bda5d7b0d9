# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Devices as topics: one folder for each family, a pure decoder beside the part that publishes."""
