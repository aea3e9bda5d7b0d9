# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads what jobs write into pipes: owns the descriptors and how fast they are read.

A job that writes without end is slowed to RATE_BYTES_S instead of keeping this process busy: its
pipe is full, and it waits.
"""

import contextlib
import os
from collections.abc import Callable

from swarm_coordinator.runner.event_loop import EventLoop

READ_BYTES = 64 * 1024  # what a pipe of Linux holds
TURN_S = 0.05
RATE_BYTES_S = 32 * 1024 * 1024  # about 5 % of one core here; chosen without other data
TURN_BYTES = int(RATE_BYTES_S * TURN_S)
DRAIN_BYTES_MAX = 1024 * 1024  # a pipe holds at most this, unless somebody still writes


class PipeReader:
    """Owns the descriptor of a pipe's reading end; `sink` gets what comes."""

    def __init__(self, loop: EventLoop, descriptor: int, sink: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._loop = loop
        self._descriptor = descriptor
        self._sink = sink
        self._turn_bytes = 0
        self._turning = False
        self._open = True
        loop.watch(descriptor, self._ready)

    def drain(self) -> None:
        """What is in it now."""
        count = 0
        while self._open and count < DRAIN_BYTES_MAX:
            read = self._read()
            if read == 0:
                return
            count += read

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.unwatch(self._descriptor)
            os.close(self._descriptor)

    def _ready(self) -> None:
        self._turn_bytes += self._read()
        if not self._turning and self._open:
            self._turning = True
            self._loop.later(TURN_S, self._turn)
        if self._turn_bytes >= TURN_BYTES and self._open:
            self._loop.mute(self._descriptor)

    def _turn(self) -> None:
        self._turning = False
        if self._open and self._turn_bytes >= TURN_BYTES:
            self._loop.listen(self._descriptor)
        self._turn_bytes = 0

    def _read(self) -> int:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b''
        if not data:
            self.close()
            return 0
        self._sink(data)
        return len(data)


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
