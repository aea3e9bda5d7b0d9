# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken input for every decoder: `make fuzz`, and a bounded part of it in the tests.

targets.py lists what is tried. See docs/RELIABILITY.md.
"""

from . import samples as samples
