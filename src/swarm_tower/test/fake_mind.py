# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What learners, voters, sensors and services of a fake swarm say. No product code uses this."""

from __future__ import annotations

import math
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fake_swarm import FakeSwarm
from sensor_msgs.msg import BatteryState, Imu, LaserScan
from swarm_msgs import msg, srv

from swarm_tower.ros import qos

MODES = 6
CELLS = 27
TEXT = b'packing job.log\nna\xc3\xafve \xe2\x82\xac 3.50\ndone\n'


class FakeMind:
    """Publishes when told; services answer at once. `asked` keeps the requests."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm
        self.asked: list[tuple[str, Any]] = []
        self.started = time.monotonic()
        self.regime_now = msg.Regime.REGIME_CALM
        node = swarm.node
        pub = node.create_publisher
        self.policy = pub(msg.ModePolicy, '/swarm/policy', qos.LATCHED)
        self.regime = pub(msg.Regime, '/swarm/regime', qos.LATCHED)
        self.reputation = pub(msg.Reputation, '/swarm/reputation', qos.LATCHED)
        self.routes = pub(msg.RouteCosts, '/swarm/route_costs', qos.LATCHED)
        self.requests = pub(msg.VoteRequest, '/swarm/vote_request', 64)
        self.votes = pub(msg.Vote, '/swarm/vote', 64)
        self.diagnostics = pub(DiagnosticArray, '/diagnostics', 10)
        robot = swarm.ids[1]
        self.imu = pub(Imu, f'/{robot}/sensors/imu/data', 10)
        self.scan = pub(LaserScan, f'/{robot}/sensors/lidar/scan', 10)
        self.battery = pub(BatteryState, f'/{robot}/battery_state', 10)
        self.own = {
            r: (pub(msg.LocalConsciousness, f'/{r}/consciousness', qos.LATCHED),
                pub(msg.LocalState, f'/{r}/local_state', qos.LATCHED),
                pub(msg.LearningState, f'/{r}/learning', qos.LATCHED),
                pub(msg.SensorReport, f'/{r}/hardware/sensor_health', qos.LATCHED))
            for r in swarm.ids
        }
        answers = (
            (srv.QueryMemory, self.query_memory), (srv.ExplainLearning, self.explain_learning),
            (srv.Explain, self.explain), (srv.ReadJobLog, self.read_job_log),
            (srv.ListLeases, self.list_leases), (srv.FindService, self.find_service),
            (srv.ListFiles, self.list_files), (srv.ExplainDevice, self.explain_device),
        )
        self.services = [
            node.create_service(kind, f'/{r}/{name.__name__}', self._noted(name))
            for r in swarm.ids for kind, name in answers
        ]
        self.services += [
            node.create_service(srv.Status, f'/{r}/status', self._status(r)) for r in swarm.ids
        ]
        self.log = TEXT

    # -- topics

    def tell(self) -> None:
        """All tables once."""
        self.tell_policy()
        self.tell_regime()
        self.tell_reputation()
        self.tell_routes()

    def _head(self, message: Any) -> Any:
        message.stamp = self.swarm.stamp()
        self.swarm.envelope(message, self.swarm.leader)
        message.term = self.swarm.term
        return message

    def tell_policy(self) -> None:
        out = self._head(msg.ModePolicy(policy='mode@4', checkpoint_sha256='ab' * 32))
        out.decisions, out.explored, out.epsilon = 1412, 77, 0.05
        out.reward_mean, out.reward_last, out.switches_per_100_ticks = 0.61, 0.58, 3.0
        out.actions = out.modes = list(range(MODES))
        out.values = [
            round(math.sin(cell * 0.7 + mode * 1.3 + action * 2.1), 3)
            for cell in range(CELLS) for mode in range(MODES) for action in range(MODES)
        ]
        out.visits = [
            (cell * 7 + mode * 3 + action) % 40
            for cell in range(CELLS) for mode in range(MODES) for action in range(MODES)
        ]
        masked = {2: 'no robot runs on battery', 5: 'no robot is lost'}
        out.choice = msg.ModeAdvice(
            mode=3, confidence=0.72, policy='mode@4', runner_up=0,
            reason='defensive 0.81 before normal 0.44; pressure is high',
            state='arousal high, stability medium, pressure high, normal',
            values=[
                msg.ModeValue(mode=m, value=0.8 - 0.1 * ((m + 3) % 6), visits=12 * m + 3,
                              masked=masked.get(m, ''))
                for m in range(MODES)
            ],
        )
        self.policy.publish(out)

    def tell_regime(self, regime: int | None = None, alarm: bool = False) -> None:
        if regime is not None:
            self.regime_now = regime
        out = self._head(msg.Regime(regime=self.regime_now, confidence=0.83, alarm=alarm))
        out.since = self.swarm.stamp()
        out.features, out.values = ['load', 'queue', 'failures'], [0.42, 0.2, 0.01]
        out.distance, out.distance_limit, out.model = 1.2, 3.5, 'regimes@1'
        out.reason = 'nearest to calm; failures are rare'
        self.regime.publish(out)

    def tell_reputation(self) -> None:
        out = self._head(msg.Reputation(log_index=self.swarm.index))
        out.robots = [
            msg.RobotReputation(
                robot_id=r, mean=0.9 - 0.2 * n, lower_bound=0.85 - 0.25 * n, successes=30.0,
                failures=1.0 + 4 * n, credibility=0.95, receipts=31, raters=2, may_lead=n == 0,
                steals_helpful=n, newcomer=n == 2, reason='31 receipts of 2 robots',
            )
            for n, r in enumerate(self.swarm.ids[:8])
        ]
        out.audits = [msg.Audit(job_id='job-1', attempt=1, auditor=self.swarm.ids[-1])]
        self.reputation.publish(out)

    def tell_routes(self) -> None:
        out = self._head(msg.RouteCosts(log_index=self.swarm.index))
        for task in ('exec:xz', 'python:maps:join'):
            for n, robot in enumerate(self.swarm.ids[:8]):
                out.routes.append(msg.RouteCost(
                    task=task, robot_id=robot, compute_unit='cpu0', success=0.98 - 0.1 * n,
                    work_ms=5200.0 + 900 * n, backlog_ms=300.0 * n, quality=1.0 - 0.05 * n,
                    cost_ms=5300.0 + 1600 * n, samples=41 - 12 * n, ejected=n == 2,
                    reason='3 failures in a row' if n == 2 else '',
                ))
        self.routes.publish(out)

    def elect(self, candidate: str, term: int) -> None:
        """An election that everybody but the last robot grants."""
        for pre_vote in (True, False):
            ask = msg.VoteRequest(term=term, pre_vote=pre_vote)
            ask.last_log_index, ask.last_log_term = self.swarm.index, term - 1
            self.swarm.envelope(ask, candidate)
            self.requests.publish(ask)
            for voter in self.swarm.ids:
                if voter == candidate:
                    continue
                refuses = voter == self.swarm.ids[-1]
                vote = msg.Vote(term=term, pre_vote=pre_vote, granted=not refuses)
                vote.reason = msg.Vote.REASON_LOG_BEHIND if refuses else 0
                self.swarm.envelope(vote, voter)
                vote.envelope.recipient = candidate
                self.votes.publish(vote)

    def sense(self) -> None:
        """One message of every sensor, and one of each latched topic of a robot."""
        t = time.monotonic() - self.started
        imu = Imu()
        imu.linear_acceleration.x, imu.linear_acceleration.z = math.sin(t), 9.81
        imu.angular_velocity.z = 0.1 * math.cos(3 * t)
        self.imu.publish(imu)
        scan = LaserScan(range_min=0.1, range_max=12.0)
        scan.ranges = [2.0 + math.sin(t + i / 20) for i in range(360)]
        self.scan.publish(scan)
        self.battery.publish(BatteryState(voltage=12.1 - 0.001 * t, percentage=0.8))

    def diagnose(self) -> None:
        out = DiagnosticArray()
        robot = self.swarm.ids[1]
        for name, level, text in (
            ('battery', b'\x00', '12.1 V'), ('disk', b'\x01', '91 % full'),
            ('lidar', b'\x02', 'no scan for 9 s'), ('gps', b'\x03', 'no fix since the start'),
        ):
            out.status.append(DiagnosticStatus(
                name=f'{robot}: {name}', level=level, message=text, hardware_id=robot,
                values=[KeyValue(key='checked', value='yes')],
            ))
        self.diagnostics.publish(out)

    def diagnose_faults(self, robot: str, count: int) -> None:
        values = [KeyValue(key='since_start', value=str(count))]
        self.diagnostics.publish(DiagnosticArray(status=[DiagnosticStatus(
            name=f'/{robot}/coordinator: faults', level=b'\x00', hardware_id=robot,
            message='none in the last minute', values=values,
        )]))

    def tell_own(self, robot: str) -> None:
        mind, state, learning, sensors = self.own[robot]
        mind.publish(msg.LocalConsciousness(
            robot_id=robot, arousal=0.71, curiosity=0.3, confidence=0.8, stability=0.9,
            pressure=0.55, reasons=['load 0.8 (cpu)', '4 jobs wait'],
        ))
        state.publish(msg.LocalState(
            robot_id=robot, cpu_load_permille=512, memory_used_permille=430,
            disk_free_bytes=20 * 2**30, battery_basis=1, battery_charge=0.8, jobs_done=41,
            fsync_ms_max=12, tick_late_ms_max=3,
        ))
        learning.publish(msg.LearningState(
            robot_id=robot, outcomes=1280, memory_bytes=3 * 2**20, memory_blocks=220,
            memory_events=90_000, tick_us_mean=410, tick_us_max=2100,
        ))
        sensors.publish(msg.SensorReport(robot_id=robot, sensors=[
            msg.SensorHealth(device_id='i2c:1:0x68', state=1, age_ms=12, rate_hz=50.0),
            msg.SensorHealth(device_id='usb:0403:6001:A10K', state=3, age_ms=9000, rate_hz=0.0,
                             reason='no answer'),
        ]))

    # -- services

    def _noted(self, do: Any) -> Any:
        def answer(request: Any, response: Any) -> Any:
            self.asked.append((do.__name__, request))
            do(request, response)
            return response
        return answer

    def _status(self, robot: str) -> Any:
        def answer(request: Any, response: Any) -> Any:
            swarm = self.swarm
            response.robot_id, response.role = robot, 3 if robot == swarm.leader else 0
            response.first_index, response.last_index = 1, swarm.index
            response.applied_index, response.fsync_p99_us = swarm.index, 900
            response.has_vote = True
            state = response.state
            state.term, state.leader = swarm.term, swarm.opinions.get(robot, swarm.leader)
            state.voters, state.quorum = len(swarm.ids), len(swarm.ids) // 2 + 1
            state.voters_heard, state.commit_index = len(swarm.ids), swarm.index
            state.robots = [
                msg.RobotStatus(
                    robot_id=r, heard_ms_ago=12_000 if r in swarm.silent else 40 + 10 * n)
                for n, r in enumerate(swarm.ids)
            ]
            return response
        return answer

    def query_memory(self, request: Any, response: Any) -> None:
        if request.kind == 'nonsense':
            response.code, response.reason = 1, 'kind: nobody has heard of it'
            return
        now = time.time_ns()
        response.begin_ns, response.end_ns = now - 3600 * 10**9, now
        response.blocks, response.events, response.robots = 12, 5021, self.swarm.ids
        response.channels = [
            msg.MemoryStatistics(
                channel=name, n=900, mean=mean, deviation=0.1, min=0.0, max=1.0,
                quantiles=[mean] * len(request.quantiles), quantile_error=0.01)
            for name, mean in (('arousal', 0.4), ('run_ms', 5200.0))
        ]
        response.counted, response.counts = ['job', 'leader_elected'], [880, 3]
        response.exemplars = [msg.MemoryExemplar(
            stamp_ns=now - 60 * 10**9, kind='leader_elected', subject='robot_a', salience=0.9,
            text='robot_a leads after robot_c fell silent')]

    def explain_learning(self, request: Any, response: Any) -> None:
        response.found = request.subject != 'policy'
        response.reason = '' if response.found else 'this learner has no such policy'
        response.lines = [f'why {request.subject} {request.id}'.strip(), 'because of what it saw']

    def explain(self, request: Any, response: Any) -> None:
        job = self.swarm.jobs.get(request.id)
        if job is None:
            response.reason = f'no job {request.id}'
            return
        response.found = True
        steps = (('submitted through robot_a', ''), ('granted to robot_b', 'lowest cost'),
                 ('robot_b fell silent', 'no beacon for 3 s'), ('granted to robot_c', 'reissued'),
                 ('done', 'exit code 0'))
        response.story = [
            msg.StoryLine(stamp_ns=job.submitted_ns + n * 1_700_000_000, log_index=90 + n,
                          what=what, cause=cause)
            for n, (what, cause) in enumerate(steps)
        ]
        lost = ('', 'costs 2.1 s more', 'the circuit breaker keeps jobs away')
        response.candidates = [
            msg.RouteCandidate(
                robot_id=r, compute_unit='cpu0', backlog_ms=400 * n, work_ms=5000 + 700 * n,
                transfer_ms=30 * n, success_permille=990 - 90 * n, cost_ms=5100 + 2100 * n,
                lost=lost[min(n, 2)])
            for n, r in enumerate(self.swarm.ids[:3])
        ]

    def read_job_log(self, request: Any, response: Any) -> None:
        data = self.log if request.stream == 0 else b''
        start = max(0, len(data) + request.offset if request.offset < 0 else request.offset)
        piece = data[start : start + (request.bytes_max or 65536)]
        response.robot_id, response.attempt = 'robot_b', 1
        response.offset, response.size_bytes = start, len(data)
        response.ended, response.data = True, list(piece)

    def list_leases(self, request: Any, response: Any) -> None:
        now = time.time_ns()
        response.log_index = self.swarm.index
        response.leases = [msg.Lease(
            resource='dock-1', holder='driver', robot_id='robot_b', token=97, ttl_ms=30_000,
            granted_ns=now - 10**10, expires_ns=now + 2 * 10**10, waiters=['robot_c/arm'])]

    def find_service(self, request: Any, response: Any) -> None:
        response.log_index = self.swarm.index
        response.services = [msg.ServiceEntry(
            name='map_server', interface_type='nav_msgs/srv/GetMap', address='/robot_b/get_map',
            robot_id='robot_b', log_index=88, metadata=[KeyValue(key='floor', value='2')])]

    def list_files(self, request: Any, response: Any) -> None:
        response.files = [
            msg.FileEntry(name=f'map-{n}.tar', sha256=f'{n:x}' * 64, size_bytes=(n + 1) * 2**20,
                          here_bytes=(n + 1) * 2**20 if n != 3 else 2**19, unused_ms=n * 61_000,
                          use=n, holder='robot_c' if n == 3 else '')
            for n in range(4)
        ]
        response.matched, response.used_bytes, response.cached_bytes = 4, 10 * 2**20, 3 * 2**20
        response.quota_bytes, response.free_bytes = 2**30, 20 * 2**30

    def explain_device(self, request: Any, response: Any) -> None:
        response.lines = ['vendor 0403 product 6001: an FT232', 'ruled out: a modem']
        response.launch_fragment = '<launch/>'
