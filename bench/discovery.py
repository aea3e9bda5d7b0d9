# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How soon a plugged device is in the inventory that other nodes read, and what idling costs.

uevent to message: a USB device that the catalogue knows by id and strings is plugged into a host
made of files with 24 other devices; the clock runs from the event on the socket (a pipe here: the
kernel's own part took 0.1 to 0.5 ms under umockdev) until another node has the inventory.
Identified by protocol: a fake receiver and a fake scanner on a pty, from the moment that the port
is there until another node has the identified device; the port is declared, so its baud is hinted.
Scan of I2C: the prober and its threads on four buses with every address of the catalogue and one
chip each, where an answer takes as long as the bits take at 100 kHz. Idle: processor time of the
whole process, with its executor, over some seconds after everything was found.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench._discovery_robot import PipedEvents, Sysfs, running
from bench.table import Row, row, tail

MESSAGE_TARGET_MS = 100.0
PROTOCOL_TARGET_S = 3.0
SCAN_TARGET_S = 1.5
IDLE_TARGET_PERCENT = 0.5
# Intel RealSense D435: one product by its id.
KNOWN = ('8086', '0b07', ('Intel(R) RealSense(TM) Depth Camera 435',) * 2)
BYTE_S = 9 / 100_000         # eight bits and the acknowledge at 100 kHz
FAKES = Path(__file__).resolve().parent.parent / 'src/hw_discovery/test'


def measure(quick: bool) -> list[Row]:
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    messages, idle = _messages(20 if quick else 300, 5.0 if quick else 30.0)
    rows = [tail('uevent to inventory message, USB evidence, p99', 'ms', messages, 99,
                 target=MESSAGE_TARGET_MS),
            row('the same, median', 'ms', messages)]
    for name, kind in (('GPS receiver (NMEA, UBX)', 'gps'), ('RPLIDAR', 'lidar')):
        rows.append(row(f'{name} on a pty to identified', 's',
                        [_protocol(kind) for _ in range(2 if quick else 10)],
                        target=PROTOCOL_TARGET_S, note='hinted by a declaration'))
    rows.append(row('scan of 4 I2C buses', 's', [_i2c() for _ in range(2 if quick else 10)],
                    target=SCAN_TARGET_S, note='pretended chips at 100 kHz'))
    rows.append(row('idle processor time', '%', idle, target=IDLE_TARGET_PERCENT,
                    note='of one core, with executor'))
    return rows


def _messages(count: int, idle_s: float) -> tuple[list[float], list[float]]:
    from hw_discovery.config import Config
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        sysfs, events = Sysfs(Path(folder) / 'sys'), PipedEvents()
        config = Config(robot_id='bench', sysfs_root=str(sysfs.root), drivers=False)
        with running(config, events) as robot:
            robot.wait_for(lambda m: len(m.devices) >= 24)
            vendor, product, names = KNOWN
            for number in range(count):
                path = sysfs.plug('1-4', vendor, product, '', 50 + number, names)
                began_s = time.monotonic()
                events.put('add', path)
                heard_s = robot.wait_for(lambda m: any(
                    d.catalogue_id and d.phase == d.PHASE_IDENTIFIED for d in m.devices))
                samples.append((heard_s - began_s) * 1000)
                events.put('remove', sysfs.unplug('1-4'))
                robot.wait_for(lambda m: not any(
                    d.catalogue_id and d.phase == d.PHASE_IDENTIFIED for d in m.devices))
            idle = []
            for _ in range(3):
                time.sleep(0.5)
                began_s, used_s = time.monotonic(), time.process_time()
                time.sleep(idle_s / 3)
                idle.append(100 * (time.process_time() - used_s) / (time.monotonic() - began_s))
    return samples, idle


def _protocol(kind: str) -> float:
    if str(FAKES) not in sys.path:
        sys.path.insert(0, str(FAKES))
    from fakes.gps import FakeGps
    from fakes.lidar import FakeRplidar
    from fakes.pty_line import PtyLine

    from hw_discovery.config import Config
    made, entry = ((FakeGps(period_ms=200), 'gps') if kind == 'gps'
                   else (FakeRplidar(), 'lidar_rplidar'))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'sys/devices').mkdir(parents=True)
        port = Path(folder) / 'ttyUSB0'
        config = Config(
            robot_id='bench', sysfs_root=f'{folder}/sys', serial_ports=(str(port),),
            declared_devices=(f'{port}={entry}',), drivers=False)
        with running(config, PipedEvents()) as robot:
            robot.wait_for(lambda m: bool(m.devices))
            line = PtyLine(made)
            try:
                began_s = time.monotonic()
                port.symlink_to(line.path)
                return robot.wait_for(lambda m: any(
                    d.kind == kind and d.phase == d.PHASE_IDENTIFIED
                    for d in m.devices)) - began_s
            finally:
                line.unplug()


def _i2c() -> float:
    from hw_discovery.buses.performer import Performers
    from hw_discovery.buses.prober_worker import ProberWorker
    from hw_discovery.buses.serial_probe import SerialProbe
    from hw_discovery.catalogue_files import bundled
    from hw_discovery.core.places import PlaceSeen, ProbePolicy
    from hw_discovery.core.prober import Effect, Lane, Perform, Probed, Prober
    from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace, I2cRead, Outcome

    catalogue = bundled()
    prober = Prober(catalogue, ProbePolicy(i2c=('*',)))
    heard: list[tuple[Lane, Outcome]] = []
    news = threading.Condition()

    class Chips:
        """An MPU-6050 at 0x68 of each bus."""

        def perform(self, operation: I2cBareRead | I2cRead) -> Outcome:
            size = operation.size + 2 if isinstance(operation, I2cRead) else 1
            time.sleep((1 + size) * BYTE_S)
            if operation.place.address != 0x68:
                return Outcome(operation, error='absent', at_ns=time.monotonic_ns())
            value = b'\x68' if getattr(operation, 'register', 0) == 0x75 else b'\x00'
            data = value.ljust(getattr(operation, 'size', 1), b'\x00')
            return Outcome(operation, data, at_ns=time.monotonic_ns())

    def tell(lane: Lane, outcome: Outcome) -> None:
        with news:
            heard.append((lane, outcome))
            news.notify()

    chips = Chips()
    worker = ProberWorker(
        SerialProbe(), Performers({I2cBareRead: chips, I2cRead: chips}), tell)
    told: set[str] = set()

    def take(effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Perform):
                worker.perform(effect.lane, effect.operation)
            elif isinstance(effect, Probed):
                told.add(effect.device_id)

    places = [PlaceSeen(I2cPlace(bus, address, f'/devices/i2c-{bus}'), f'bus{bus}', 1)
              for bus in range(4) for address in range(0x08, 0x78)
              if catalogue.of_i2c_address(address)]
    began_s = time.monotonic()
    take(prober.places_changed(places, time.monotonic_ns()))
    while len(told) < 4:
        with news:
            news.wait_for(lambda: bool(heard), 0.05)
            batch, heard[:] = list(heard), []
        for lane, outcome in batch:
            take(prober.heard(lane, outcome, time.monotonic_ns()))
        take(prober.time_passed(time.monotonic_ns()))
        if time.monotonic() - began_s > 30:
            raise TimeoutError('the scan did not end within 30 s')
    spent_s = time.monotonic() - began_s
    worker.close()
    return spent_s
