# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The product's discovery and probing put together without ROS, and what it tells."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hw_discovery.buses.adapters import AdapterRules, DeniedAdapters
from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.i2c_probe import I2cProbe
from hw_discovery.buses.performer import Performers
from hw_discovery.buses.prober_worker import ProberWorker
from hw_discovery.buses.serial_probe import SerialProbe
from hw_discovery.buses.spi_probe import SpiProbe
from hw_discovery.buses.worker import DiscoveryWorker
from hw_discovery.catalogue_files import bundled
from hw_discovery.config import Config
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.discovery import TellChange, TellInventory
from hw_discovery.core.hardware import Effect, Hardware, OutcomeHeard, TellPlaces
from hw_discovery.core.inventory import ChangeKind, Snapshot
from hw_discovery.core.places import ProbePolicy
from hw_discovery.core.prober import Perform, StopPerforming
from hw_discovery.core.probing.operation import I2cBareRead, I2cRead, Outcome, SpiExchange

WAIT_S = 60.0                # a serial port of an unknown device is asked for many seconds
_MS = 1_000_000


@dataclass(frozen=True)
class Told:
    """One change, and when it was told."""

    at_ns: int
    kind: ChangeKind
    device: HardwareDevice


@dataclass
class Heard:
    """All that was told so far."""

    changes: list[Told] = field(default_factory=list)
    snapshot: Snapshot = field(default_factory=Snapshot)
    places: TellPlaces = field(default_factory=lambda: TellPlaces({}, {}, {}, (), ()))
    outcomes: list[Outcome] = field(default_factory=list)


def i2c_probe(catalogue: Catalogue) -> I2cProbe:
    """As the part makes it."""
    return I2cProbe(AdapterRules(('*',), tuple(
        DeniedAdapters(pattern, 'the catalogue denies it')
        for pattern in catalogue.bus_rules.i2c.deny_adapters)))


class Robot:
    """A worker with its prober on this machine; use it with `with`."""

    def __init__(self, config: Config | None = None, probe: bool = True) -> None:
        config = config or Config()
        self.heard = Heard()
        self._news = threading.Condition()
        catalogue = bundled()
        scanner = HostScanner(config.buses)
        uevents = scanner.follow()
        assert uevents is not None, scanner.notices
        policy = ProbePolicy(config.probe_serial, config.probe_i2c, config.probe_spi,
                             config.never_probe, config.serial_ports_to_ask,
                             config.declared_places()) if probe else ProbePolicy(never=('*',))
        self._serial = SerialProbe()
        i2c, spi = i2c_probe(catalogue), SpiProbe()
        self._asking = ProberWorker(
            self._serial, Performers({I2cBareRead: i2c, I2cRead: i2c, SpiExchange: spi}),
            lambda lane, outcome: self.worker.post(OutcomeHeard(lane, outcome)),
            self._keep_outcome)
        self._hardware = Hardware(config.debounce_ms * _MS, config.debounce_max_ms * _MS,
                                  config.lost_devices_max, catalogue, policy)
        self.worker = DiscoveryWorker(self._hardware, scanner.scan, uevents, self._deliver)

    def __enter__(self) -> 'Robot':
        self.worker.start()
        self.until(lambda heard: bool(heard.snapshot.host.machine),
                   'the first inventory')
        return self

    def __exit__(self, *_: object) -> None:
        self._serial.close()
        assert self._asking.close(), 'a bus still blocks'
        assert self.worker.close(), 'a scan still blocks'
        self._hardware.check_invariants()

    def until(self, condition: Callable[[Heard], object], what: str,
              wait_s: float = WAIT_S) -> None:
        """Wait until it is so; AssertionError with what was told instead."""
        with self._news:
            come = self._news.wait_for(lambda: condition(self.heard), wait_s)
        assert come, f'not within {wait_s:g} s: {what}; told: ' + '; '.join(
            f'{d.device_id} {d.phase.value} {d.verdict.value} {d.name}'
            for d in self.heard.snapshot.devices) + '; asked: ' + '; '.join(
            f'{o.operation} -> {o.error or o.data[:64].hex()} {o.detail}'.replace(
                'path=', '')[-300:] for o in self.heard.outcomes[-12:]) + '; places: ' + '; '.join(
                f'{seen.place} {seen.refusal}' for seen in self.heard.places.seen[-12:])

    def present(self, condition: Callable[[HardwareDevice], object]) -> list[HardwareDevice]:
        """Return the present devices of the last inventory that fit."""
        with self._news:
            return [d for d in self.heard.snapshot.devices if d.is_present and condition(d)]

    def until_present(self, condition: Callable[[HardwareDevice], object], what: str,
                      wait_s: float = WAIT_S) -> HardwareDevice:
        """Wait for a present device that fits and return it."""
        self.until(lambda heard: any(d.is_present and condition(d)
                                     for d in heard.snapshot.devices), what, wait_s)
        return self.present(condition)[0]

    def until_gone(self, device_id: str) -> None:
        """Wait until a device is told as lost."""
        self.until(lambda heard: not any(d.is_present and d.device_id == device_id
                                         for d in heard.snapshot.devices),
                   f'{device_id} is gone')

    def _deliver(self, effect: Effect) -> None:
        if isinstance(effect, Perform):
            self._asking.perform(effect.lane, effect.operation)
            return
        if isinstance(effect, StopPerforming):
            self._asking.stop(effect.lanes)
            return
        with self._news:
            if isinstance(effect, TellChange):
                self.heard.changes.append(Told(
                    time.monotonic_ns(), effect.change.kind, effect.change.device))
            elif isinstance(effect, TellInventory):
                self.heard.snapshot = effect.snapshot
            elif isinstance(effect, TellPlaces):
                self.heard.places = effect
            self._news.notify_all()

    def _keep_outcome(self, outcome: Outcome) -> None:
        with self._news:
            self.heard.outcomes.append(outcome)
            self._news.notify_all()
