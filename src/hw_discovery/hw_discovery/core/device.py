# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A device a robot believes it has, and its lifecycle. Knows nothing of how it was seen."""

from dataclasses import dataclass
from enum import Enum


class BusKind(Enum):
    """How a device is attached."""

    UNKNOWN = 'unknown'
    USB = 'usb'
    I2C = 'i2c'
    SPI = 'spi'
    SERIAL = 'serial'
    VIDEO = 'video'
    PCI = 'pci'
    NETWORK = 'network'
    INPUT = 'input'
    PLATFORM = 'platform'
    CAN = 'can'


class Verdict(Enum):
    """What the evidence allows to be said. Unknown and ambiguous are answers."""

    UNKNOWN = 'unknown'
    AMBIGUOUS = 'ambiguous'
    IDENTIFIED = 'identified'


class DevicePhase(Enum):
    """Position of a device in its lifecycle."""

    APPEARED = 'appeared'
    PROBING = 'probing'
    IDENTIFIED = 'identified'
    CLAIMED = 'claimed'
    FAULTY = 'faulty'
    LOST = 'lost'


class DeviceEvent(Enum):
    """What can happen to a device."""

    PROBE_STARTED = 'probe started'
    PROBE_EXHAUSTED = 'probe exhausted'
    RECOGNISED = 'recognised'
    DOUBTED = 'doubted'
    CLAIMED = 'claimed'
    RELEASED = 'released'
    FAULTED = 'faulted'
    RECOVERED = 'recovered'
    VANISHED = 'vanished'
    RETURNED = 'returned'


# A returned device starts again at APPEARED: what comes back in the same port may be another
# one, so nothing it was before, least of all CLAIMED, is carried over.
DEVICE_TRANSITIONS: dict[tuple[DevicePhase, DeviceEvent], DevicePhase] = {
    (DevicePhase.APPEARED, DeviceEvent.PROBE_STARTED): DevicePhase.PROBING,
    (DevicePhase.APPEARED, DeviceEvent.RECOGNISED): DevicePhase.IDENTIFIED,
    (DevicePhase.APPEARED, DeviceEvent.FAULTED): DevicePhase.FAULTY,
    (DevicePhase.APPEARED, DeviceEvent.VANISHED): DevicePhase.LOST,
    (DevicePhase.PROBING, DeviceEvent.RECOGNISED): DevicePhase.IDENTIFIED,
    (DevicePhase.PROBING, DeviceEvent.PROBE_EXHAUSTED): DevicePhase.APPEARED,
    (DevicePhase.PROBING, DeviceEvent.FAULTED): DevicePhase.FAULTY,
    (DevicePhase.PROBING, DeviceEvent.VANISHED): DevicePhase.LOST,
    (DevicePhase.IDENTIFIED, DeviceEvent.CLAIMED): DevicePhase.CLAIMED,
    (DevicePhase.IDENTIFIED, DeviceEvent.DOUBTED): DevicePhase.APPEARED,
    (DevicePhase.IDENTIFIED, DeviceEvent.FAULTED): DevicePhase.FAULTY,
    (DevicePhase.IDENTIFIED, DeviceEvent.VANISHED): DevicePhase.LOST,
    (DevicePhase.CLAIMED, DeviceEvent.RELEASED): DevicePhase.IDENTIFIED,
    (DevicePhase.CLAIMED, DeviceEvent.DOUBTED): DevicePhase.APPEARED,
    (DevicePhase.CLAIMED, DeviceEvent.FAULTED): DevicePhase.FAULTY,
    (DevicePhase.CLAIMED, DeviceEvent.VANISHED): DevicePhase.LOST,
    (DevicePhase.FAULTY, DeviceEvent.RECOVERED): DevicePhase.APPEARED,
    (DevicePhase.FAULTY, DeviceEvent.VANISHED): DevicePhase.LOST,
    (DevicePhase.LOST, DeviceEvent.RETURNED): DevicePhase.APPEARED,
}


class InvalidTransition(Exception):
    """A caller asked for something the lifecycle does not allow; nothing was changed."""

    def __init__(self, phase: DevicePhase, event: DeviceEvent) -> None:
        allowed = sorted(e.value for p, e in DEVICE_TRANSITIONS if p is phase)
        super().__init__(
            f"a device that is {phase.value} does not accept '{event.value}'; "
            f'it accepts: {", ".join(allowed) or "nothing"}')
        self.phase = phase
        self.event = event


def next_phase(phase: DevicePhase, event: DeviceEvent) -> DevicePhase:
    """Return the phase after `event`, or raise InvalidTransition."""
    try:
        return DEVICE_TRANSITIONS[phase, event]
    except KeyError:
        raise InvalidTransition(phase, event) from None


@dataclass(frozen=True)
class Observation:
    """One piece of evidence: what was seen where, and what it says."""

    source: str
    location: str
    seen: str
    says: str


@dataclass(frozen=True)
class Property:
    """One property with its range in `unit`; None = says nothing. `choices`: words, () = none.

    Of an offer: what it can do. Of a need: what will do.
    """

    name: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ''
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capability:
    """Something a device gives its robot: `amount` in `unit`; 1 and '' for mere presence.
    `ros_type`: of the topic that gives it, '' = none."""

    name: str
    amount: float = 1.0
    unit: str = ''
    ros_type: str = ''
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class HardwareDevice:
    """One device, with its evidence. `generation` counts how often it was attached.

    kind, catalogue_id   of the catalogue's entry; '' = none
    state                'bootloader'; '' = as usual
    claimed_by           'driver:<name>' or a client's name; '' = nobody
    fault                what is wrong with it, for people; '' = nothing
    topics, frame_id     of its driver
    """

    device_id: str
    bus: BusKind
    phase: DevicePhase
    generation: int
    verdict: Verdict
    confidence: float
    name: str
    vendor_id: str = ''
    product_id: str = ''
    serial: str = ''
    driver: str = ''
    device_path: str = ''
    sysfs_path: str = ''
    parent_id: str = ''
    alternatives: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    evidence: tuple[Observation, ...] = ()
    kind: str = ''
    catalogue_id: str = ''
    state: str = ''
    claimed_by: str = ''
    fault: str = ''
    topics: tuple[str, ...] = ()
    frame_id: str = ''

    @property
    def is_present(self) -> bool:
        """A lost device stays in the inventory but is not there."""
        return self.phase is not DevicePhase.LOST

    def offers(self, name: str) -> bool:
        """Tell whether a capability of this name is among what it gives."""
        return any(capability.name == name for capability in self.capabilities)
