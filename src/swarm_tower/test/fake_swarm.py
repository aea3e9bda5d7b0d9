# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots that only talk: real messages for tests and demonstrations. No product code uses this.

`python3 test/fake_swarm.py --robots 3` feeds a tower until it is interrupted.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from swarm_msgs.msg import (
    Capability,
    ComputeUnit,
    ExecWork,
    FileRef,
    HardwareDevice,
    HardwareInventory,
    Heartbeat,
    JobStatus,
    JobUpdates,
    ModeState,
    Observation,
    RobotStatus,
    SwarmConsciousness,
    SwarmEvent,
    SwarmState,
)
from swarm_msgs.srv import ListJobs

from swarm_tower.ros import qos

BEAT_S = 0.1
P = JobStatus


def letters(number: int) -> str:
    """a to z, then aa, ab, ..."""
    more, last = divmod(number, 26)
    return (letters(more - 1) if more else '') + chr(97 + last)


class FakeSwarm:
    """State is plain and public, so that a test can set it and call the publishing methods."""

    def __init__(self, node: Node, robots: int = 3, swarm_id: str = 'swarm') -> None:
        self.node = node
        self.swarm_id = swarm_id
        self.ids = [f'robot_{letters(i)}' for i in range(robots)]
        self.silent: set[str] = set()
        self.leader = self.ids[0]
        self.opinions: dict[str, str] = {}
        self.term = 7
        self.index = 100
        self.jobs: dict[str, JobStatus] = {}
        self.sequence = 0
        self.started = time.monotonic()
        self.load = dict.fromkeys(self.ids, 0.3)
        self.overridden = False
        self.override = (ModeState.MODE_CONSERVE, 'anna', 'batteries are being changed', 600_000)
        self.stopped = (0, False)  # epoch of the emergency, and whether it is active
        pub = node.create_publisher
        self.heartbeat = pub(Heartbeat, '/swarm/heartbeat', 10)
        self.state = pub(SwarmState, '/swarm/state', qos.LATCHED)
        self.mode = pub(ModeState, '/swarm/mode', qos.LATCHED)
        self.updates = pub(JobUpdates, '/swarm/jobs', qos.JOBS)
        self.events = pub(SwarmEvent, '/swarm/events', qos.EVENTS)
        self.consciousness = pub(SwarmConsciousness, '/swarm/consciousness', qos.LATCHED)
        self.inventories = {
            r: pub(HardwareInventory, f'/{r}/hardware/inventory', qos.LATCHED) for r in self.ids
        }
        self.services = [
            node.create_service(ListJobs, f'/{r}/list_jobs', self.list_jobs) for r in self.ids
        ]
        self.listings = 0

    # -- messages

    def stamp(self) -> Any:
        return self.node.get_clock().now().to_msg()

    def envelope(self, message: Any, sender: str) -> None:
        self.sequence += 1
        message.envelope.swarm_id = self.swarm_id
        message.envelope.sender = sender
        message.envelope.incarnation = 2
        message.envelope.sequence = self.sequence
        message.envelope.protocol_version = 1

    def beat(self) -> None:
        for robot_id in self.ids:
            if robot_id not in self.silent:
                self.beat_one(robot_id)

    def beat_one(self, robot_id: str) -> None:
        self.heartbeat.publish(self.beacon(robot_id))

    def beacon(self, robot_id: str) -> Heartbeat:
        msg = Heartbeat()
        self.envelope(msg, robot_id)
        named = self.opinions.get(robot_id, self.leader)
        msg.role = Heartbeat.ROLE_LEADER if named == robot_id else Heartbeat.ROLE_FOLLOWER
        msg.term, msg.leader = self.term, named
        msg.commit_index = msg.applied_index = msg.last_index = self.index
        held = [j for j in self.jobs.values() if j.robot_id == robot_id]
        msg.running_jobs = sum(1 for j in held if j.phase == P.PHASE_RUNNING)
        msg.held_jobs = msg.running_jobs + sum(1 for j in held if j.phase == P.PHASE_LEASED)
        load = self.load[robot_id]
        msg.cpu_load_permille = int(load * 1000)
        msg.battery_permille = 640 if robot_id == 'robot_b' else 65535
        msg.local_mode = msg.mode = ModeState.MODE_NORMAL
        msg.arousal, msg.curiosity, msg.confidence = load, 0.4, 0.7
        msg.stability, msg.pressure = 0.9, load / 2
        msg.emergency_epoch, msg.emergency_active = self.stopped
        return msg

    def mode_message(self) -> ModeState:
        msg = ModeState(log_index=self.index, stamp=self.stamp())
        self.envelope(msg, self.leader)
        msg.reason = 'load and faults are ordinary'
        if self.overridden:
            msg.overridden = True
            msg.mode, msg.override_owner, msg.override_reason, duration_ms = self.override
            msg.override_expires_ns = time.time_ns() + duration_ms * 10**6
        return msg

    def publish_state(self) -> None:
        msg = SwarmState(stamp=self.stamp())
        self.envelope(msg, self.leader)
        msg.log_index = msg.commit_index = self.index
        msg.term, msg.leader = self.term, self.leader
        msg.voters, msg.quorum = len(self.ids), len(self.ids) // 2 + 1
        msg.voters_heard = len(self.ids) - len(self.silent)
        msg.mode = self.mode_message()
        for robot_id in self.ids:
            dead = robot_id in self.silent
            phase = RobotStatus.PHASE_DEAD if dead else RobotStatus.PHASE_HEALTHY
            msg.robots.append(
                RobotStatus(
                    robot_id=robot_id, voter=True, incarnation=2, phase=phase, job_slots=4
                )
            )
        counted = {
            'waiting': P.PHASE_SUBMITTED,
            'leased': P.PHASE_LEASED,
            'running': P.PHASE_RUNNING,
            'done': P.PHASE_DONE,
            'failed': P.PHASE_FAILED,
            'expired': P.PHASE_EXPIRED,
            'cancelled': P.PHASE_CANCELLED,
            'quarantined': P.PHASE_QUARANTINED,
        }
        for name, phase in counted.items():
            count = sum(1 for j in self.jobs.values() if j.phase == phase)
            setattr(msg, f'jobs_{name}', count)
        self.state.publish(msg)
        self.mode.publish(self.mode_message())

    def put_job(self, job_id: str, phase: int, robot_id: str = '', **fields: Any) -> JobStatus:
        """Set a job's phase without publishing it."""
        self.index += 1
        job = self.jobs.get(job_id)
        if job is None:
            job = JobStatus(job_id=job_id, origin=self.ids[0], exit_code=P.NO_EXIT_CODE)
            job.spec.kind = 'exec'
            job.spec.exec = [ExecWork(argv=['xz', '-9', f'{job_id}.log'])]
            job.spec.labels = ['logs']
            job.submitted_ns = time.time_ns()
            self.jobs[job_id] = job
        job.phase, job.changed_ns = phase, time.time_ns()
        if robot_id:
            job.robot_id, job.attempt, job.token = robot_id, max(1, job.attempt), self.index
        for name, value in fields.items():
            setattr(job, name, value)
        return job

    def publish_jobs(self, *job_ids: str) -> None:
        msg = JobUpdates(stamp=self.stamp(), log_index=self.index)
        self.envelope(msg, self.leader)
        msg.jobs = [self.jobs[j] for j in job_ids]
        self.updates.publish(msg)

    def list_jobs(self, request: ListJobs.Request, response: ListJobs.Response) -> Any:
        self.listings += 1
        ids = list(self.jobs)
        if request.newest_first:
            ids.reverse()
        start = ids.index(request.after) + 1 if request.after in ids else 0
        page = ids[start : start + (request.limit or 200)]
        response.log_index, response.matched = self.index, len(ids)
        response.jobs = [self.jobs[j] for j in page]
        return response

    def tell(
        self, kind: str, text: str, severity: int = 0, subject: str = '', **more: str
    ) -> None:
        msg = SwarmEvent(kind=kind, text=text, severity=severity, subject=subject)
        self.envelope(msg, self.leader)
        msg.stamp = self.stamp()
        msg.attributes = [KeyValue(key=k, value=v) for k, v in more.items()]
        self.events.publish(msg)

    def publish_consciousness(self, arousal: float = 0.4) -> None:
        msg = SwarmConsciousness(stamp=self.stamp())
        self.envelope(msg, self.leader)
        msg.arousal, msg.stability, msg.pressure = arousal, 0.85, arousal / 2
        msg.term = self.term
        msg.robots, msg.spread, msg.worst_robot = len(self.ids), 0.12, self.ids[-1]
        self.consciousness.publish(msg)

    def publish_inventory(self, robot_id: str) -> None:
        msg = HardwareInventory(stamp=self.stamp(), robot_id=robot_id, revision=3, cpu_cores=4)
        msg.machine, msg.model, msg.memory_bytes = 'aarch64', 'Raspberry Pi 4', 4 * 2**30
        msg.notices = ['/dev/i2c-1: permission denied (add the user to group i2c)']
        msg.compute_units = [
            ComputeUnit(unit_id='cpu0', kind=1, model='Cortex-A72', cores=4, memory_bytes=2**32)
        ]
        msg.devices = [
            HardwareDevice(
                device_id='usb:0403:6001:A10K', bus=1, phase=2, verdict=2, confidence=0.97,
                generation=1, name='FT232 serial adapter', vendor_id='0403', product_id='6001',
                serial='A10K', driver='ftdi_sio', device_path='/dev/ttyUSB0',
                capabilities=[
                    Capability(name='serial'),
                    Capability(name='serial:baud', amount=3e6, unit='Bd', source='hw_discovery'),
                ],
                evidence=[
                    Observation(
                        source='sysfs', location='/sys/bus/usb/devices/1-1/idVendor',
                        seen='0403', says='made by FTDI',
                    )
                ],
            ),
            HardwareDevice(
                device_id='i2c:1:0x68', bus=2, phase=2, verdict=1, confidence=0.5,
                name='something at 0x68', alternatives=['MPU-6050', 'DS3231'],
            ),
        ]
        self.inventories[robot_id].publish(msg)


class Story:
    """Keeps a fake swarm busy for people to look at."""

    def __init__(self, swarm: FakeSwarm) -> None:
        self.swarm = swarm
        self.random = random.Random(1)
        self.beats = 0
        self.count = 0
        for robot_id in swarm.ids:
            swarm.publish_inventory(robot_id)
        for _ in range(40):
            self.submit()
        swarm.tell('leader_elected', f'{swarm.leader} leads term 7', 0, swarm.leader)

    def submit(self) -> None:
        self.count += 1
        self.swarm.put_job(f'job-{self.count:04d}', P.PHASE_SUBMITTED)

    def beat(self) -> None:
        swarm = self.swarm
        self.beats += 1
        swarm.beat()
        if self.beats % 5 == 0:
            self.work()
        if self.beats % 10 == 0:
            swarm.publish_state()
            wave = 0.5 + 0.35 * math.sin(self.beats / 60)
            swarm.publish_consciousness(wave)
            for i, robot_id in enumerate(swarm.ids):
                swarm.load[robot_id] = 0.5 + 0.4 * math.sin(self.beats / 40 + i)

    def work(self) -> None:
        swarm, changed = self.swarm, []
        for robot_id in swarm.ids:
            if robot_id in swarm.silent:
                continue
            held = [j for j in swarm.jobs.values() if j.robot_id == robot_id]
            for job in held:
                if job.phase == P.PHASE_LEASED:
                    swarm.put_job(job.job_id, P.PHASE_RUNNING, robot_id)
                    changed.append(job.job_id)
                elif job.phase == P.PHASE_RUNNING and self.random.random() < 0.08:
                    self.end(job.job_id, robot_id)
                    changed.append(job.job_id)
            busy = sum(1 for j in held if j.phase in (P.PHASE_LEASED, P.PHASE_RUNNING))
            waiting = [j for j in swarm.jobs.values() if j.phase == P.PHASE_SUBMITTED]
            if busy < 4 and waiting and self.random.random() < 0.6:
                swarm.put_job(waiting[0].job_id, P.PHASE_LEASED, robot_id)
                changed.append(waiting[0].job_id)
        if self.random.random() < 0.7:
            self.submit()
            changed.append(f'job-{self.count:04d}')
        if changed:
            swarm.publish_jobs(*changed)

    def end(self, job_id: str, robot_id: str) -> None:
        swarm = self.swarm
        if self.random.random() < 0.12:
            swarm.put_job(job_id, P.PHASE_FAILED, robot_id, exit_code=2, reason='exit code 2')
            swarm.tell('job_failed', f'{job_id} failed on {robot_id}', 1, job_id, exit_code='2')
            return
        out = FileRef(name=f'{job_id}.log.xz', size_bytes=48213, sha256=[7] * 32)
        swarm.put_job(job_id, P.PHASE_DONE, robot_id, exit_code=0, run_ms=5300, outputs=[out])


def think(node: Node, swarm: FakeSwarm) -> None:
    """Have the learners, voters, sensors and services of the swarm say something."""
    from fake_mind import FakeMind  # it needs this module

    mind, beats = FakeMind(swarm), 0

    def tell() -> None:
        nonlocal beats
        beats += 1
        mind.sense()
        if beats % 10 == 0:
            mind.diagnose()
            mind.tell_own(swarm.ids[1])
        if beats % 50 == 1:
            mind.tell_regime((beats // 50) % 5, (beats // 50) % 5 == 2)
            mind.tell()
        if beats == 60:
            mind.elect(swarm.leader, swarm.term)

    node.create_timer(BEAT_S, tell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--robots', type=int, default=3)
    parser.add_argument('--swarm-id', default='swarm')
    parser.add_argument('--silent', default='', help='robot that falls silent after 20 s')
    parser.add_argument('--idle', action='store_true', help='beacons only')
    parser.add_argument('--override', action='store_true')
    parser.add_argument('--mind', action='store_true', help='learners, sensors, services too')
    options = parser.parse_args()
    rclpy.init()
    node = Node('fake_swarm')
    swarm = FakeSwarm(node, options.robots, options.swarm_id)
    swarm.overridden = options.override
    story = None if options.idle else Story(swarm)

    def beat() -> None:
        if options.silent and time.monotonic() - swarm.started > 20:
            swarm.silent = {options.silent}
        if story is None:
            swarm.beat()
        else:
            story.beat()

    if options.mind:
        think(node, swarm)
    node.create_timer(BEAT_S, beat)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        executor.spin()
    except KeyboardInterrupt:
        pass
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
