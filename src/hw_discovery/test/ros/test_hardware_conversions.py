# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every value survives the way into a message, over the wire format, and back."""

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from builtin_interfaces.msg import Time  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from swarm_msgs.msg import Capability as CapabilityMsg  # noqa: E402
from swarm_msgs.msg import HardwareEvent, HardwareInventory  # noqa: E402

from hw_discovery.core.capability import Requirement  # noqa: E402
from hw_discovery.core.device import (  # noqa: E402
    BusKind,
    Capability,
    DevicePhase,
    HardwareDevice,
    Observation,
    Verdict,
)
from hw_discovery.core.discovery import Cause, TellChange  # noqa: E402
from hw_discovery.core.host import ComputeKind, ComputeUnit, HostFacts  # noqa: E402
from hw_discovery.core.inventory import Change, ChangeKind, Snapshot  # noqa: E402
from hw_discovery.ros import conversions  # noqa: E402

# 0.5 and 0.25 are exact in float32, which is what the message has.
DEVICE = HardwareDevice(
    'usb:10c4:ea60:L', BusKind.USB, DevicePhase.LOST, 3, Verdict.AMBIGUOUS, 0.25, 'Brücke',
    '10c4', 'ea60', 'L', 'cp210x', '/dev/x', '/devices/y', 'parent', ('a', 'b'),
    (Capability('c'), Capability('memory:ram', 8130000.0 * 1024, 'B')),
    (Observation('udev', 'here', 'seen', 'says'),))
STAMP = Time(sec=7, nanosec=8)


@pytest.mark.parametrize('bus', BusKind)
@pytest.mark.parametrize('phase', DevicePhase)
@pytest.mark.parametrize('verdict', Verdict)
def test_every_bus_phase_and_verdict_survives(
    bus: BusKind, phase: DevicePhase, verdict: Verdict,
) -> None:
    device = HardwareDevice('d', bus, phase, 1, verdict, 0.5, 'n')
    assert conversions.device_from_msg(conversions.device_to_msg(device)) == device


def test_an_inventory_survives_the_wire() -> None:
    units = tuple(
        ComputeUnit(kind.value, kind, f'm {kind.value}', 2, 3, 'd') for kind in ComputeKind)
    snapshot = Snapshot(5, (DEVICE,), units, HostFacts(4, 'm cpu', 9, 'aarch64', 'B'), ('n',))
    msg = conversions.snapshot_to_msg(snapshot, 'r1', STAMP)
    wired = deserialize_message(serialize_message(msg), HardwareInventory)
    assert (wired.robot_id, wired.stamp) == ('r1', STAMP)
    assert conversions.snapshot_from_msg(wired) == snapshot


@pytest.mark.parametrize('cause', Cause)
@pytest.mark.parametrize('kind', ChangeKind)
def test_a_change_and_its_cause_survive_the_wire(kind: ChangeKind, cause: Cause) -> None:
    told = TellChange(Change(kind, DEVICE, 12), cause)
    msg = conversions.change_to_msg(told, 'r1', STAMP)
    wired = deserialize_message(serialize_message(msg), HardwareEvent)
    assert wired.cause == cause.value
    assert conversions.change_from_msg(wired) == told


def test_a_capability_says_who_says_so() -> None:
    msg = conversions.capability_to_msg(Capability('memory:ram', 5.0, 'B'))
    assert (msg.name, msg.amount, msg.unit, msg.source) == (
        'memory:ram', 5.0, 'B', 'hw_discovery')


def test_a_requirement_survives_the_wire() -> None:
    need = Requirement('compute:cpu', 2.0, 'count')
    wired = deserialize_message(
        serialize_message(conversions.requirement_to_msg(need)), CapabilityMsg)
    assert conversions.requirement_from_msg(wired) == need


def test_a_bus_number_from_the_future_matches_nothing_known() -> None:
    assert conversions.buses_from_msg([1, 250, 251, 1]) == (BusKind.USB, BusKind.UNKNOWN)
    assert conversions.unknown_bus_numbers([1, 251, 250, 251, 0]) == (250, 251)
