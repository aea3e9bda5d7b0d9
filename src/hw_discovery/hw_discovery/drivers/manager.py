# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which driver runs for which device. Pure: events in, effects out, time is an argument.

One driver per device and attachment. A device that comes back has a new generation and gets a
new driver, which knows nothing of the old one. A driver that fails is started again, later each
time; meanwhile its device is not claimed and the fault is told. A driver that does not end when
asked keeps its device from being driven twice, and nothing else.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from hw_discovery.core.device import DevicePhase, HardwareDevice
from hw_discovery.core.probing.operation import Place
from hw_discovery.drivers.parameters import Parameters

_NS_PER_S = 1_000_000_000
REASON_CHARACTERS_MAX = 500   # an error text of a library may hold anything


@dataclass(frozen=True)
class RestartTiming:
    """Chosen without data, except where said.

    first_wait_ns   after the first failure: a USB device needs about half a second to return
    wait_max_ns     a device that never works is still tried once a minute
    settled_ns      good readings for so long make the next failure a first one again
    stop_wait_ns    a driver is asked to end; past that it is called stuck
    """

    first_wait_ns: int = _NS_PER_S
    wait_max_ns: int = 60 * _NS_PER_S
    settled_ns: int = 30 * _NS_PER_S
    stop_wait_ns: int = 3 * _NS_PER_S

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not 0 < self.first_wait_ns <= self.wait_max_ns:
            raise ValueError('expected 0 < first_wait_ns <= wait_max_ns')
        if self.settled_ns <= 0 or self.stop_wait_ns <= 0:
            raise ValueError('expected settled_ns and stop_wait_ns above 0')


@dataclass(frozen=True)
class Drivable:
    """A device with the driver that its catalogue entry names, and where it is reached."""

    device: HardwareDevice
    driver: str
    place: Place | None = None
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True)
class InventoryChanged:
    """Everything that could be driven now; a device that is missing here is gone."""

    drivable: tuple[Drivable, ...]


@dataclass(frozen=True)
class DriverWorks:
    """The first good reading came."""

    device_id: str
    generation: int


@dataclass(frozen=True)
class DriverEnded:
    """The driver's thread is over; `reason` '' = it was asked to."""

    device_id: str
    generation: int
    reason: str = ''


@dataclass(frozen=True)
class TimePassed:
    """Nothing happened but time."""


@dataclass(frozen=True)
class Closing:
    """Stop everything and start nothing more."""


Event = InventoryChanged | DriverWorks | DriverEnded | TimePassed | Closing


@dataclass(frozen=True)
class StartDriver:
    """Make the driver; then it owes exactly one DriverEnded."""

    drivable: Drivable


@dataclass(frozen=True)
class StopDriver:
    """Ask the driver to end."""

    device_id: str
    generation: int
    reason: str


@dataclass(frozen=True)
class TellFault:
    """The device does not work for its driver, and why."""

    device_id: str
    generation: int
    text: str


@dataclass(frozen=True)
class TellRecovered:
    """The fault that was told is over."""

    device_id: str
    generation: int


Effect = StartDriver | StopDriver | TellFault | TellRecovered


class _Phase(Enum):
    WAITING = 'waiting'       # for a time or for an other to release the device
    RUNNING = 'running'
    STOPPING = 'stopping'


@dataclass
class _Driven:
    drivable: Drivable
    phase: _Phase = _Phase.WAITING
    due_ns: int = 0           # WAITING: start then. STOPPING: it is stuck then
    failures: int = 0
    works_since_ns: int | None = None
    is_faulty: bool = False
    is_stuck: bool = False
    next: Drivable | None = None   # STOPPING: what to start afterwards

    @property
    def key(self) -> tuple[str, int]:
        return self.drivable.device.device_id, self.drivable.device.generation


_MAY_START = (DevicePhase.IDENTIFIED, DevicePhase.CLAIMED, DevicePhase.FAULTY)


class DriverManager:
    """Decides; whoever holds it performs the effects and reports back."""

    def __init__(
        self, timing: RestartTiming | None = None, drivers: Collection[str] = (),
    ) -> None:
        self._timing = timing or RestartTiming()
        self._drivers = frozenset(drivers)
        self._driven: dict[str, _Driven] = {}
        self._is_closing = False

    @property
    def claimed(self) -> frozenset[str]:
        """Ids of the devices that a driver holds now."""
        return frozenset(device_id for device_id, driven in self._driven.items()
                         if driven.phase is not _Phase.WAITING)

    def next_due_ns(self) -> int | None:
        """Return when TimePassed is to come next; None = no need."""
        due = [driven.due_ns for driven in self._driven.values()
               if driven.phase is _Phase.WAITING
               or driven.phase is _Phase.STOPPING and not driven.is_stuck]
        return min(due, default=None)

    def handle(self, event: Event, now_ns: int) -> tuple[Effect, ...]:
        """Take one event and return what is to be done, in order."""
        if isinstance(event, InventoryChanged):
            effects = self._on_inventory(event, now_ns)
        elif isinstance(event, DriverWorks):
            effects = self._on_works(event, now_ns)
        elif isinstance(event, DriverEnded):
            effects = self._on_ended(event, now_ns)
        elif isinstance(event, Closing):
            self._is_closing = True
            effects = [effect for device_id in sorted(self._driven)
                       for effect in self._dismiss(device_id, 'closing', now_ns)]
        else:
            effects = []
        return (*effects, *self._on_time(now_ns))

    def _on_inventory(self, event: InventoryChanged, now_ns: int) -> list[Effect]:
        if self._is_closing:
            return []
        wanted = {item.device.device_id: item for item in event.drivable if self._is_ours(item)}
        effects: list[Effect] = []
        for device_id in sorted(set(self._driven) - set(wanted)):
            effects += self._dismiss(device_id, 'the device is gone', now_ns)
        for device_id, item in sorted(wanted.items()):
            effects += self._want(device_id, item, now_ns)
        return effects

    def _is_ours(self, item: Drivable) -> bool:
        known = not self._drivers or item.driver in self._drivers
        held = item.device.device_id in self._driven
        phase = item.device.phase
        # A device that is claimed or faulty without us is another's business.
        fit = phase is DevicePhase.IDENTIFIED or held and phase in _MAY_START
        return bool(item.driver) and known and fit

    def _want(self, device_id: str, item: Drivable, now_ns: int) -> list[Effect]:
        driven = self._driven.get(device_id)
        if driven is None:
            self._driven[device_id] = _Driven(item, due_ns=now_ns)
            return []
        if _same(driven.drivable, item):
            if driven.phase is _Phase.STOPPING and driven.next is not None:
                driven.next = item
            return []
        if driven.phase is _Phase.WAITING:
            self._driven[device_id] = _Driven(item, due_ns=now_ns, is_faulty=driven.is_faulty)
            return []
        driven.next = item
        return self._stop(driven, 'the device was attached anew', now_ns)

    def _dismiss(self, device_id: str, why: str, now_ns: int) -> list[Effect]:
        driven = self._driven[device_id]
        driven.next = None
        if driven.phase is _Phase.WAITING:
            del self._driven[device_id]
            return []
        return self._stop(driven, why, now_ns)

    def _stop(self, driven: _Driven, why: str, now_ns: int) -> list[Effect]:
        if driven.phase is _Phase.STOPPING:
            return []
        driven.phase = _Phase.STOPPING
        driven.due_ns = now_ns + self._timing.stop_wait_ns
        return [StopDriver(*driven.key, why)]

    def _on_works(self, event: DriverWorks, now_ns: int) -> list[Effect]:
        driven = self._driven.get(event.device_id)
        if driven is None or driven.key != (event.device_id, event.generation) \
                or driven.phase is not _Phase.RUNNING:
            return []
        driven.works_since_ns = now_ns
        if not driven.is_faulty:
            return []
        driven.is_faulty = False
        return [TellRecovered(*driven.key)]

    def _on_ended(self, event: DriverEnded, now_ns: int) -> list[Effect]:
        driven = self._driven.get(event.device_id)
        if driven is None or driven.key != (event.device_id, event.generation) \
                or driven.phase is _Phase.WAITING:
            return []
        if driven.phase is _Phase.STOPPING:
            del self._driven[event.device_id]
            if driven.next is not None and not self._is_closing:
                self._driven[event.device_id] = _Driven(driven.next, due_ns=now_ns)
            return []
        worked_ns = now_ns - driven.works_since_ns if driven.works_since_ns is not None else 0
        driven.failures = 1 if worked_ns >= self._timing.settled_ns else driven.failures + 1
        driven.phase = _Phase.WAITING
        driven.works_since_ns = None
        driven.due_ns = now_ns + self._wait_ns(driven.failures)
        driven.is_faulty = True
        text = event.reason[:REASON_CHARACTERS_MAX] or 'the driver ended without a reason'
        return [TellFault(*driven.key, text)]

    def _wait_ns(self, failures: int) -> int:
        doublings = min(failures - 1, 32)     # beyond it the limit holds anyway
        return min(self._timing.first_wait_ns << doublings, self._timing.wait_max_ns)

    def _on_time(self, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        for device_id in sorted(self._driven):
            driven = self._driven[device_id]
            if now_ns < driven.due_ns:
                continue
            if driven.phase is _Phase.WAITING and not self._is_closing:
                driven.phase = _Phase.RUNNING
                effects.append(StartDriver(driven.drivable))
            elif driven.phase is _Phase.STOPPING and not driven.is_stuck:
                driven.is_stuck = True
                effects.append(TellFault(
                    *driven.key, 'the driver does not end: a call to the device blocks'))
        return effects

    def check_invariants(self) -> None:
        """Assert what always holds."""
        for device_id, driven in self._driven.items():
            assert driven.drivable.device.device_id == device_id
            assert driven.next is None or driven.phase is _Phase.STOPPING
            assert driven.phase is _Phase.RUNNING or driven.works_since_ns is None \
                or driven.phase is _Phase.STOPPING
            assert not driven.is_stuck or driven.phase is _Phase.STOPPING


def _same(old: Drivable, new: Drivable) -> bool:
    """Compare what a driver depends on; phase, evidence and confidence may change under it."""
    return (old.device.generation, old.driver, old.place, dict(old.parameters)) == (
        new.device.generation, new.driver, new.place, dict(new.parameters))
