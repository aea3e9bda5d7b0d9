# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Learned files that the swarm has agreed on: owns which content a name stands for, and what may
be recorded. Refuses to know what is in the files and where their bytes are fetched.
"""

import re
from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId

# A policy, a classifier, a routing table and some of each: chosen without data.
MODELS_MAX = 64
MODEL_BYTES_MAX = 64 * 1024 * 1024  # what boards can hold; a table of modes has some 10 KiB
SUMMARY_CHARS_MAX = 200

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_.-]{0,63}\Z')
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')
_TEXT = re.compile(r'[\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]*\Z')


@dataclass(frozen=True, slots=True)
class Model:
    """`version` counts from 1; `holder` has the bytes for sure; index and stamp are those of the
    entry that recorded it."""

    name: str
    version: int
    sha256: str
    size_bytes: int
    holder: RobotId
    summary: str
    log_index: int
    stamp_ns: int


def refused_model(name: str, sha256: str, size_bytes: int, holder: str, summary: str) -> str:
    """Why this cannot be recorded, whatever else is there; '' = it can."""
    if not _NAME.match(name):
        return (
            f'name={name[:80]!r}: expected a letter, then letters, digits, _ . -, '
            'at most 64 characters'
        )
    if not _SHA256.match(sha256):
        return f'sha256={sha256[:80]!r}: expected 64 hexadecimal digits in lower case'
    if not 0 < size_bytes <= MODEL_BYTES_MAX:
        return f'size_bytes={size_bytes}: expected 1 to {MODEL_BYTES_MAX}'
    if not holder:
        return 'holder: expected the robot that has the file'
    if len(summary) > SUMMARY_CHARS_MAX or not _TEXT.match(summary):
        return f'summary: expected one line of at most {SUMMARY_CHARS_MAX} characters'
    return ''
