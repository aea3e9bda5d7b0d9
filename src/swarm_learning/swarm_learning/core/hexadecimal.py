# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Floats as they are kept exactly, in hexadecimal. Refuses to know which ones make sense."""

from __future__ import annotations


def from_hex(text: str) -> float:
    """Inverse of float.hex. Raises ValueError, also for what is beyond any float."""
    try:
        return float.fromhex(text)
    except OverflowError:
        raise ValueError(f'expected a float, found {text[:40]!r}: it is too large') from None
