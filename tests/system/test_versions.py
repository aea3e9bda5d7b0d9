# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots of two versions of the protocol in one swarm, over real DDS."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from swarm_msgs import msg

Make = Callable[..., Any]
VERSION = msg.Envelope.PROTOCOL_VERSION
# The robot process as it is, but for the constant.
LATER = f"""
import sys
from swarm_msgs import msg
type(msg.Envelope).PROTOCOL_VERSION = property(lambda kind: {VERSION + 1})
assert msg.Envelope.PROTOCOL_VERSION == {VERSION + 1}
from swarm_coordinator.ros.robot import main
sys.exit(main())
"""


def test_swarm_works_without_a_robot_of_another_protocol_and_both_say_who_needs_an_update(
    field: Make,
) -> None:
    made = field(start=False)
    swarm = made.swarm
    usual = swarm.arguments
    swarm.arguments = lambda name: (
        [sys.executable, '-c', LATER, *usual(name)[3:]] if name == 'r3' else usual(name)
    )
    swarm.start_all()
    leader = made.leader(('r1', 'r2'))
    job = made.submit(leader, ['true'])
    assert made.ended(leader, [job])[job].phase == msg.JobStatus.PHASE_DONE
    older, newer = "'r3' refused, .*speaks", "'r[12]' refused, .*speaks"
    for name, pattern in (
        ('r1', f'{older} protocol {VERSION + 1}, .*until this robot is updated'),
        ('r2', f'{older} protocol {VERSION + 1}, .*until this robot is updated'),
        ('r3', f'{newer} protocol {VERSION}, .*until that robot is updated'),
    ):
        made.until(
            lambda name=name, pattern=pattern: re.search(
                pattern, swarm.log_path(name).read_text()
            ),
            f'{name} says: {pattern}',
        )
    assert made.leader(('r1', 'r2')) != 'r3'
    made.until(lambda: 'r3' in made.watcher.heard, 'r3 beats')
    assert made.watcher.heard['r3'].beacon.leader == ''
