# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is believed present, and what was. Owns generations and revisions; sees no bus."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hw_discovery.core.device import (
    DEVICE_TRANSITIONS,
    BusKind,
    DeviceEvent,
    DevicePhase,
    HardwareDevice,
    Observation,
    Verdict,
    next_phase,
)
from hw_discovery.core.finding import Finding
from hw_discovery.core.host import ComputeUnit, HostFacts
from hw_discovery.core.identity import Identified, assign_ids
from hw_discovery.core.kernel_node import ancestor_paths


class ChangeKind(Enum):
    """What happened to a device."""

    APPEARED = 'appeared'
    CHANGED = 'changed'
    VANISHED = 'vanished'
    RETURNED = 'returned'


@dataclass(frozen=True)
class Change:
    """One change, and the revision of the inventory that contains it."""

    kind: ChangeKind
    device: HardwareDevice
    revision: int


@dataclass(frozen=True)
class Snapshot:
    """The inventory at one moment; devices by device_id."""

    revision: int = 0
    devices: tuple[HardwareDevice, ...] = ()
    compute_units: tuple[ComputeUnit, ...] = ()
    host: HostFacts = HostFacts()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    device: HardwareDevice
    attachment: str
    vanish_order: int = 0
    was_removed: bool = False        # the kernel said so; what is there now was attached anew
    is_probed: bool = False          # found by asking: scans of the kernel do not show it
    behind: HardwareDevice | None = None     # what was found behind an ambiguous port


class Inventory:
    """Devices by id. Every change of a device raises the revision by one."""

    def __init__(self, lost_devices_max: int) -> None:
        self._lost_devices_max = lost_devices_max
        self._entries: dict[str, _Entry] = {}
        self._vanished = 0
        self.revision = 0

    @property
    def devices(self) -> tuple[HardwareDevice, ...]:
        """Return all devices, lost ones too, by id."""
        return tuple(self._entries[key].device for key in sorted(self._entries))

    @property
    def present_ids(self) -> dict[str, str]:
        """Return the ids of the devices believed present, by sysfs_path."""
        return {e.device.sysfs_path: key for key, e in self._entries.items()
                if e.device.is_present}

    def get(self, device_id: str) -> HardwareDevice | None:
        """Return a device, lost or not; None if it is not known."""
        entry = self._entries.get(device_id)
        return entry.device if entry else None

    def update(
        self, findings: Iterable[Finding], removed_paths: frozenset[str] = frozenset(),
        blind_buses: frozenset[BusKind] = frozenset(),
        buses: frozenset[BusKind] = frozenset(),
    ) -> tuple[Change, ...]:
        """Take one scan's findings and return what changed, in order.

        removed_paths: the kernel said since the last scan that these were taken away, so what
        is there now is a new attachment. blind_buses: nobody looked, nothing there is judged.
        buses: only devices on these are judged, and those they hang on; empty = all.
        """
        self._mark_removed(removed_paths)
        unseen = self._paths_on(blind_buses)
        readable = [f for f in findings if not _is_within(f.sysfs_path, unseen)]
        seen = _judged(assign_ids(readable, self._held_by(readable)), buses)
        changes = self._vanish_missing(seen, unseen, buses)
        for identified in seen:
            changes += self._take(identified)
        self._forget_oldest_lost()
        return tuple(changes)

    def _mark_removed(self, paths: frozenset[str]) -> None:
        """Remember it with the device: a scan of other buses must not use it up."""
        for key, entry in self._entries.items():
            if entry.device.is_present and entry.device.sysfs_path in paths:
                self._entries[key] = replace(entry, was_removed=True)

    def _paths_on(self, buses: frozenset[BusKind]) -> frozenset[str]:
        return frozenset(e.device.sysfs_path for e in self._entries.values()
                         if e.device.is_present and e.device.bus in buses)

    def _vanish_missing(
        self, seen: tuple[Identified, ...], unseen: frozenset[str], buses: frozenset[BusKind],
    ) -> list[Change]:
        kept = {i.device_id for i in seen}
        taken_paths = {i.finding.sysfs_path for i in seen}
        missing = [
            e.device for key, e in self._entries.items()
            if e.device.is_present and key not in kept and not e.is_probed
            and not _is_within(e.device.sysfs_path, unseen)
            and (not buses or e.device.bus in buses or e.device.sysfs_path in taken_paths)]
        gone = missing + self._hanging_on({d.device_id for d in missing}, kept)
        # Children first, so that a consumer never holds a child of a device that is gone.
        gone.sort(key=lambda device: (-device.sysfs_path.count('/'), device.device_id))
        return [self._vanish(device.device_id) for device in gone]

    def _hanging_on(self, gone: set[str], kept: set[str]) -> list[HardwareDevice]:
        """Return what cannot be there without the gone, though nobody looked at its bus."""
        found: list[HardwareDevice] = []
        while True:
            more = [e.device for key, e in self._entries.items()
                    if e.device.is_present and e.device.parent_id in gone
                    and key not in gone and key not in kept]
            if not more:
                return found
            found += more
            gone = gone | {device.device_id for device in more}

    def _vanish(self, device_id: str) -> Change:
        entry = self._entries[device_id]
        self._vanished += 1
        lost = replace(entry.device, phase=next_phase(entry.device.phase, DeviceEvent.VANISHED),
                       claimed_by='', topics=())
        self._entries[device_id] = _Entry(
            lost, entry.attachment, self._vanished, is_probed=entry.is_probed)
        return self._change(ChangeKind.VANISHED, lost)

    def _take(self, seen: Identified) -> list[Change]:
        believed = seen.finding.as_device(seen.device_id, seen.parent_id)
        known = self._entries.get(seen.device_id)
        if known is None:
            return [self._store(ChangeKind.APPEARED, believed, _Entry(
                believed, seen.attachment))]
        if not known.device.is_present:
            return [self._return(believed, known, seen.attachment)]
        if known.attachment != seen.attachment or known.was_removed:
            probed = [self._vanish(key) for key in self._probed_below(seen.device_id)]
            vanished = self._vanish(seen.device_id)
            return [*probed, vanished, self._return(
                believed, self._entries[seen.device_id], seen.attachment)]
        return self._keep(believed, known)

    def _return(self, believed: HardwareDevice, known: _Entry, attachment: str) -> Change:
        phase = next_phase(known.device.phase, DeviceEvent.RETURNED)
        again = replace(believed, phase=phase, generation=known.device.generation + 1)
        return self._store(ChangeKind.RETURNED, again, _Entry(
            again, attachment, is_probed=known.is_probed))

    def _keep(self, believed: HardwareDevice, known: _Entry) -> list[Change]:
        """Take what is seen now; what was told of this attachment stays."""
        was = known.device
        same = _resolved(replace(
            believed, phase=was.phase, generation=was.generation, claimed_by=was.claimed_by,
            fault=was.fault, topics=was.topics, frame_id=was.frame_id), known.behind)
        if _settled(same) == was:
            return []
        return [self._store(ChangeKind.CHANGED, same, known)]

    def _store(self, kind: ChangeKind, device: HardwareDevice, entry: _Entry) -> Change:
        settled = _settled(device)
        self._entries[device.device_id] = replace(entry, device=settled)
        return self._change(kind, settled)

    # ---- what others than the kernel tell

    def note(
        self, device_id: str, event: DeviceEvent | None = None, generation: int = 0,
        **fields: Any,
    ) -> tuple[Change, ...]:
        """Change what is told of a present device: claimed_by, fault, topics, frame_id; and its
        phase, where its lifecycle knows the event. generation: 0 = any; an older one is ignored.
        """
        entry = self._entries.get(device_id)
        if entry is None or not entry.device.is_present \
                or generation not in (0, entry.device.generation):
            return ()
        assert set(fields) <= {'claimed_by', 'fault', 'topics', 'frame_id'}, fields
        phase = entry.device.phase
        if event is not None:
            phase = DEVICE_TRANSITIONS.get((phase, event), phase)
        changed = replace(entry.device, phase=phase, **fields)
        if _settled(changed) == entry.device:
            return ()
        return (self._store(ChangeKind.CHANGED, changed, entry),)

    def settle(
        self, parent_id: str, findings: Iterable[Finding], generation: int = 0,
    ) -> tuple[Change, ...]:
        """Take everything that was found by asking below a device; what is missing vanishes.

        Each finding's sysfs_path is below the parent's. generation: of the parent when it was
        asked; 0 = any. What was asked of an earlier attachment is ignored.
        """
        above = self._entries.get(parent_id)
        if above is None or not above.device.is_present \
                or generation not in (0, above.device.generation):
            return ()
        found = sorted(findings, key=lambda finding: finding.sysfs_path)
        named = {self._probed_id(f, parent_id): f for f in reversed(found)}
        changes = [self._vanish(key) for key in self._probed_below(parent_id)
                   if key not in named]
        attachment = f'{above.attachment}:{above.device.generation}'
        for device_id, finding in sorted(named.items()):
            changes += self._take_probed(Identified(
                finding, device_id, parent_id, f'{attachment}>{finding.sysfs_path}'))
        changes += self._resolve(parent_id, [self._entries[key].device for key in sorted(named)])
        self._forget_oldest_lost()
        return tuple(changes)

    def _take_probed(self, seen: Identified) -> list[Change]:
        known = self._entries.get(seen.device_id)
        if known is None:
            believed = seen.finding.as_device(seen.device_id, seen.parent_id)
            return [self._store(ChangeKind.APPEARED, believed, _Entry(
                believed, seen.attachment, is_probed=True))]
        if not known.device.is_present:
            known = self._entries[seen.device_id] = replace(known, is_probed=True)
        return self._take(seen)

    def _probed_id(self, finding: Finding, parent_id: str) -> str:
        """Return the id by the device's own serial number, unless its clone is there."""
        nested = f'{parent_id}/{finding.nested_id}'
        holder = self._entries.get(finding.strong_id)
        if not finding.strong_id or (
                holder is not None and holder.device.is_present
                and holder.device.sysfs_path != finding.sysfs_path):
            return nested
        held = self._entries.get(nested)
        if held is not None and held.device.is_present \
                and held.device.sysfs_path == finding.sysfs_path and held.device.serial:
            return nested            # the clone of one that left keeps the id it had
        return finding.strong_id

    def _probed_below(self, parent_id: str) -> list[str]:
        return sorted(key for key, e in self._entries.items()
                      if e.is_probed and e.device.is_present and e.device.parent_id == parent_id)

    def _resolve(self, device_id: str, found: list[HardwareDevice]) -> list[Change]:
        """Say of an ambiguous port, and the bridge it belongs to, what is behind it."""
        certain = [d for d in found if d.verdict is Verdict.IDENTIFIED]
        behind = certain[0] if len(certain) == 1 else None
        changes = []
        while (entry := self._entries.get(device_id)) is not None:
            if entry.device.verdict is not Verdict.AMBIGUOUS and entry.behind is None:
                break
            self._entries[device_id] = entry = replace(entry, behind=behind)
            if behind is not None:
                changes.append(self._store(
                    ChangeKind.CHANGED, _resolved(entry.device, behind), entry))
            device_id = entry.device.parent_id
        return changes

    def _held_by(self, findings: Iterable[Finding]) -> dict[str, str]:
        """Return the ids of what is present, and of what shows itself in another state."""
        held = self.present_ids
        for finding in findings:
            if finding.state_of and (known := self._known_at(finding)):
                held[finding.sysfs_path] = known
        return held

    def _known_at(self, finding: Finding) -> str:
        """Return the id of the device that was at this port as one of finding.state_of; '' = none.

        Only if one is known there: a bootloader has no serial number to tell two apart.
        """
        known = {key for key, e in self._entries.items()
                 if e.device.sysfs_path == finding.sysfs_path
                 and e.device.bus is finding.bus
                 and (e.device.catalogue_id in finding.state_of
                      or any(d.device.catalogue_id in finding.state_of
                             for d in self._entries.values() if d.device.parent_id == key))}
        return known.pop() if len(known) == 1 else ''

    def _change(self, kind: ChangeKind, device: HardwareDevice) -> Change:
        self.revision += 1
        return Change(kind, device, self.revision)

    def _forget_oldest_lost(self) -> None:
        """Forget a lost device together with what hung below it, so no child is orphaned."""
        lost = sorted((e.vanish_order, key) for key, e in self._entries.items()
                      if not e.device.is_present)
        for _, key in lost[:max(0, len(lost) - self._lost_devices_max)]:
            self._forget(key)

    def _forget(self, device_id: str) -> None:
        self._entries.pop(device_id, None)
        for key in [k for k, e in self._entries.items() if e.device.parent_id == device_id]:
            self._forget(key)

    def check_invariants(self) -> None:
        """Assert what must hold between any two updates."""
        lost = 0
        for key, entry in self._entries.items():
            device = entry.device
            assert device.device_id == key
            assert device.generation >= 1
            assert 0.0 <= device.confidence <= 1.0
            assert device.parent_id != key
            assert device.parent_id == '' or device.parent_id in self._entries, device
            assert (device.verdict is Verdict.AMBIGUOUS) == bool(device.alternatives), device
            assert device.phase is not DevicePhase.CLAIMED or device.claimed_by, device
            assert not device.claimed_by or device.phase in (
                DevicePhase.CLAIMED, DevicePhase.FAULTY), device
            assert device.phase is not DevicePhase.IDENTIFIED or (
                device.verdict is Verdict.IDENTIFIED)
            lost += not device.is_present
            parent = self._entries.get(device.parent_id)
            assert not (device.is_present and parent and not parent.device.is_present), device
        assert lost <= self._lost_devices_max
        present = [e.device.sysfs_path for e in self._entries.values() if e.device.is_present]
        assert len(present) == len(set(present)), 'two present devices share a sysfs path'
        assert self.revision >= len(self._entries)


def _settled(device: HardwareDevice) -> HardwareDevice:
    """Return the device in the phase that its verdict and its claim ask for."""
    recognised = device.verdict is Verdict.IDENTIFIED
    phase, claimed_by = device.phase, device.claimed_by
    if recognised and phase in (DevicePhase.APPEARED, DevicePhase.PROBING):
        phase = next_phase(phase, DeviceEvent.RECOGNISED)
    if not recognised and phase in (DevicePhase.IDENTIFIED, DevicePhase.CLAIMED):
        phase = next_phase(phase, DeviceEvent.DOUBTED)
    if phase is DevicePhase.IDENTIFIED and claimed_by:
        phase = next_phase(phase, DeviceEvent.CLAIMED)
    if phase is DevicePhase.CLAIMED and not claimed_by:
        phase = next_phase(phase, DeviceEvent.RELEASED)
    if phase not in (DevicePhase.CLAIMED, DevicePhase.FAULTY):
        claimed_by = ''
    return replace(device, phase=phase, claimed_by=claimed_by)


def _resolved(device: HardwareDevice, behind: HardwareDevice | None) -> HardwareDevice:
    """Return a port that was ambiguous as what was found behind it."""
    if behind is None or device.verdict is not Verdict.AMBIGUOUS:
        return device
    seen = Observation('probe', behind.sysfs_path, behind.device_id,
                       f'{behind.name} is behind it')
    return replace(device, verdict=Verdict.IDENTIFIED, confidence=behind.confidence,
                   alternatives=(), evidence=(*device.evidence, seen))


def _judged(
    seen: tuple[Identified, ...], buses: frozenset[BusKind],
) -> tuple[Identified, ...]:
    """Return those on the buses and what they hang on, which their ids and names come from."""
    if not buses:
        return seen
    asked = {i.finding.sysfs_path for i in seen if i.finding.bus in buses}
    above = {path for below in asked for path in ancestor_paths(below)}
    return tuple(i for i in seen if i.finding.sysfs_path in asked | above)


def _is_within(path: str, roots: frozenset[str]) -> bool:
    return path in roots or any(above in roots for above in ancestor_paths(path))
