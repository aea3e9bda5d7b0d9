# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about what a robot offers to jobs."""

import logging
import math

import pytest

pytest.importorskip('rclpy')

from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.ids import RobotId  # noqa: E402
from swarm_coordinator.core.replicated.command import (  # noqa: E402
    CapabilitySpec,
    Issued,
    RegisterRobot,
    decode,
    encode,
)
from swarm_coordinator.ros.abilities import (  # noqa: E402
    Abilities,
    Capabilities,
    device_nodes,
    hardware_capabilities,
)
from swarm_coordinator.ros.conversions import capability_from_msg  # noqa: E402


def test_each_robot_offers_its_own_name_so_that_a_job_can_be_bound_to_it() -> None:
    told: list[Capabilities] = []
    made = Abilities('r7', told.append, logging.getLogger('test'))
    made.configured((CapabilitySpec('exec:xz'),), ())
    names = [one.name for one in told[-1]]
    assert names.count('robot:r7') == 1 and 'exec:xz' in names
    made.set('python', (CapabilitySpec('python:f'),))
    assert {'robot:r7', 'python:f'} <= {one.name for one in told[-1]}


def test_what_did_not_change_is_not_told_again() -> None:
    told: list[Capabilities] = []
    made = Abilities('r7', told.append, logging.getLogger('test'))
    made.configured((), ())
    for _ in range(2):
        made.set('python', (CapabilitySpec('python:f'),))
    assert len(told) == 2


@pytest.mark.parametrize('amount', [math.nan, math.inf, -math.inf, 1e308, 1e17])
def test_amounts_that_cannot_be_are_left_out_and_the_others_offered(amount: float) -> None:
    """Anybody can publish an inventory: it must not end the robot nor keep it out."""
    given = [msg.Capability(name='memory', amount=amount), msg.Capability(name='arm', amount=2.0)]
    inventory = msg.HardwareInventory(devices=[msg.HardwareDevice(capabilities=given)])
    found = hardware_capabilities(inventory)
    assert found == (CapabilitySpec('arm', 2000, '', 'hw_discovery'),)
    command = RegisterRobot(RobotId('r1'), 1, True, 'host', '0', 1, found)
    assert decode(encode(Issued(RobotId('r1'), 1, 1, 0, command))).command == command
    with pytest.raises(ValueError, match='amount='):
        capability_from_msg(given[0])


def test_nodes_of_a_capability_are_those_of_the_devices_that_give_it() -> None:
    def device(path: str, *names: str) -> msg.HardwareDevice:
        offered = [msg.Capability(name=name) for name in names]
        return msg.HardwareDevice(device_path=path, capabilities=offered)

    inventory = msg.HardwareInventory(devices=[
        device('/dev/video2', 'sensor:camera', 'sensor:depth'),
        device('/dev/video0', 'sensor:camera'),
        device('/sys/x', 'sensor:imu'), device('/dev/../etc/shadow', 'imu'), device('', 'x'),
    ])
    assert device_nodes(inventory) == {
        'sensor:camera': ('/dev/video0', '/dev/video2'), 'sensor:depth': ('/dev/video2',),
    }
