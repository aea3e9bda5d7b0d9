# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who a robot says it is: owns when the log must be told so again, counting on where the disk has
lost count, and who yields where two have one name. Refuses to know how a command comes into the
log.
"""

from dataclasses import dataclass, replace

from swarm_coordinator.core.events import Halt
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.replicated.command import CapabilitySpec, RegisterRobot
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.core.worker import Note

REGISTER_AGAIN_NS = 5_000_000_000  # after a refusal


@dataclass(frozen=True)
class RobotIdentity:
    """What a robot says of itself in the log. `incarnation` counts its starts."""

    robot_id: RobotId
    incarnation: int
    session_id: bytes
    voter: bool
    host: str
    software_version: str
    job_slots: int
    timing_profile: str = 'wifi'


@dataclass(frozen=True)
class RegistrationTag:
    pass


@dataclass
class Registration:
    """`capabilities` None: not known yet, and nothing is said before. One command at a time."""

    identity: RobotIdentity
    capabilities: tuple[CapabilitySpec, ...] | None = None
    under_way: bool = False
    again_ns: int = 0

    def renumbered(self, state: ReplicatedState) -> int | None:
        """The incarnation to go on with, where the log has seen a later one than the disk."""
        robot_id = self.identity.robot_id
        me, session = state.members.get(robot_id), state.sessions.get(robot_id)
        known = max(
            0 if me is None else me.incarnation, 0 if session is None else session.incarnation
        )
        if self.capabilities is None or known <= self.identity.incarnation:
            return None
        self.identity = replace(self.identity, incarnation=known + 1)
        self.under_way = False
        return known + 1

    def twin(self, session_id: bytes, its_uptime_ms: int, uptime_ms: int) -> str:
        """Why this robot must stop: another process has its robot_id, and of two the younger one
        yields, wherever it notices. '' = it goes on."""
        mine = (uptime_ms, self.identity.session_id)
        if session_id == self.identity.session_id or mine >= (its_uptime_ms, session_id):
            return ''
        return (
            f'robot_id={self.identity.robot_id} is already used by another robot of this swarm, '
            f'running for {its_uptime_ms // 1000} s: expected an id of its own'
        )

    def due(self, state: ReplicatedState, now_ns: int) -> RegisterRobot | None:
        """What to have the log say: that we are here, in this life, with these capabilities."""
        if self.capabilities is None or self.under_way or now_ns < self.again_ns:
            return None
        identity, me = self.identity, state.members.get(self.identity.robot_id)
        if (
            me is not None
            and me.incarnation == identity.incarnation
            and me.capabilities == self.capabilities
        ):
            return None
        self.under_way = True
        return RegisterRobot(
            robot_id=identity.robot_id,
            incarnation=identity.incarnation,
            voter=identity.voter,
            host=identity.host,
            software_version=identity.software_version,
            job_slots=identity.job_slots,
            capabilities=self.capabilities,
            timing_profile=identity.timing_profile,
        )

    def settled(self, refused: str, swarm_profile: str, now_ns: int) -> list[Halt | Note]:
        """`swarm_profile`: the timing that the swarm has agreed on; '' = none yet. A robot with
        another one must stop."""
        self.under_way = False
        if not refused:
            return []
        self.again_ns = now_ns + REGISTER_AGAIN_NS
        note = Note(f'not registered: {refused}')
        if swarm_profile in ('', self.identity.timing_profile):
            return [note]
        why = f'the swarm does not take {self.identity.robot_id}: {refused}'
        return [Halt(2, why), note]
