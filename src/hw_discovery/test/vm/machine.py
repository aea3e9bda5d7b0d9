# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The virtual machine as a test sees it: its kernel modules, its udev, and the host outside."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

PORT = Path('/dev/virtio-ports/hw.link')
COMMAND_S = 60
WAIT_S = 30.0                # emulated: the slowest plug takes about a second
_LOOK_S = 0.02
Found = TypeVar('Found')


class NotHere(Exception):
    """What a test needs is not in this machine; the message says what."""


class Host:
    """The line to scripts/hw_vm/run.py: lines of JSON both ways."""

    def __init__(self, port: Path = PORT) -> None:
        self._fd = os.open(port, os.O_RDWR)
        self._read = b''

    def tell(self, **fields: Any) -> None:
        """Send a line."""
        data = json.dumps(fields).encode() + b'\n'
        while data:
            data = data[os.write(self._fd, data):]

    def ask(self, command: str, **arguments: Any) -> Any:
        """Have QEMU do something and return its answer."""
        self.tell(ask=command, arguments=arguments)
        while b'\n' not in self._read:
            self._read += os.read(self._fd, 4096)
        line, _, self._read = self._read.partition(b'\n')
        told = json.loads(line)
        if 'error' in told:
            raise RuntimeError(told['error'])
        return told['answer']


class Machine:
    """Given to every test. `figures`: what a test measured, told with its result."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.figures: dict[str, Any] = {}

    def load(self, module: str, *parameters: str) -> None:
        """Load a kernel module; NotHere if this kernel has none."""
        done = subprocess.run(['modprobe', module, *parameters], capture_output=True, text=True,
                              timeout=COMMAND_S, check=False)
        if done.returncode:
            raise NotHere(f'modprobe {module}: {done.stderr.strip()}')
        self.settle()

    def unload(self, module: str) -> None:
        """Take a module away."""
        subprocess.run(['rmmod', module], check=True, timeout=COMMAND_S)
        self.settle()

    def settle(self) -> None:
        """Wait until udev has done what it was told of."""
        subprocess.run(['udevadm', 'settle', '--timeout=30'], check=False, timeout=COMMAND_S)

    @contextmanager
    def bridge(self, name: str = 'bridge', line: str = 'line0', **fields: Any) -> Iterator[None]:
        """A USB serial bridge (FTDI) that QEMU plugs, and unplugs afterwards."""
        self.plug(name, line, **fields)
        try:
            yield
        finally:
            self.unplug(name)

    def plug(self, name: str, line: str = 'line0', **fields: Any) -> None:
        """Plug a bridge; always-plugged, since nobody listens at its other end."""
        self.host.ask('device_add', driver='usb-serial', id=name, bus='usb.0', chardev=line,
                      **{'always-plugged': True, **fields})

    def unplug(self, name: str) -> None:
        """Unplug it; returns when QEMU has let go."""
        self.host.ask('device_del', id=name)


def until(what: str, look: Callable[[], Found | None], wait_s: float = WAIT_S) -> Found:
    """Return what `look` finds; AssertionError if it is not there in time."""
    end = time.monotonic() + wait_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f'not within {wait_s:g} s: {what}'
        time.sleep(_LOOK_S)


def output(*command: str) -> str:
    """Return what a program of the machine prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)
    assert done.returncode == 0, f'{command}: {done.stderr}'
    return done.stdout


def udev_properties(node: str) -> dict[str, str]:
    """Return what udev's rules found out about a node."""
    lines = output('udevadm', 'info', '-q', 'property', '-n', node).splitlines()
    return dict(line.split('=', 1) for line in lines if '=' in line)
