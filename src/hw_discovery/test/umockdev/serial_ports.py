# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A port that is plugged again and again: what is listed can be opened and spoken to.

umockdev's own ptys cannot be plugged twice under one name, so a pty of ours is put in the place
of the node (the ioctls of DTR and RTS are missing there, and pyserial does without them).
"""

import gc
import os
import pty
import tty
from collections.abc import Iterator
from typing import Any

import gi
import pytest

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402

from hw_discovery.buses.host_scan import HostScanner  # noqa: E402
from hw_discovery.core.device import BusKind, Verdict  # noqa: E402
from hw_discovery.core.recognition import recognise  # noqa: E402

serial = pytest.importorskip('serial')

DEVICE = '/devices/pci0000:00/0000:00:14.0/usb1/1-2'
INTERFACE = f'{DEVICE}/1-2:1.0'
PORT = f'{INTERFACE}/ttyUSB0/tty/ttyUSB0'
RECORDS = (
    f'P: {DEVICE}\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nA: idVendor=1a86\\n\n'
    'A: idProduct=7523\\n\nA: busnum=1\\n\nA: devnum=5\\n\nA: bNumInterfaces= 1\\n\n\n',
    f'P: {INTERFACE}\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nE: DRIVER=ch341\n'
    'A: bInterfaceNumber=00\\n\nA: bInterfaceClass=ff\\n\n\n',
    f'P: {PORT}\nN: ttyUSB0=00\nE: DEVNAME=/dev/ttyUSB0\nE: SUBSYSTEM=tty\nE: MAJOR=188\n'
    'E: MINOR=0\nA: dev=188:0\\n\n\n')
PLUGS = 20


@pytest.fixture
def testbed() -> Iterator[Any]:
    made = UMockdev.Testbed.new()
    yield made
    made.clear()
    made.disable()
    del made
    gc.collect()


class Line:
    """A device at the other end of /dev/ttyUSB0."""

    def __init__(self, testbed: Any) -> None:
        self._testbed = testbed
        self.far, self._near = pty.openpty()
        tty.setraw(self._near)
        for record in RECORDS:
            assert testbed.add_from_string(record)
        self._node = f'{testbed.get_root_dir()}/dev/ttyUSB0'
        os.unlink(self._node)
        os.symlink(os.ttyname(self._near), self._node)

    def unplug(self) -> None:
        for record in reversed(RECORDS):
            path = '/sys' + record.splitlines()[0].removeprefix('P: ')
            self._testbed.uevent(path, 'remove')
            self._testbed.remove_device(path)
        if os.path.lexists(self._node):
            os.unlink(self._node)
        os.close(self.far)
        os.close(self._near)


def listed_port() -> str:
    (port,) = [f for f in recognise(HostScanner(('usb', 'serial')).scan().nodes)
               if f.bus is BusKind.SERIAL]
    assert port.verdict is Verdict.AMBIGUOUS
    return port.device_path


def test_a_listed_port_answers_whoever_opens_it_and_again_after_each_plug(testbed: Any) -> None:
    descriptors = []
    for _ in range(PLUGS):
        line = Line(testbed)
        with serial.Serial(listed_port(), 115200, timeout=5.0) as port:
            os.write(line.far, b'$GPGGA')
            assert port.read(6) == b'$GPGGA'
            port.write(b'ask')
            assert os.read(line.far, 16) == b'ask'
        line.unplug()
        assert recognise(HostScanner(('usb', 'serial')).scan().nodes) == []
        gc.collect()
        descriptors.append(len(os.listdir('/proc/self/fd')))
    assert descriptors[-1] <= descriptors[0]


def test_a_port_that_is_unplugged_while_it_is_open_ends_the_reading(testbed: Any) -> None:
    line = Line(testbed)
    with serial.Serial(listed_port(), 115200, timeout=5.0) as port:
        line.unplug()
        with pytest.raises(serial.SerialException):
            port.read(1)
