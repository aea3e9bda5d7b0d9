# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What was sent and comes back on a half-duplex line is no answer."""


def without_echo(tx: bytes, data: bytes) -> bytes:
    """Return data without tx at its start, or in it after line noise of at most two bytes.

    Turning the driver of a half-duplex line around can make a byte or two (chosen from the
    length of a break at the speeds used, not measured).
    """
    at = data.find(tx, 0, len(tx) + 2) if tx else -1
    return data if at < 0 else data[at + len(tx):]
