# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which inputs are worth a file in the repository: few, short, and together they reach what all
that were found reach. Needs no atheris. Refuses to know how they were found."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

from .target import CORPUS_BYTES_MAX, CORPUS_FILES_MAX, Target, file_name, is_product


def lines_of(target: Target, data: bytes) -> frozenset[tuple[str, int, int]]:
    """Lines of the product that an input reaches, each with the one before it."""
    found: set[tuple[str, int, int]] = set()

    def follow(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        if not is_product(name):
            return None
        before = 0

        def line(inner: FrameType, event: str, _: Any) -> Any:
            nonlocal before
            found.add((name, before, inner.f_lineno))
            before = inner.f_lineno
            return line
        return line

    sys.settrace(follow)
    try:
        target.accepts(data)
    except Exception:  # a fault of its own is kept elsewhere
        return frozenset()
    finally:
        sys.settrace(None)
    return frozenset(found)


def smallest(target: Target, found: set[bytes], seconds: float) -> list[bytes]:
    """The inputs that together reach what all of them reach, short ones first; what the seeds
    reach alone needs no file."""
    kept: list[bytes] = []
    reached: set[tuple[str, int, int]] = set()
    for data in target.seeds:
        reached |= lines_of(target, data)
    until = time.monotonic() + seconds
    for data in sorted(found - {*target.seeds}, key=lambda one: (len(one), one)):
        if time.monotonic() > until:
            break
        if (lines := lines_of(target, data)) - reached:
            reached |= lines
            kept.append(data)
    return kept


def keep(target: Target, found: set[bytes], seconds: float) -> int:
    """Renew the target's folder; what broke something once stays. Returns how many files there
    are."""
    kept = target.corpus_folder
    kept.mkdir(parents=True, exist_ok=True)
    faults = {name: data for name, data in target.corpus().items() if name.startswith('fault-')}
    room = CORPUS_BYTES_MAX - sum(map(len, faults.values()))
    new: dict[str, bytes] = {}
    for data in smallest(target, found, seconds):
        if len(new) + len(faults) < CORPUS_FILES_MAX and len(data) <= room:
            new[file_name(data)] = data
            room -= len(data)
    for path in kept.iterdir():
        if path.name not in {*faults, *new}:
            path.unlink()
    for name, data in new.items():
        (kept / name).write_bytes(data)
    return len(new) + len(faults)
