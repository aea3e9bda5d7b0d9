# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns where the shipped model of regimes lies, and reads one; refuses to know what is in it."""

from __future__ import annotations

import os
from pathlib import Path

from .archive import Archive, load

SHIPPED = Path(__file__).resolve().parent.parent / 'models' / 'regimes_1'


def read_regime_model(folder: str | os.PathLike[str] = '') -> Archive:
    """The shipped model, or the one in this folder. Raises ArchiveRefused (a ValueError) where it
    cannot be used, FileNotFoundError where there is none, OSError."""
    return load(folder or SHIPPED)
