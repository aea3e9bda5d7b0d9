# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Between the core's values and swarm_msgs. One pair per type, no decisions."""

from collections.abc import Iterable

from builtin_interfaces.msg import Time
from swarm_msgs.msg import (
    Capability as CapabilityMsg,
)
from swarm_msgs.msg import (
    CapabilityProperty,
    HardwareEvent,
    HardwareInventory,
)
from swarm_msgs.msg import (
    ComputeUnit as ComputeUnitMsg,
)
from swarm_msgs.msg import (
    HardwareDevice as HardwareDeviceMsg,
)
from swarm_msgs.msg import (
    Observation as ObservationMsg,
)

from hw_discovery.core.capability import Requirement
from hw_discovery.core.device import (
    BusKind,
    Capability,
    DevicePhase,
    HardwareDevice,
    Observation,
    Property,
    Verdict,
)
from hw_discovery.core.discovery import Cause, TellChange
from hw_discovery.core.host import ComputeKind, ComputeUnit, HostFacts
from hw_discovery.core.inventory import Change, ChangeKind, Snapshot

SOURCE = 'hw_discovery'      # of every capability told here

BUS_TO_MSG = {kind: int(getattr(HardwareDeviceMsg, f'BUS_{kind.name}')) for kind in BusKind}
PHASE_TO_MSG = {p: int(getattr(HardwareDeviceMsg, f'PHASE_{p.name}')) for p in DevicePhase}
VERDICT_TO_MSG = {v: int(getattr(HardwareDeviceMsg, f'VERDICT_{v.name}')) for v in Verdict}
CHANGE_TO_MSG = {kind: int(getattr(HardwareEvent, f'KIND_{kind.name}')) for kind in ChangeKind}
COMPUTE_TO_MSG = {kind: int(getattr(ComputeUnitMsg, f'KIND_{kind.name}')) for kind in ComputeKind}

_BUS_FROM_MSG = {number: kind for kind, number in BUS_TO_MSG.items()}
_PHASE_FROM_MSG = {number: phase for phase, number in PHASE_TO_MSG.items()}
_VERDICT_FROM_MSG = {number: verdict for verdict, number in VERDICT_TO_MSG.items()}
_CHANGE_FROM_MSG = {number: kind for kind, number in CHANGE_TO_MSG.items()}
_COMPUTE_FROM_MSG = {number: kind for kind, number in COMPUTE_TO_MSG.items()}


def observation_to_msg(seen: Observation) -> ObservationMsg:
    """Return the message of one piece of evidence."""
    return ObservationMsg(
        source=seen.source, location=seen.location, seen=seen.seen, says=seen.says)


def observation_from_msg(msg: ObservationMsg) -> Observation:
    """Return one piece of evidence."""
    return Observation(msg.source, msg.location, msg.seen, msg.says)


def property_to_msg(one: Property) -> CapabilityProperty:
    """Return the message of a property."""
    return CapabilityProperty(
        name=one.name, has_minimum=one.minimum is not None, minimum=float(one.minimum or 0.0),
        has_maximum=one.maximum is not None, maximum=float(one.maximum or 0.0), unit=one.unit,
        choices=list(one.choices))


def property_from_msg(msg: CapabilityProperty) -> Property:
    """Return a property."""
    return Property(
        msg.name, msg.minimum if msg.has_minimum else None,
        msg.maximum if msg.has_maximum else None, msg.unit, tuple(msg.choices))


def capability_to_msg(capability: Capability) -> CapabilityMsg:
    """Return the message of something a device gives."""
    return CapabilityMsg(
        name=capability.name, amount=capability.amount, unit=capability.unit, source=SOURCE,
        ros_type=capability.ros_type,
        properties=[property_to_msg(one) for one in capability.properties])


def capability_from_msg(msg: CapabilityMsg) -> Capability:
    """Return something a device gives."""
    return Capability(msg.name, msg.amount, msg.unit, msg.ros_type,
                      tuple(property_from_msg(one) for one in msg.properties))


def device_to_msg(device: HardwareDevice) -> HardwareDeviceMsg:
    """Return the message of a device."""
    return HardwareDeviceMsg(
        device_id=device.device_id, bus=BUS_TO_MSG[device.bus],
        phase=PHASE_TO_MSG[device.phase], generation=device.generation,
        verdict=VERDICT_TO_MSG[device.verdict], confidence=device.confidence, name=device.name,
        vendor_id=device.vendor_id, product_id=device.product_id, serial=device.serial,
        driver=device.driver, device_path=device.device_path, sysfs_path=device.sysfs_path,
        parent_id=device.parent_id, alternatives=list(device.alternatives),
        capabilities=[capability_to_msg(offered) for offered in device.capabilities],
        evidence=[observation_to_msg(seen) for seen in device.evidence],
        kind=device.kind, catalogue_id=device.catalogue_id, state=device.state,
        claimed_by=device.claimed_by, fault=device.fault, topics=list(device.topics),
        frame_id=device.frame_id)


def device_from_msg(msg: HardwareDeviceMsg) -> HardwareDevice:
    """Return a device; raise KeyError for a bus, phase or verdict that is not known here."""
    return HardwareDevice(
        device_id=msg.device_id, bus=_BUS_FROM_MSG[msg.bus], phase=_PHASE_FROM_MSG[msg.phase],
        generation=msg.generation, verdict=_VERDICT_FROM_MSG[msg.verdict],
        confidence=msg.confidence, name=msg.name, vendor_id=msg.vendor_id,
        product_id=msg.product_id, serial=msg.serial, driver=msg.driver,
        device_path=msg.device_path, sysfs_path=msg.sysfs_path, parent_id=msg.parent_id,
        alternatives=tuple(msg.alternatives),
        capabilities=tuple(capability_from_msg(offered) for offered in msg.capabilities),
        evidence=tuple(observation_from_msg(seen) for seen in msg.evidence),
        kind=msg.kind, catalogue_id=msg.catalogue_id, state=msg.state,
        claimed_by=msg.claimed_by, fault=msg.fault, topics=tuple(msg.topics),
        frame_id=msg.frame_id)


def compute_unit_to_msg(unit: ComputeUnit) -> ComputeUnitMsg:
    """Return the message of a processor."""
    return ComputeUnitMsg(
        unit_id=unit.unit_id, device_id=unit.device_id, kind=COMPUTE_TO_MSG[unit.kind],
        model=unit.model, cores=unit.cores, memory_bytes=unit.memory_bytes)


def compute_unit_from_msg(msg: ComputeUnitMsg) -> ComputeUnit:
    """Return a processor."""
    return ComputeUnit(
        msg.unit_id, _COMPUTE_FROM_MSG[msg.kind], msg.model, msg.cores, msg.memory_bytes,
        msg.device_id)


def snapshot_to_msg(snapshot: Snapshot, robot_id: str, stamp: Time) -> HardwareInventory:
    """Return the message of an inventory; the CPU's model travels as a compute unit."""
    host = snapshot.host
    return HardwareInventory(
        stamp=stamp, robot_id=robot_id, revision=snapshot.revision,
        devices=[device_to_msg(device) for device in snapshot.devices],
        compute_units=[compute_unit_to_msg(unit) for unit in snapshot.compute_units],
        cpu_cores=host.cpu_cores, memory_bytes=host.memory_bytes, machine=host.machine,
        model=host.model, notices=list(snapshot.notices))


def snapshot_from_msg(msg: HardwareInventory) -> Snapshot:
    """Return an inventory."""
    units = tuple(compute_unit_from_msg(unit) for unit in msg.compute_units)
    cpu_model = next((u.model for u in units if u.kind is ComputeKind.CPU), '')
    return Snapshot(
        msg.revision, tuple(device_from_msg(device) for device in msg.devices), units,
        HostFacts(msg.cpu_cores, cpu_model, msg.memory_bytes, msg.machine, msg.model),
        tuple(msg.notices))


def change_to_msg(told: TellChange, robot_id: str, stamp: Time) -> HardwareEvent:
    """Return the message of a change and its cause."""
    change = told.change
    return HardwareEvent(
        stamp=stamp, robot_id=robot_id, kind=CHANGE_TO_MSG[change.kind],
        revision=change.revision, cause=told.cause.value, device=device_to_msg(change.device))


def change_from_msg(msg: HardwareEvent) -> TellChange:
    """Return a change and its cause; raise ValueError for a cause that is not known here."""
    return TellChange(
        Change(_CHANGE_FROM_MSG[msg.kind], device_from_msg(msg.device), msg.revision),
        Cause(msg.cause))


def requirement_to_msg(need: Requirement) -> CapabilityMsg:
    """Return the message of a need."""
    return CapabilityMsg(
        name=need.name, amount=need.amount, unit=need.unit, ros_type=need.ros_type,
        properties=[property_to_msg(one) for one in need.properties])


def requirement_from_msg(msg: CapabilityMsg) -> Requirement:
    """Return a need."""
    return Requirement(msg.name, msg.amount, msg.unit, msg.ros_type,
                       tuple(property_from_msg(one) for one in msg.properties))


def buses_from_msg(numbers: Iterable[int]) -> tuple[BusKind, ...]:
    """Return the buses asked for; a number that is not known here is asked for as UNKNOWN."""
    return tuple(dict.fromkeys(_BUS_FROM_MSG.get(number, BusKind.UNKNOWN) for number in numbers))


def unknown_bus_numbers(numbers: Iterable[int]) -> tuple[int, ...]:
    """Return the numbers that name no bus here, each once."""
    return tuple(sorted({number for number in numbers if number not in _BUS_FROM_MSG}))
