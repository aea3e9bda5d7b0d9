# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A robot's hardware as a whole: what is seen, what is asked, who holds it, what fails.

Composes discovery (scans of the kernel) and the prober (questions to places). `handle` is its
only verb: an event in, effects out; it reads no clock and opens nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from hw_discovery.core.capability import OWN_DRIVER
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import DeviceEvent, DevicePhase, HardwareDevice
from hw_discovery.core.discovery import (
    Cause,
    Discovery,
    RescanAsked,
    ScanFinished,
    TellInventory,
    TimePassed,
    WakeAt,
)
from hw_discovery.core.discovery import Effect as DiscoveryEffect
from hw_discovery.core.discovery import Event as DiscoveryEvent
from hw_discovery.core.finding import Finding
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.memory import Memory
from hw_discovery.core.places import PlaceSeen, ProbePolicy, places_of
from hw_discovery.core.probed import below, findings_of
from hw_discovery.core.prober import Effect as ProberEffect
from hw_discovery.core.prober import (
    Lane,
    Perform,
    Probed,
    Prober,
    ProbingBegan,
    StopPerforming,
)
from hw_discovery.core.probing.consent import Grant, Interlock, place_key
from hw_discovery.core.probing.operation import Outcome, Place
from hw_discovery.core.probing.verdict import ProbeVerdict
from hw_discovery.core.usb_match import named

CLAIMS_MAX = 256


@dataclass(frozen=True)
class OutcomeHeard:
    """What Perform asked for is done."""

    lane: Lane
    outcome: Outcome


@dataclass(frozen=True)
class InterlockChanged:
    """The robot was armed or disarmed, or an emergency began or ended."""

    interlock: Interlock


@dataclass(frozen=True)
class ConsentGiven:
    """An operator allows an operation, or takes it back with a time that is over."""

    grant: Grant


@dataclass(frozen=True)
class ClaimTaken:
    """A client holds a device of this generation until then; renewing is claiming again."""

    device_id: str
    generation: int
    claimant: str
    until_ns: int


@dataclass(frozen=True)
class ClaimEnded:
    """A client gave a device back, or lost it."""

    device_id: str
    claimant: str


@dataclass(frozen=True)
class Driven:
    """A device that a driver of this robot holds now."""

    name: str
    topics: tuple[str, ...] = ()
    frame_id: str = ''


@dataclass(frozen=True)
class DriversChanged:
    """All devices that drivers hold now, by id."""

    driven: Mapping[str, Driven]


@dataclass(frozen=True)
class DeviceFailed:
    """A driver or a watched topic says that a device does not work."""

    device_id: str
    reason: str


@dataclass(frozen=True)
class DeviceRecovered:
    """It works again."""

    device_id: str


@dataclass(frozen=True)
class KeepMemory:
    """Keep this for the next start: what was identified where."""

    memory: Memory


@dataclass(frozen=True)
class TellPlaces:
    """Where devices are reached, by device_id, and at which baud; what is not asked, and why."""

    places: Mapping[str, Place]
    bauds: Mapping[str, int]
    verdicts: Mapping[str, tuple[ProbeVerdict, ...]]
    refused: tuple[PlaceSeen, ...]
    seen: tuple[PlaceSeen, ...]


Event = (DiscoveryEvent | OutcomeHeard | InterlockChanged | ConsentGiven | ClaimTaken
         | ClaimEnded | DriversChanged | DeviceFailed | DeviceRecovered)
Effect = DiscoveryEffect | Perform | StopPerforming | TellPlaces | KeepMemory


@dataclass(frozen=True)
class _Claim:
    claimant: str
    generation: int
    until_ns: int


@dataclass
class _Known:
    """What was last told of places."""

    nodes: dict[tuple[str, str], KernelNode] = field(default_factory=dict)
    verdicts: dict[str, tuple[ProbeVerdict, ...]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)


class Hardware:
    """One robot's hardware."""

    def __init__(
        self, debounce_ns: int, debounce_max_ns: int, lost_devices_max: int,
        catalogue: Catalogue, policy: ProbePolicy,
        memory: Memory = MappingProxyType({}),
    ) -> None:
        self._catalogue = catalogue
        self._policy = policy
        self._discovery = Discovery(
            debounce_ns, debounce_max_ns, lost_devices_max, self._name)
        self._prober = Prober(catalogue, policy, memory)
        self._kept_memory = dict(memory)
        self._known = _Known()
        self._claims: dict[str, _Claim] = {}
        self._driven: Mapping[str, Driven] = {}
        self._told_places: TellPlaces | None = None
        self._scan_due_ns: int | None = None
        self._told_due_ns: int | None = None
        self._verbs: dict[type, Callable[..., list[Effect]]] = {
            OutcomeHeard: self._on_outcome, InterlockChanged: self._on_interlock,
            ConsentGiven: self._on_consent, ClaimTaken: self._on_claim,
            ClaimEnded: self._on_claim_ended, DriversChanged: self._on_drivers,
            DeviceFailed: self._on_failed, DeviceRecovered: self._on_recovered}

    @property
    def snapshot(self) -> Snapshot:
        """Return what is believed now."""
        return self._discovery.snapshot

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Take one event and return what must be done, in order. now_ns is monotonic."""
        verb = self._verbs.get(type(event))
        effects = (verb or self._on_discovery)(event, now_ns)  # type: ignore[arg-type]
        if any(isinstance(effect, TellInventory) for effect in effects):
            effects += self._drop_stale_claims(now_ns)
        return (*self._merged(effects), *self._wake(), *self._places_told(),
                *self._memory_kept(effects))

    # ---- events

    def _on_discovery(self, event: DiscoveryEvent, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        if isinstance(event, TimePassed):
            self._scan_due_ns = self._told_due_ns = None
            effects += self._expired_claims(now_ns)
            effects += self._asked(self._prober.time_passed(now_ns))
        effects += self._discovery.handle(event, now_ns)
        if isinstance(event, ScanFinished):
            self._keep_nodes(event)
            effects += self._places_changed(now_ns)
        if isinstance(event, RescanAsked):
            effects += self._asked(self._prober.again((), now_ns, certain_too=False))
        return effects

    def _on_outcome(self, event: OutcomeHeard, now_ns: int) -> list[Effect]:
        return self._asked(self._prober.heard(event.lane, event.outcome, now_ns))

    def _on_interlock(self, event: InterlockChanged, now_ns: int) -> list[Effect]:
        return self._asked(self._prober.interlocked(event.interlock, now_ns))

    def _on_consent(self, event: ConsentGiven, now_ns: int) -> list[Effect]:
        return self._asked(self._prober.allowed(event.grant, now_ns))

    def _on_claim(self, event: ClaimTaken, now_ns: int) -> list[Effect]:
        device = self._discovery.device(event.device_id)
        if device is None or device.generation != event.generation or not device.is_present \
                or (event.device_id not in self._claims and len(self._claims) >= CLAIMS_MAX):
            return []
        self._claims[event.device_id] = _Claim(
            event.claimant, event.generation, event.until_ns)
        effects: list[Effect] = [*self._discovery.note(
            event.device_id, Cause.CLAIM, DeviceEvent.CLAIMED, claimed_by=event.claimant)]
        return effects + self._hold(now_ns)

    def _on_claim_ended(self, event: ClaimEnded, now_ns: int) -> list[Effect]:
        claim = self._claims.get(event.device_id)
        if claim is None or claim.claimant != event.claimant:
            return []
        del self._claims[event.device_id]
        effects: list[Effect] = [*self._discovery.note(
            event.device_id, Cause.CLAIM, claimed_by=self._driver_of(event.device_id))]
        return effects + self._hold(now_ns)

    def _on_drivers(self, event: DriversChanged, now_ns: int) -> list[Effect]:
        before, self._driven = self._driven, event.driven
        effects: list[Effect] = []
        for device_id in sorted({*before, *event.driven}):
            driven = event.driven.get(device_id, Driven(''))
            fields: dict[str, Any] = {'topics': driven.topics, 'frame_id': driven.frame_id}
            if device_id not in self._claims:
                fields['claimed_by'] = self._driver_of(device_id)
            effects += self._discovery.note(
                device_id, Cause.DRIVER, DeviceEvent.CLAIMED if driven.name else None,
                generation=0, **fields)
        return effects + self._hold(now_ns)

    def _on_failed(self, event: DeviceFailed, now_ns: int) -> list[Effect]:
        effects: list[Effect] = [*self._discovery.note(
            event.device_id, Cause.DRIVER, DeviceEvent.FAULTED, fault=event.reason[:500])]
        return effects

    def _on_recovered(self, event: DeviceRecovered, now_ns: int) -> list[Effect]:
        effects: list[Effect] = [*self._discovery.note(
            event.device_id, Cause.DRIVER, DeviceEvent.RECOVERED, fault='',
            claimed_by=self._holder_of(event.device_id))]
        return effects

    # ---- probing

    def _places_changed(self, now_ns: int) -> list[Effect]:
        seen = places_of(self._discovery.snapshot.devices, tuple(self._known.nodes.values()),
                         self._catalogue, self._policy)
        return self._asked(self._prober.places_changed(seen, now_ns))

    def _asked(self, effects: tuple[ProberEffect, ...]) -> list[Effect]:
        """Take what the prober tells; pass on what is to be performed."""
        passed: list[Effect] = []
        for effect in effects:
            if isinstance(effect, ProbingBegan):
                passed += self._discovery.note(
                    effect.device_id, Cause.PROBE, DeviceEvent.PROBE_STARTED, effect.generation)
            elif isinstance(effect, Probed):
                passed += self._on_probed(effect)
            else:
                passed.append(effect)
        return passed

    def _on_probed(self, told: Probed) -> list[Effect]:
        self._known.verdicts[told.device_id] = told.verdicts
        for verdict in told.verdicts:
            self._known.places[_found_path(verdict.place)] = verdict.place
        effects: list[Effect] = [*self._discovery.settle(
            told.device_id, findings_of(told.verdicts, self._catalogue), told.generation)]
        effects += self._discovery.note(
            told.device_id, Cause.PROBE, DeviceEvent.PROBE_EXHAUSTED, told.generation)
        return effects

    def _hold(self, now_ns: int) -> list[Effect]:
        """Keep the prober away from what is in use, whether the device or its port is."""
        keys = set()
        for device_id in (*self._driven, *self._claims):
            device = self._discovery.device(device_id)
            if device is None or not device.is_present:
                continue
            place = self._known.places.get(device.sysfs_path)
            keys |= {place_key(place)} if place is not None else {
                place_key(seen.place) for seen in self._prober.places
                if seen.device_id == device_id}
        return self._asked(self._prober.held(keys, now_ns))

    def _name(self, findings: list[Finding]) -> list[Finding]:
        return named(findings, self._catalogue)

    def _keep_nodes(self, event: ScanFinished) -> None:
        nodes = event.scan.nodes
        present = {d.sysfs_path for d in self._discovery.snapshot.devices if d.is_present}
        kept = {key: node for key, node in self._known.nodes.items() if key[1] in present}
        kept.update({(n.subsystem, n.sysfs_path): n for n in nodes
                     if n.subsystem in ('tty', 'usb')})
        self._known.nodes = kept
        paths = {d.device_id for d in self._discovery.snapshot.devices if d.is_present}
        self._known.verdicts = {k: v for k, v in self._known.verdicts.items() if k in paths}

    # ---- claims

    def _driver_of(self, device_id: str) -> str:
        driven = self._driven.get(device_id)
        return f'{OWN_DRIVER}{driven.name}' if driven is not None and driven.name else ''

    def _holder_of(self, device_id: str) -> str:
        claim = self._claims.get(device_id)
        return claim.claimant if claim is not None else self._driver_of(device_id)

    def _expired_claims(self, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        for device_id, claim in sorted(self._claims.items()):
            if now_ns >= claim.until_ns:
                effects += self._on_claim_ended(ClaimEnded(device_id, claim.claimant), now_ns)
        return effects

    def _drop_stale_claims(self, now_ns: int) -> list[Effect]:
        """A claim is of one attachment: whoever had it must ask again."""
        for device_id, claim in list(self._claims.items()):
            device = self._discovery.device(device_id)
            if device is None or not device.is_present or device.generation != claim.generation:
                del self._claims[device_id]
        return self._hold(now_ns)

    # ---- what is told

    def _merged(self, effects: list[Effect]) -> list[Effect]:
        """Keep the last inventory only, after all changes, and no WakeAt of the parts."""
        for effect in effects:
            if isinstance(effect, WakeAt):
                self._scan_due_ns = effect.at_ns
        last = next((e for e in reversed(effects) if isinstance(e, TellInventory)), None)
        kept: list[Effect] = [
            e for e in effects if not isinstance(e, WakeAt | TellInventory)]
        if last is None:
            return kept
        at = next((i for i, e in enumerate(kept) if isinstance(e, Perform | StopPerforming)
                   or type(e).__name__ == 'AnswerRescan'), len(kept))
        return [*kept[:at], last, *kept[at:]]

    def _wake(self) -> list[Effect]:
        due = [at for at in (
            self._scan_due_ns, self._prober.next_due_ns,
            *(claim.until_ns for claim in self._claims.values())) if at is not None]
        soonest = min(due, default=None)
        if soonest is None or soonest == self._told_due_ns:
            return []
        self._told_due_ns = soonest
        return [WakeAt(soonest)]

    def _places_told(self) -> list[Effect]:
        present = [d for d in self._discovery.snapshot.devices if d.is_present]
        places = {d.device_id: self._known.places[d.sysfs_path] for d in present
                  if d.sysfs_path in self._known.places}
        bauds = {key: baud for key, place in places.items()
                 if (baud := self._prober.baud_of(place))}
        told = TellPlaces(places, bauds, dict(self._known.verdicts), tuple(
            seen for seen in self._prober.places if seen.refusal), self._prober.places)
        if told == self._told_places:
            return []
        self._told_places = told
        return [told]

    def _memory_kept(self, effects: list[Effect]) -> list[Effect]:
        """Keep what is remembered when it differs; its order alone is not worth a write."""
        if not any(isinstance(effect, TellInventory) for effect in effects):
            return []
        memory = dict(self._prober.memory)
        if memory == self._kept_memory:
            return []
        self._kept_memory = memory
        return [KeepMemory(memory)]

    def check_invariants(self) -> None:
        """Assert what must hold between any two events."""
        self._discovery.check_invariants()
        self._prober.check_invariants()
        for device_id in self._claims:
            device = self._discovery.device(device_id)
            assert device is not None and device.is_present, device_id


def _found_path(place: Place) -> str:
    return f'{place.path}/{below(place)}'


def is_drivable(device: HardwareDevice) -> bool:
    """Tell whether a driver of this robot may have the device."""
    return device.is_present and (
        device.phase is not DevicePhase.CLAIMED or device.claimed_by.startswith(OWN_DRIVER))
