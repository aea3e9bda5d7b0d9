# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Policies that outlive a session: contexts, versions and their lifecycle, networks from outside.

Pure: arrays and documents in, arrays and documents out. See docs/POLICIES.md.
"""
