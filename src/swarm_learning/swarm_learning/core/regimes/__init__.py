# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the regimes: what condition the world of the swarm is in, inferred from a few figures;
refuses to know what should be done about it. A regime advises; it never sets a mode."""
