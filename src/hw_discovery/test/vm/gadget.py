# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A u-blox receiver made of the kernel's USB gadget: CDC ACM over a pretended controller."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakes.gps import FakeGps
from vm.live_line import on_port
from vm.machine import Machine, until
from vm.robot import Robot

from hw_discovery.core.device import BusKind, HardwareDevice, Verdict
from hw_discovery.core.inventory import ChangeKind
from hw_discovery.drivers.gps.fix import Fix, GpsState
from hw_discovery.drivers.gps.stream import GpsStream
from hw_discovery.drivers.serial_line import SerialLine

CONFIGFS = Path('/sys/kernel/config')
GADGET = CONFIGFS / 'usb_gadget' / 'receiver'
NEAR, FAR = Path('/dev/ttyACM0'), Path('/dev/ttyGS0')


class Receiver:
    """The gadget; it is not plugged yet."""

    def __init__(self, machine: Machine) -> None:
        for module in ('configfs', 'dummy_hcd', 'libcomposite', 'usb_f_acm', 'cdc_acm'):
            machine.load(module)
        if not (CONFIGFS / 'usb_gadget').exists():
            subprocess.run(['mount', '-t', 'configfs', 'none', str(CONFIGFS)], check=True)
        for name, text in (
                ('idVendor', '0x1546'), ('idProduct', '0x01a8'), ('bcdDevice', '0x0201'),
                ('bDeviceClass', '0x02'),
                ('strings/0x409/manufacturer', 'u-blox AG - www.u-blox.com'),
                ('strings/0x409/product', 'u-blox GNSS receiver')):
            file = GADGET / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + '\n')
        (GADGET / 'configs/c.1').mkdir()
        (GADGET / 'functions/acm.usb0').mkdir()
        (GADGET / 'configs/c.1/acm.usb0').symlink_to(GADGET / 'functions/acm.usb0')

    def plug(self) -> None:
        """Attach it to the pretended controller."""
        (controller,) = [path.name for path in Path('/sys/class/udc').iterdir()]
        (GADGET / 'UDC').write_text(controller + '\n')

    def unplug(self) -> None:
        """Pull its plug."""
        (GADGET / 'UDC').write_text('\n')

    def close(self) -> None:
        """Take the gadget apart, in the order in which configfs wants it."""
        if (GADGET / 'UDC').read_text().strip():
            self.unplug()
        (GADGET / 'configs/c.1/acm.usb0').unlink()
        for folder in ('configs/c.1', 'functions/acm.usb0', 'strings/0x409', ''):
            (GADGET / folder).rmdir()


@contextmanager
def receiver(machine: Machine) -> Iterator[Receiver]:
    """Give a receiver that can be plugged."""
    made = Receiver(machine)
    try:
        yield made
    finally:
        made.close()


def is_identified(device: HardwareDevice) -> bool:
    """Tell whether it is the receiver, and known as one."""
    return device.kind == 'gps' and device.verdict is Verdict.IDENTIFIED


def test_a_plugged_receiver_is_identified_and_its_stream_is_a_position(
    machine: Machine,
) -> None:
    with receiver(machine) as gps, Robot() as robot:
        begun = time.monotonic()
        gps.plug()
        until('the far end', FAR.exists)
        with on_port(FakeGps(period_ms=100), FAR):
            found = robot.until_present(is_identified, 'the receiver')
            machine.figures.update(identified_s=round(time.monotonic() - begun, 2),
                                   entry=found.catalogue_id, confidence=found.confidence)
            assert found.offers('sensor:gps'), found
            (usb,) = robot.present(lambda d: d.bus is BusKind.USB and d.vendor_id == '1546')
            fix = first_fix(str(NEAR))
            machine.figures['fix_s'] = round(time.monotonic() - begun, 2)
            assert abs(fix.latitude_deg - 48.1173) < 1e-4
            assert abs(fix.longitude_deg - 11.5167) < 1e-4
        gps.unplug()
        robot.until_gone(usb.device_id)
        robot.until_gone(found.device_id)
        gone = [t.device.device_id for t in robot.heard.changes if t.kind is ChangeKind.VANISHED]
        assert len(gone) == len(set(gone)) and {usb.device_id, found.device_id} <= {*gone}, gone
        gps.plug()
        with on_port(FakeGps(period_ms=100), FAR):
            again = robot.until_present(is_identified, 'it is back')
        assert (again.device_id, again.generation) == (found.device_id, 2)


def first_fix(path: str) -> Fix:
    """Return the first position that the driver's line, cutter and state make of a port."""
    stream, state = GpsStream(), GpsState()
    with SerialLine(path, 9600) as line:
        def fix() -> Fix | None:
            for frame in stream.feed(line.read(0.5)):
                for reading in state.feed(frame):
                    if isinstance(reading, Fix):
                        return reading
            return None
        return until('a position', fix)
