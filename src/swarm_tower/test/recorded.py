# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Small recordings for tests, made without ROS: strings of std_msgs."""

from __future__ import annotations

from pathlib import Path

from swarm_tower.core.recording import Topic
from swarm_tower.recorder.ring import McapOut

NS = 1_000_000_000
BEGIN = 1_800_000_000 * NS
TEXT = Topic('/text', 'std_msgs/msg/String')
LATCHED = Topic('/latched', 'std_msgs/msg/String', latched=True, carry=2)


def schema_of(kind: str) -> bytes:
    """The definition of a string, and of nothing else."""
    if kind != 'std_msgs/msg/String':
        raise KeyError(kind)
    return b'string data'


def cdr(text: str) -> bytes:
    """A serialised std_msgs/String."""
    data = text.encode() + b'\0'
    return b'\x00\x01\x00\x00' + len(data).to_bytes(4, 'little') + data


def write(path: Path, count: int, gap_ns: int = NS, per_chunk: int = 5) -> Path:
    """A file of so many messages, one per second."""
    out = McapOut(path, schema_of, {'swarm_id': 'swarm'})
    for n in range(count):
        out.write('/text', TEXT.type, None, BEGIN + n * gap_ns, cdr(f'text {n}'))
        if n % per_chunk == per_chunk - 1:
            out.flush()
    out.finish()
    return path
