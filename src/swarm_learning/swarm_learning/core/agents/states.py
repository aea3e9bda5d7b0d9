# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the number of each state: what a user calls a state is anything plain and hashable; refuses
to know what it means.

A state can be kept in a file only if it comes back equal: whole numbers, text, bytes, floats,
truth values, None and tuples of these. Each is written as a tag and its length or end, so that no
text of a state is ever run.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..hexadecimal import from_hex

DEPTH_MAX = 8
STATE_CHARACTERS_MAX = 4096


class TooManyStates(ValueError):
    """The bound of the table is reached; `limit` is the setting states_max."""

    def __init__(self, limit: int) -> None:
        super().__init__(f'a state beyond the {limit} of states_max: expected fewer, for example '
                         'by coarser buckets, or a larger states_max')
        self.limit = limit


def text_of(state: Hashable, depth: int = 0) -> str:
    """Raises ValueError for a state that would not come back equal."""
    if depth > DEPTH_MAX:
        raise ValueError(f'state: expected at most {DEPTH_MAX} tuples within one another')
    if state is None:
        return 'n'
    if isinstance(state, (bool, np.bool_)):
        return 'b1' if state else 'b0'
    if isinstance(state, str):
        return f's{len(state)}:{state}'
    if isinstance(state, bytes):
        return f'y{len(state)}:{state.decode("latin-1")}'
    if isinstance(state, float):
        return f'f{state.hex()},'
    if isinstance(state, tuple):
        return f't{len(state)}:' + ''.join([text_of(one, depth + 1) for one in state])
    try:
        return f'i{operator.index(state)},'  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(
            'state: expected whole numbers, text, bytes, floats, None or tuples of these, got '
            f'{type(state).__name__}; of an array take tuple(x.tolist())') from None


def state_of(text: str) -> Hashable:
    """Inverse of text_of. Raises ValueError."""
    state, rest = _read(text, 0, 0)
    if rest != len(text):
        raise ValueError(f'state {text[:80]!r}: more than one')
    return state


def _read(text: str, at: int, depth: int) -> tuple[Hashable, int]:
    """The state that begins there and where it ends."""
    tag = text[at:at + 1]
    at += 1
    if tag == 'n':
        return None, at
    if tag == 'b' and text[at:at + 1] in ('0', '1'):
        return text[at] == '1', at + 1
    if tag in ('i', 'f'):
        end = text.index(',', at)
        return (int(text[at:end]) if tag == 'i' else from_hex(text[at:end])), end + 1
    if tag not in ('s', 'y', 't') or depth > DEPTH_MAX:
        raise ValueError(f'state {text[:80]!r}: expected one that was kept by this library')
    colon = text.index(':', at)
    length = int(text[at:colon])
    at = colon + 1
    if not 0 <= length <= len(text) - at:
        raise ValueError(f'state {text[:80]!r}: it is cut off')
    if tag != 't':
        part = text[at:at + length]
        return (part if tag == 's' else part.encode('latin-1')), at + length
    parts = []
    for _ in range(length):
        part_state, at = _read(text, at, depth + 1)
        parts.append(part_state)
    return tuple(parts), at


def arrays_of(states: Iterable[Hashable]) -> dict[str, NDArray[Any]]:
    """states_text uint8 [bytes], states_end int64 [n]: where each ends. Raises ValueError."""
    texts = [text_of(state).encode() for state in states]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {'states_text': np.frombuffer(bytearray(b''.join(texts)), np.uint8),
            'states_end': ends}


def states_from(text: NDArray[Any], ends: NDArray[Any], states_max: int) -> list[Hashable]:
    """Inverse of arrays_of, each state once. Raises ValueError."""
    if text.dtype != np.uint8 or ends.dtype != np.int64 or text.ndim != 1 or ends.ndim != 1:
        raise ValueError('states: expected bytes and where each state ends')
    if ends.size > states_max:
        raise ValueError(f'states: expected at most {states_max}, got {ends.size}')
    lengths = np.diff(ends, prepend=0)
    if (ends[-1] if ends.size else 0) != text.size or (lengths <= 0).any() \
            or (lengths > 4 * STATE_CHARACTERS_MAX).any():
        raise ValueError('states: their ends do not fit their bytes')
    raw, at, states = text.tobytes(), 0, []
    for end in ends.tolist():
        states.append(state_of(raw[at:end].decode()))
        at = end
    if len(set(states)) != len(states):
        raise ValueError('states: expected each once')
    return states
