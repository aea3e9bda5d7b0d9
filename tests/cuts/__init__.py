# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Power cuts at every write of everything that is kept on a disk: `make cuts`.

What a store does with its files is recorded once, call by call (journal.c, journal.py). Then the
disk is built as it could be after a cut at each point (disk.py), the product starts on it, and
what it promised is looked for (engine.py, cases/).
"""
