# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""People and programs that want jobs done, and operators that stop, steer and switch off robots.

Owns what they ask for, and that they ask again under the same key where nobody could say what
became of it. Refuses to know the log.

    job ROBOT submit NAME WORD=VALUE ...      see job_orders.py
    job ROBOT again NAME                      the same job under the same key, if it has one
    job ROBOT cancel NAME
    job ROBOT retry NAME                      an operator wants it to run again
    emergency ROBOT MS                        raised there; cleared by an operator after MS
    mode ROBOT MODE MS                        an operator's override
    away ROBOT MS                             it leaves in good order and comes back
    wish ROBOT add|promote|demote|remove OF   an operator's word about a robot
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from swarm_coordinator.core.emergency import Raised
from swarm_coordinator.core.events import Answer
from swarm_coordinator.core.modes.mode import mode_named
from swarm_coordinator.core.raft import RobotId
from swarm_coordinator.core.replicated.command import (
    CancelJob,
    ChangeMember,
    ClearEmergency,
    Command,
    MemberChange,
    RetryJob,
    SetOverride,
    SubmitJob,
)
from swarm_coordinator.sim.coverage import Situation
from swarm_coordinator.sim.job_orders import JobOrder, order_of
from swarm_coordinator.sim.ledger import Ledger
from swarm_coordinator.sim.observer import Observer
from swarm_coordinator.sim.timeline import MS, Timeline
from swarm_coordinator.sim.whole_robot import WholeRobot

EXPIRY_MS = 4_000
ASK_AGAIN_US = 700 * MS
TIMES_ASKED_MAX = 12
CLEAR_AGAIN_US = 900 * MS


class JobClients:
    def __init__(
        self, seed: int, timeline: Timeline, robots: Mapping[RobotId, WholeRobot],
        observer: Observer, ledger: Ledger, may_remove: Callable[[RobotId], bool],
    ) -> None:
        self._timeline = timeline
        self._robots = robots
        self._names = tuple(robots)
        self._observer = observer
        self._reached = observer.coverage.reached
        self._ledger = ledger
        self._may_remove = may_remove
        self._draw = random.Random(f'{seed}/jobs')
        self._orders: dict[str, JobOrder] = {}
        self._ids: dict[str, str] = {}      # name -> job id, once it is known
        self._serial = 0
        self.is_over = False
        self.waiting = 0                    # emergencies that are still to be cleared
        self._actions: dict[str, Callable[[RobotId, tuple[str, ...]], bool]] = {
            'submit': self._submit, 'again': self._again, 'cancel': self._cancel,
            'retry': self._retry,
        }
        self.verbs: dict[str, Callable[[tuple[str, ...]], bool]] = {
            'job': self._job, 'emergency': self._emergency, 'mode': self._mode,
            'away': self._away, 'wish': self._wish,
        }

    def _job(self, words: tuple[str, ...]) -> bool:
        robot, what, *rest = words
        return self._actions[what](RobotId(robot), tuple(rest))

    # ---- jobs

    def _submit(self, robot: RobotId, words: tuple[str, ...]) -> bool:
        name = words[0]
        self._orders[name] = order_of(words[1:])
        return self._ask(robot, name, 1)

    def _again(self, robot: RobotId, words: tuple[str, ...]) -> bool:
        order = self._orders.get(words[0])
        return order is not None and bool(order.key) and self._ask(robot, words[0], 1)

    def _ask(self, robot: RobotId, name: str, times: int) -> bool:
        order, host = self._orders[name], self._robots[robot]
        if not host.is_running:
            self._later(name, times)
            return False
        self._serial += 1
        inputs = order.input_files(name)
        host.workshop.add(inputs)
        job_id = f'{name}-{self._serial}'
        folder = '/home' if order.folder and order.outputs else ''
        command = SubmitJob(job_id, robot, order.spec(name), folder, order.key)
        life = host.life

        def answered(answer: Answer) -> None:
            if answer.unavailable:
                self._reached(Situation.JOB_ANSWER_UNKNOWN)
                if order.key:
                    self._later(name, times)
            elif not answer.refused:
                self._ids[name] = answer.value
                self._ledger.on_acknowledged(answer.value, order.key)

        def silent(_: None) -> None:
            """Its robot crashed: who has a key may ask again."""
            if host.life != life and order.key and name not in self._ids:
                self._later(name, times)

        host.ask(command, EXPIRY_MS, answered)
        self._timeline.after((EXPIRY_MS + 1_000) * MS, silent)
        return True

    def _later(self, name: str, times: int) -> None:
        if times < TIMES_ASKED_MAX and not self.is_over:
            robot = self._names[self._draw.randrange(len(self._names))]

            def ask(_: None) -> None:
                self._ask(robot, name, times + 1)

            self._timeline.after(ASK_AGAIN_US, ask)

    def _cancel(self, robot: RobotId, words: tuple[str, ...]) -> bool:
        job_id = self._ids.get(words[0])
        if job_id is None:
            return False
        return self._command(robot, CancelJob(job_id, 'a client does not need it any more'))

    def _retry(self, robot: RobotId, words: tuple[str, ...]) -> bool:
        job_id = self._ids.get(words[0])
        return job_id is not None and self._command(robot, RetryJob(job_id, 'once more'))

    # ---- operators

    def _command(self, robot: RobotId, command: Command) -> bool:
        host = self._robots[robot]
        if not host.is_running:
            return False
        host.ask(command, EXPIRY_MS, lambda answer: None)
        return True

    def _emergency(self, words: tuple[str, ...]) -> bool:
        host = self._robots[RobotId(words[0])]
        if not host.is_running:
            return False
        self.waiting += 1
        host.post(Raised('somebody', f'at {self._timeline.now_us}'))
        self._timeline.after(int(words[1]) * MS, lambda _: self._clear())
        return True

    def is_alarmed(self) -> bool:
        """Also by a raise of a robot that was cut off while the operator cleared; it is cleared
        then."""
        if not self.waiting and any(
            robot.is_up and robot.coordinator.emergency.active for robot in self._robots.values()
        ):
            self.waiting += 1
            self._clear()
        return self.waiting > 0

    def _clear(self) -> None:
        """Again and again until no robot knows of an emergency."""
        alarmed = [
            robot for robot in self._robots.values()
            if robot.is_up and robot.coordinator.emergency.active
        ]
        if not alarmed:
            if all(robot.is_up for robot in self._robots.values()):
                self.waiting -= 1
                return
        else:
            host = alarmed[self._draw.randrange(len(alarmed))]
            register = host.coordinator.emergency.register
            if host.is_running:
                host.ask(
                    ClearEmergency(register.epoch, 'operator', 'looked', register.raised_by),
                    EXPIRY_MS, lambda answer: None,
                )
        self._timeline.after(CLEAR_AGAIN_US, lambda _: self._clear())

    def _mode(self, words: tuple[str, ...]) -> bool:
        command = SetOverride(mode_named(words[1]), 'operator', 'simulated', int(words[2]))
        self._reached(Situation.JOB_MODE_SET)
        return self._command(RobotId(words[0]), command)

    def _away(self, words: tuple[str, ...]) -> bool:
        host = self._robots[RobotId(words[0])]
        if not host.is_running:
            return False
        life = host.life

        def left() -> None:
            self._reached(Situation.JOB_ROBOT_LEFT)
            host.crash('kept')
            self._timeline.after(int(words[1]) * MS, back)

        def back(_: None) -> None:
            if not host.is_up and host.life == life + 1:
                host.restart(host.disk)

        host.leave(left)
        return True

    def _wish(self, words: tuple[str, ...]) -> bool:
        robot, change, name = RobotId(words[0]), words[1], RobotId(words[2])
        if change in ('demote', 'remove') and not self._may_remove(name):
            return False
        return self._command(robot, ChangeMember(name, MemberChange[change.upper()]))
