# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Puts a fake device behind a descriptor: its end of a gadget's port."""

import contextlib
import os
import select
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from fakes.pty_line import FakeDevice


@contextlib.contextmanager
def on_port(device: FakeDevice, path: Path) -> Iterator[None]:
    """Let a device speak and hear at a serial port until the end of the block."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(device, fd, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)
        os.close(fd)


def _run(device: FakeDevice, fd: int, stop: threading.Event) -> None:
    said = time.monotonic()
    while not stop.is_set():
        ready, _, _ = select.select([fd], [], [], max(0.002, device.period_ms / 4000))
        # A port that nobody holds open at the other side takes nothing: what is said is lost.
        with contextlib.suppress(OSError):
            if ready:
                data = os.read(fd, 4096)
                device.received += data
                os.write(fd, device.heard(data))
            if device.period_ms and (time.monotonic() - said) * 1000 >= device.period_ms:
                said = time.monotonic()
                os.write(fd, device.says())
