# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The mode of a real swarm follows a flood of jobs and comes back; a swarm that is made to thrash
raises an alarm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs import msg, srv

Make = Callable[..., Any]
DEFENSIVE, CONSERVE = msg.ModeState.MODE_DEFENSIVE, msg.ModeState.MODE_CONSERVE
CALM = {msg.ModeState.MODE_NORMAL, msg.ModeState.MODE_EXPLORE, CONSERVE}
CALM_S = 60.0
FLOOD, WORK_S = 250, '0.3'     # half a minute of work for three robots
LATCHED = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL)


def listen(made: Any, kind: Any, topic: str) -> list[Any]:
    heard: list[Any] = []
    made.client.node.create_subscription(kind, topic, heard.append, LATCHED)
    return heard


def test_mode_changes_under_a_flood_of_jobs_with_its_reason_and_returns(field: Make) -> None:
    made = field(parts=('coordinator', 'learning'), mode_dwell_s=2.0, job_slots=1,
                 exec_allow=['sleep'])
    leader = made.ready()
    modes = listen(made, msg.ModeState, '/swarm/mode')
    policy = listen(made, msg.ModePolicy, '/swarm/policy')
    made.until(lambda: policy and policy[-1].decisions > 2, 'it decides')
    made.until(lambda: modes and modes[-1].mode in CALM, 'the start is over', CALM_S)
    before = len(modes)
    flood = [msg.JobSpec(kind='exec', exec=[msg.ExecWork(argv=['sleep', WORK_S])])] * FLOOD
    jobs = made.submit_all(leader, flood)

    def busy() -> list[Any]:
        # It concentrates, or is cautious where so much unsettles it: the machine has a say in it.
        return [one for one in modes[before:] if one.mode not in CALM]

    made.until(busy, 'a mode for much work, or for trouble')
    assert busy()[0].reason
    made.ended(leader, jobs)
    made.until(lambda: modes[-1].mode in CALM, 'the flood is over', CALM_S)
    told = policy[-1].choice
    assert told.reason and told.state and all(one.masked or one.visits >= 0 for one in told.values)


def test_induced_thrash_raises_the_alarm_and_it_clears(field: Make) -> None:
    made = field(parts=('coordinator', 'learning'), mode_dwell_s=2.0, exec_allow=['true'])
    leader = made.ready()
    regimes = listen(made, msg.Regime, '/swarm/regime')
    made.until(lambda: regimes and regimes[-1].confidence > 0 and not regimes[-1].alarm,
               'a swarm at rest raises no alarm')

    def thrashes() -> bool:
        return bool(regimes[-1].alarm and regimes[-1].regime == msg.Regime.REGIME_THRASH)

    def flap(count: int) -> None:
        for number in range(count):
            mode = (DEFENSIVE, CONSERVE)[number % 2]
            request = srv.SetOverride.Request(
                mode=mode, owner='test', reason='thrash', duration_ms=60_000)
            made.call(leader, srv.SetOverride, 'set_override', request)
            if made.client.spin_until(thrashes, 1.0):
                return

    flap(40)
    assert thrashes(), regimes[-1]
    assert regimes[-1].reason and len(regimes[-1].features) == len(regimes[-1].values)
    request = srv.ClearOverride.Request(owner='test', reason='over')
    made.call(leader, srv.ClearOverride, 'clear_override', request)
    made.until(lambda: not regimes[-1].alarm, 'the alarm clears', 120.0)
