# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Puts a fake device behind a pseudo terminal, where real clients can open it.

    with on_pty(FakeGps()) as line:
        open_the_driver(line.path)

A device is plain logic: bytes in, bytes out, no IO. The line's thread feeds it. No slave is kept
open, so a port that nobody uses looks free. Speeds are not kept by a pseudo terminal: any works.
"""

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Iterator

_QUIET_MS = 100       # what Betaflight takes for silence
_UNOPENED_WAIT_S = 0.002
_START_S = 0.05       # a board that starts anew needs longer; whoever opens discards what is there


class FakeDevice:
    """A device that is silent. period_ms: how often says() is asked; 0 = never.

    received: all bytes that came. harms: what was done to it that a real one would not forgive.
    """

    period_ms = 0

    def __init__(self) -> None:
        self.received = bytearray()
        self.harms: list[str] = []

    def opened(self) -> bytes:
        """Return what it says when its port is opened."""
        return b''

    def heard(self, data: bytes) -> bytes:
        """Return the answer to bytes that came."""
        return b''

    def quiet(self) -> bytes:
        """Return what it says after 100 ms without a byte."""
        return b''

    def says(self) -> bytes:
        """Return what it says unasked, once in period_ms."""
        return b''


class PtyLine:
    """A thread between a device and its pseudo terminal."""

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._is_closing = False
        self._closing = threading.Lock()
        self._said_at = self._heard_at = 0.0
        self._thread = threading.Thread(target=self._run, name='fake device', daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Take the device away, as pulling its plug does."""
        self._is_closing = True
        if self._thread.is_alive():
            self._thread.join(5.0)
        with self._closing:  # a test may pull it while its end does
            if self._master >= 0:
                os.close(self._master)
                self._master = -1

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        is_open = False
        while not self._is_closing:
            events = poller.poll(2)
            now = time.monotonic()
            if not events or not events[0][1] & select.POLLIN:
                self._fall_quiet(now)
            if events and events[0][1] & select.POLLHUP and not events[0][1] & select.POLLIN:
                is_open = False
                time.sleep(_UNOPENED_WAIT_S)
                continue
            if not is_open:
                is_open, self._said_at = True, now
                if words := self.device.opened():
                    time.sleep(_START_S)
                    self._send(words)
            if events:
                self._hear(now)
            period_ms = self.device.period_ms
            if period_ms and (now - self._said_at) * 1000 >= period_ms:
                self._said_at = now
                self._send(self.device.says())

    def _hear(self, now: float) -> None:
        data = self._read()
        if data:
            self._heard_at = now
            self.device.received += data
            self._send(self.device.heard(data))

    def _fall_quiet(self, now: float) -> None:
        if self._heard_at and (now - self._heard_at) * 1000 >= _QUIET_MS:
            self._heard_at = 0.0
            self._send(self.device.quiet())

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except (BlockingIOError, OSError):
            return b''

    def _send(self, data: bytes) -> None:
        """Send what fits: a device does not wait for its reader."""
        with contextlib.suppress(BlockingIOError, OSError):
            if data:
                os.write(self._master, data)


@contextlib.contextmanager
def on_pty(device: FakeDevice) -> Iterator[PtyLine]:
    """Run a device on a pseudo terminal; it is unplugged at the end."""
    line = PtyLine(device)
    try:
        yield line
    finally:
        line.unplug()
