# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages from bytes that came from anywhere: a topic taken raw, a recording of unknown origin.

Owns what has to be done to bytes before the middleware may read them: CDR begins with its kind and
how much padding ends it, and a header that says more padding than there is makes the deserialiser
of Fast DDS (seen in 3.2) read beyond the bytes, which ends the process.
"""

from __future__ import annotations

from typing import Any

from rclpy.serialization import deserialize_message


def message_of(data: bytes, kind: type[Any]) -> Any:
    """Return the message. Raises ValueError for bytes that are none."""
    if len(data) < 8 or data[0] != 0 or data[1] > 1:
        raise ValueError('expected CDR with its header')
    try:
        return deserialize_message(data[:2] + b'\0\0' + data[4:], kind)
    except Exception as error:  # RMWError: where it is defined differs between distributions
        raise ValueError(f'expected CDR of {kind.__name__}: {error}') from None
