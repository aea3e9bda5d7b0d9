# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Decides when to look, what changed, and what to tell. Opens nothing and reads no clock."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hw_discovery.core.device import BusKind, DeviceEvent, HardwareDevice
from hw_discovery.core.finding import Finding
from hw_discovery.core.host import ComputeUnit, HostFacts
from hw_discovery.core.inventory import Change, ChangeKind, Inventory, Snapshot
from hw_discovery.core.kernel_node import NodeTree
from hw_discovery.core.recognition import compute, platform, recognise
from hw_discovery.core.scan import BlindSpot, Scan, merge_blind_spots

REMOVED_PATHS_MAX = 4096     # a hub tree has some dozens; beyond, only generations may be missed
SCAN_RETRY_NS = 30_000_000_000       # chosen without data: a driver that blocks may recover


class Cause(Enum):
    """Why a look was taken, and so what led to the changes it found."""

    UNKNOWN = ''
    START = 'start'
    NETLINK = 'netlink'
    RESCAN = 'rescan'
    RETRY = 'retry'              # of a scan that failed
    PROBE = 'probe'              # a device was asked, and answered or fell silent
    CLAIM = 'claim'              # somebody took or gave back a device
    DRIVER = 'driver'            # a driver of this robot told of its device


@dataclass(frozen=True)
class Started:
    """Discovery begins; nothing is known yet."""


@dataclass(frozen=True)
class UeventSeen:
    """The kernel or udev said that something happened to a node."""

    action: str
    sysfs_path: str


@dataclass(frozen=True)
class UeventsLost:
    """Events were dropped before they could be read: anything may have changed."""


@dataclass(frozen=True)
class TimePassed:
    """Nothing but time."""


@dataclass(frozen=True)
class RescanAsked:
    """Somebody wants a fresh look and an answer under this ticket. buses: empty = all."""

    ticket: int
    buses: frozenset[BusKind] = frozenset()


@dataclass(frozen=True)
class NoticeAdded:
    """Something cannot be looked at or followed for as long as the process runs."""

    text: str


@dataclass(frozen=True)
class ScanFinished:
    """The look that StartScan asked for."""

    scan: Scan


@dataclass(frozen=True)
class ScanFailed:
    """The look broke off; nothing may be concluded from it."""

    reason: str


@dataclass(frozen=True)
class StartScan:
    """Look at the host now and report ScanFinished or ScanFailed. buses: empty = all."""

    buses: frozenset[BusKind] = frozenset()


@dataclass(frozen=True)
class WakeAt:
    """Bring TimePassed at this time, or later."""

    at_ns: int


@dataclass(frozen=True)
class TellChange:
    """Tell the world that a device changed, and what led to it."""

    change: Change
    cause: Cause


@dataclass(frozen=True)
class TellInventory:
    """Tell the world the whole inventory."""

    snapshot: Snapshot


@dataclass(frozen=True)
class AnswerRescan:
    """Answer a RescanAsked."""

    ticket: int
    revision: int
    appeared: int
    vanished: int
    notices: tuple[str, ...]


Event = (Started | UeventSeen | UeventsLost | TimePassed | RescanAsked | NoticeAdded
         | ScanFinished | ScanFailed)
Effect = StartScan | WakeAt | TellChange | TellInventory | AnswerRescan


class Discovery:
    """One robot's hardware discovery. `handle` is its only verb."""

    def __init__(
        self, debounce_ns: int, debounce_max_ns: int, lost_devices_max: int,
        name: Callable[[list[Finding]], list[Finding]] = list,
    ) -> None:
        """name: adds to findings what a catalogue knows of them."""
        self._name = name
        self._debounce_ns = debounce_ns
        self._debounce_max_ns = debounce_max_ns
        self._inventory = Inventory(lost_devices_max)
        self._host = HostFacts()
        self._units: tuple[ComputeUnit, ...] = ()
        self._standing_notices: tuple[str, ...] = ()
        self._blind_spots: tuple[BlindSpot, ...] = ()
        self._failure: tuple[str, ...] = ()
        self._told: Snapshot | None = None
        self._first_event_ns: int | None = None
        self._due_ns: int | None = None
        self._due_cause = Cause.NETLINK
        self._removed: set[str] = set()
        self._removed_before_scan: frozenset[str] = frozenset()
        self._is_scanning = False
        self._scan_cause = Cause.START
        self._scan_buses: frozenset[BusKind] = frozenset()
        self._waiting: list[RescanAsked] = []
        self._served_by_scan: list[RescanAsked] = []

    @property
    def snapshot(self) -> Snapshot:
        """Return what is believed now."""
        return Snapshot(
            self._inventory.revision, self._inventory.devices, self._units, self._host,
            self._notices())

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Take one event and return what must be done, in order. now_ns is monotonic."""
        if isinstance(event, UeventSeen):
            return self._on_uevent(event, now_ns)
        if isinstance(event, UeventsLost):
            return self._put_off(now_ns)
        if isinstance(event, TimePassed):
            return self._scan_if_due(now_ns)
        if isinstance(event, RescanAsked):
            self._waiting.append(event)
            return self._start_scan(Cause.RESCAN)
        if isinstance(event, NoticeAdded):
            return self._on_notice(event.text)
        if isinstance(event, ScanFinished):
            return self._on_scan(event.scan, now_ns)
        if isinstance(event, ScanFailed):
            return self._on_scan_failed(event.reason, now_ns)
        assert isinstance(event, Started), event
        return self._start_scan(Cause.START)

    def _notices(self) -> tuple[str, ...]:
        return (self._standing_notices + self._failure
                + tuple(spot.notice for spot in self._blind_spots))

    def _on_uevent(self, event: UeventSeen, now_ns: int) -> tuple[Effect, ...]:
        if event.action == 'remove' and len(self._removed) < REMOVED_PATHS_MAX:
            self._removed.add(event.sysfs_path)
        return self._put_off(now_ns)

    def _put_off(self, now_ns: int) -> tuple[Effect, ...]:
        """Wait for quiet, but never longer than debounce_max after the first event."""
        if self._first_event_ns is None:
            self._first_event_ns = now_ns
        self._due_cause = Cause.NETLINK
        self._due_ns = min(now_ns + self._debounce_ns,
                           self._first_event_ns + self._debounce_max_ns)
        return (WakeAt(self._due_ns),)

    def _scan_if_due(self, now_ns: int) -> tuple[Effect, ...]:
        if self._due_ns is None:
            return ()
        if now_ns < self._due_ns:
            return (WakeAt(self._due_ns),)
        return self._start_scan(self._due_cause)

    def _start_scan(self, cause: Cause) -> tuple[Effect, ...]:
        if self._is_scanning:
            return ()
        self._is_scanning = True
        self._scan_cause = cause
        self._served_by_scan, self._waiting = self._waiting, []
        self._scan_buses = (
            _asked_together(self._served_by_scan) if cause is Cause.RESCAN else frozenset())
        if not self._scan_buses:     # what is due concerns any bus: some of them are not enough
            self._due_ns = self._first_event_ns = None
        self._removed_before_scan, self._removed = frozenset(self._removed), set()
        return (StartScan(self._scan_buses),)

    def _on_notice(self, text: str) -> tuple[Effect, ...]:
        if text in self._standing_notices:
            return ()
        self._standing_notices += (text,)
        # Before the first scan there is no inventory to tell; it will carry the notice.
        return self._tell_if_changed() if self._told is not None else ()

    def _on_scan(self, scan: Scan, now_ns: int) -> tuple[Effect, ...]:
        buses = self._scan_buses
        if not buses or BusKind.PLATFORM in buses:
            self._host = scan.host
        findings = self._name(recognise(scan.nodes))
        changes = self._inventory.update(
            findings + platform.recognise(self._host), self._removed_before_scan,
            scan.blind_buses, buses)
        self._units = self._compute_units(findings, scan)
        self._blind_spots = merge_blind_spots(self._blind_spots, scan, buses)
        if not buses:
            self._failure = ()
        told = tuple(TellChange(change, self._scan_cause) for change in changes)
        return told + self._tell_if_changed() + self._end_scan(changes, scan.notices, now_ns)

    def _compute_units(self, findings: list[Finding], scan: Scan) -> tuple[ComputeUnit, ...]:
        """Return the units of this scan, and the others that are still believed in."""
        ids = self._inventory.present_ids
        seen = (self._host.cpu_units(ids.get(platform.CPU_PATH, ''))
                + compute.units(findings, NodeTree(scan.nodes), ids))
        seen_ids = {unit.unit_id for unit in seen}
        kept = tuple(unit for unit in self._units
                     if unit.unit_id not in seen_ids and self._is_offered(unit))
        return tuple(sorted(seen + kept, key=lambda unit: unit.unit_id))

    def _is_offered(self, unit: ComputeUnit) -> bool:
        device = self._inventory.get(unit.device_id)
        return (device is not None and device.is_present
                and device.offers(f'compute:{unit.kind.value}'))

    def _on_scan_failed(self, reason: str, now_ns: int) -> tuple[Effect, ...]:
        self._failure = (f'a scan failed and will be tried again: {reason}',)
        self._removed |= self._removed_before_scan
        if self._due_ns is None:
            self._first_event_ns, self._due_ns = now_ns, now_ns + SCAN_RETRY_NS
            self._due_cause = Cause.RETRY
        return self._tell_if_changed() + self._end_scan((), self._failure, now_ns)

    # ---- what is learnt otherwise than by a scan

    def device(self, device_id: str) -> HardwareDevice | None:
        """Return a device, lost or not; None if it is not known."""
        return self._inventory.get(device_id)

    def settle(
        self, parent_id: str, findings: Sequence[Finding], generation: int,
    ) -> tuple[Effect, ...]:
        """Take everything that was found by asking below a device."""
        return self._told_of(
            self._inventory.settle(parent_id, findings, generation), Cause.PROBE)

    def note(
        self, device_id: str, cause: Cause, event: DeviceEvent | None = None,
        generation: int = 0, **fields: Any,
    ) -> tuple[Effect, ...]:
        """Take what somebody tells of a device; see Inventory.note."""
        return self._told_of(
            self._inventory.note(device_id, event, generation, **fields), cause)

    def _told_of(self, changes: tuple[Change, ...], cause: Cause) -> tuple[Effect, ...]:
        if not changes:
            return ()
        return (*(TellChange(change, cause) for change in changes), *self._tell_if_changed())

    def _tell_if_changed(self) -> tuple[Effect, ...]:
        snapshot = self.snapshot
        if snapshot == self._told:
            return ()
        self._told = snapshot
        return (TellInventory(snapshot),)

    def _end_scan(
        self, changes: tuple[Change, ...], notices: tuple[str, ...], now_ns: int,
    ) -> tuple[Effect, ...]:
        self._is_scanning = False
        kinds = Counter(change.kind for change in changes)
        answers = tuple(AnswerRescan(
            asked.ticket, self._inventory.revision,
            kinds[ChangeKind.APPEARED] + kinds[ChangeKind.RETURNED],
            kinds[ChangeKind.VANISHED], self._standing_notices + notices)
            for asked in self._served_by_scan)
        self._served_by_scan = []
        again = (self._start_scan(Cause.RESCAN) if self._waiting
                 else self._scan_if_due(now_ns))
        return answers + again

    def check_invariants(self) -> None:
        """Assert what must hold between any two events."""
        self._inventory.check_invariants()
        assert (self._due_ns is None) == (self._first_event_ns is None)
        assert self._is_scanning or not self._served_by_scan
        assert self._is_scanning or not self._waiting, 'a rescan waits although nothing runs'
        assert len(self._removed) <= 2 * REMOVED_PATHS_MAX


def _asked_together(asked: list[RescanAsked]) -> frozenset[BusKind]:
    """Return the buses that serve all of them; empty if somebody wants every bus."""
    if any(not one.buses for one in asked):
        return frozenset()
    return frozenset(kind for one in asked for kind in one.buses)
