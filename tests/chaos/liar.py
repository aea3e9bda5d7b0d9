# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A member that lies: it has a valid key of its own and says wrong things in every field it can.

    python -m chaos.liar SWARM_ID ROBOT_ID KEYS_FOLDER SEED [--as ROLE] [--lies NAME ...]

It hears everything, so its lies fit what is going on: the present term, real tokens, real serials.
Not everything: what a traitorous voter can do to Raft (docs/SECURITY.md) is asked for by name.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from swarm_msgs import msg

from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.raft import EntryKind
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    DeliverOutputs,
    ExpireDue,
    FailJob,
    GrantJobs,
    HandBackJob,
    Issued,
    LeaveSwarm,
    MarkRobot,
    ReportJobs,
    RevokeJob,
    SetMode,
    decode,
    encode,
)
from swarm_coordinator.ros.conversions import octets
from swarm_coordinator.ros.protection import Protection
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.security.local_keys import make_local_keys

HUGE = 2**63 - 1
SAY_S = 0.02
JOBS_MAX = 200


@dataclass
class Heard:
    """What is going on, as far as a listener can tell."""

    term: int = 1
    leader: str = ''
    commit_index: int = 1
    last_index: int = 1
    last_term: int = 1
    robots: dict[str, Any] = field(default_factory=dict)  # last beacon of each
    grants: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # job: token, holder
    origins: dict[str, str] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)  # who wants which file
    serials: dict[str, int] = field(default_factory=dict)

    def beacon(self, message: msg.Heartbeat) -> None:
        self.robots[message.envelope.sender] = message
        if message.role == message.ROLE_LEADER and message.term >= self.term:
            self.leader, self.term = message.envelope.sender, message.term
            self.commit_index, self.last_index = message.commit_index, message.last_index

    def append(self, message: msg.Append) -> None:
        for number, entry in enumerate(message.entries):
            self.last_term = entry.term
            if entry.kind != EntryKind.COMMAND:
                continue
            issued = decode(bytes(entry.data))
            self.serials[issued.robot] = max(issued.serial, self.serials.get(issued.robot, 0))
            self._command(issued.command, message.prev_index + 1 + number)

    def _command(self, command: Command, index: int) -> None:
        if isinstance(command, GrantJobs):
            for grant in command.grants:
                self.grants[grant.job_id] = (index, grant.robot_id, '')
        elif hasattr(command, 'origin'):
            self.origins[command.job_id] = command.origin
        while len(self.grants) > JOBS_MAX:
            del self.grants[next(iter(self.grants))]


class Liar:
    def __init__(
        self, swarm_id: str, robot_id: str, keys: Path, seed: int, role: Role
    ) -> None:
        self.swarm_id, self.robot_id = swarm_id, robot_id
        self.chance, self.heard = random.Random(seed), Heard()
        make_local_keys(keys, swarm_id, (robot_id,), (role,))
        protection = Protection(str(keys), swarm_id, RobotId(robot_id))
        self.node = protection.node('coordinator', f'/{robot_id}', addressed=False)
        protection.attach(self.node)
        self.sequence, self.incarnation = 0, 1
        self.storage_id = self.chance.getrandbits(60) + 1
        self.serial = 0
        self.out = {
            name: self.node.create_publisher(topic.kind, name, topic.qos)
            for name, topic in TOPICS.items() if name.startswith('/')
        }
        for name, hear in (
            ('/swarm/heartbeat', self.heard.beacon), ('/swarm/append', self.heard.append),
            ('/swarm/append_bulk', self.heard.append), ('/swarm/file_request', self._wanted),
        ):
            topic = TOPICS[name]
            self.node.create_subscription(topic.kind, name, self._quietly(hear), topic.qos)
        self.said: dict[str, int] = {}

    def _quietly(self, hear: Callable[[Any], None]) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            if message.envelope.sender != self.robot_id:
                hear(message)

        return receive

    def _wanted(self, message: msg.FileRequest) -> None:
        self.heard.requests.append((message.envelope.sender, message.sha256.tobytes()))
        del self.heard.requests[:-20]

    def envelope(self, recipient: str = '') -> msg.Envelope:
        self.sequence += 1
        return msg.Envelope(
            swarm_id=self.swarm_id, sender=self.robot_id, recipient=recipient,
            incarnation=self.incarnation, storage_id=self.storage_id, sequence=self.sequence,
            protocol_version=msg.Envelope.PROTOCOL_VERSION,
        )

    def say(self, topic: str, message: Any, recipient: str = '') -> None:
        message.envelope = self.envelope(recipient)
        self.out[topic].publish(message)

    def propose(self, command: Command, robot: str = '') -> None:
        """To the leader, in its own name or that of `robot`."""
        self.serial += 1
        issued = Issued(
            RobotId(robot or self.robot_id), self.incarnation, self.serial, self.serial, command)
        body = msg.Proposal(
            serial=self.serial, acked_below=self.serial, remaining_ms=5000,
            command=octets(encode(issued)))
        self.say('/swarm/proposal', body, self.heard.leader)

    def other(self) -> str:
        return self.chance.choice(sorted(self.heard.robots))

    def grant(self) -> tuple[str, int, str]:
        """A job, its token and its holder."""
        job = self.chance.choice(sorted(self.heard.grants))
        token, holder, _ = self.heard.grants[job]
        return job, token, holder

    # ---- lies; each is said again and again. What is not there yet is left out (IndexError).

    def lie_beacon_of_a_huge_term(self) -> None:
        self.say('/swarm/heartbeat', msg.Heartbeat(
            role=self.chance.choice([0, 3]), leader=self.robot_id, term=HUGE, uptime_ms=HUGE,
            last_index=HUGE, commit_index=HUGE, match_index=HUGE, round=HUGE))

    def lie_beacon_that_is_idle_and_everywhere(self) -> None:
        self.say('/swarm/heartbeat', msg.Heartbeat(
            role=4, leader=self.heard.leader, term=self.heard.term, uptime_ms=1,
            last_index=HUGE, commit_index=0, match_index=HUGE, voters_heard=65535,
            battery_permille=1000, cpu_load_permille=0, arousal=float('nan'),
            pressure=float('inf'), awareness=255, mode=255, local_mode=255))

    def lie_match_of_a_stranger(self) -> None:
        self.say('/swarm/append_reply', msg.AppendReply(
            term=self.heard.term, outcome=0, match_index=self.heard.last_index + 100),
            self.heard.leader)

    def lie_vote_for_everybody(self) -> None:
        for pre_vote in (True, False):
            self.say('/swarm/vote', msg.Vote(
                term=self.heard.term + self.chance.randrange(2), pre_vote=pre_vote, granted=True,
                reason=0), self.other())

    def lie_candidate_of_a_huge_term(self) -> None:
        self.say('/swarm/vote_request', msg.VoteRequest(
            term=HUGE, pre_vote=self.chance.random() < 0.5, last_log_index=HUGE,
            last_log_term=HUGE, leadership_transfer=self.chance.random() < 0.5))

    def lie_timeout_now(self) -> None:
        self.say('/swarm/timeout_now', msg.TimeoutNow(term=self.heard.term), self.other())

    def lie_read_is_confirmed(self) -> None:
        self.say('/swarm/read_reply', msg.ReadReply(
            term=self.heard.term, request_id=self.chance.getrandbits(62), confirmed=True,
            index=0), self.other())

    def lie_done_by_me(self) -> None:
        job, token, _ = self.grant()
        self.propose(ReportJobs((CompleteJob(job, token, 1, (), RobotId(self.robot_id)),)))

    def lie_failed_says_me(self) -> None:
        job, token, _ = self.grant()
        self.propose(ReportJobs((FailJob(job, token, 1, 1, 'a lie'),)))

    def lie_handed_back_says_me(self) -> None:
        job, token, _ = self.grant()
        self.propose(ReportJobs((HandBackJob(job, token, 'a lie', able=False),)))

    def lie_delivered_says_me(self) -> None:
        job, token, _ = self.grant()
        self.propose(DeliverOutputs(job, token, ''))

    def lie_in_another_name(self) -> None:
        job, token, holder = self.grant()
        self.propose(
            ReportJobs((CompleteJob(job, token, 1, (), RobotId(holder)),)), robot=holder)

    def lie_for_another_robot(self) -> None:
        self.propose(LeaveSwarm(RobotId(self.other()), 1))

    def lie_as_the_leader(self) -> None:
        job, token, holder = self.grant()
        target = RobotId(self.other())
        incarnation = self.heard.robots[target].envelope.incarnation
        self.propose(self.chance.choice([
            RevokeJob(job, token, 'a lie'), ExpireDue(0), SetMode(Mode.CONSERVE, 'a lie'),
            MarkRobot(target, incarnation, Liveness.DEAD),
        ]))

    def lie_refuse_commands(self) -> None:
        robot = self.other()
        serial = self.heard.serials[robot] + self.chance.randrange(1, 5)
        self.say('/swarm/proposal_reply', msg.ProposalReply(
            serial=serial, refusal=msg.ProposalReply.REFUSAL_MALFORMED, reason='a lie',
            leader=self.robot_id), robot)

    def lie_outputs_are_stored(self) -> None:
        job, token, holder = self.grant()
        self.say('/swarm/job_report', msg.JobReport(
            job_id=job, attempt=1, token=token, kind=msg.JobReport.KIND_OUTPUTS_STORED), holder)

    def lie_outputs_are_here(self) -> None:
        job, token, _ = self.grant()
        self.say('/swarm/job_report', msg.JobReport(
            job_id=job, attempt=1, token=token, kind=msg.JobReport.KIND_OUTPUTS_READY,
            outputs=[msg.FileRef(name='out', sha256=[7] * 32, size_bytes=5)]),
            self.heard.origins.get(job, self.other()))

    def lie_free_of_charge(self) -> None:
        self.say('/swarm/job_offer', msg.JobOffer(), self.heard.leader)

    def lie_probe(self) -> None:
        target = self.other()
        self.say('/swarm/probe_reply', msg.ProbeReply(
            target=target, nonce=self.chance.getrandbits(48), heard_ms_ago=0,
            target_incarnation=HUGE), self.other())

    def lie_chunk(self) -> None:
        robot, sha256 = self.chance.choice(self.heard.requests)
        self.say('/swarm/file_manifest', msg.FileManifest(
            sha256=list(sha256), held=True, size_bytes=10, chunk_bytes=32768, first_chunk=0,
            chunk_sha256=octets(bytes(32))), robot)
        self.say('/swarm/file_chunk', msg.FileChunk(
            sha256=list(sha256), chunk_bytes=32768, chunk=0, data=octets(b'a lie')), robot)

    def lie_lineage(self) -> None:
        message = msg.Heartbeat(role=0, leader='', term=self.heard.term)
        message.envelope = self.envelope()
        message.envelope.lineage = 7
        self.out['/swarm/heartbeat'].publish(message)

    def lie_rubbish(self) -> None:
        """Signed, and no command at all."""
        self.serial += 1
        body = msg.Proposal(
            serial=self.serial, remaining_ms=5000,
            command=octets(self.chance.choice([b'', b'{', b'\xff' * 1000, b'{"v": 1}'])))
        self.say('/swarm/proposal', body, self.heard.leader)

    # ---- what only a traitor in Raft, or one who may stop the swarm, can say

    def treason_usurp(self) -> None:
        """A leader of the next term, elected by nobody."""
        self.say('/swarm/heartbeat', msg.Heartbeat(
            role=3, leader=self.robot_id, term=self.heard.term + 1,
            last_index=self.heard.last_index, commit_index=self.heard.commit_index))

    def treason_next_term(self) -> None:
        self.say('/swarm/heartbeat', msg.Heartbeat(role=0, term=self.heard.term + 1))

    def treason_stop(self) -> None:
        self.say('/swarm/emergency_now', msg.Emergency(
            epoch=1, active=True, raised_by=self.robot_id, reason='a lie'))

    # ---- the run

    def lies(self, names: list[str]) -> dict[str, Callable[[], None]]:
        known = {
            name.removeprefix('lie_'): getattr(self, name)
            for name in sorted(dir(self)) if name.startswith(('lie_', 'treason_'))
        }
        wanted = names or [name for name in known if not name.startswith('treason_')]
        return {name: known[name] for name in wanted}

    def run(self, lies: dict[str, Callable[[], None]], seconds: float) -> None:
        end_s, order = time.monotonic() + seconds, sorted(lies)
        while time.monotonic() < end_s:
            rclpy.spin_once(self.node, timeout_sec=SAY_S)
            if not self.heard.leader:
                continue
            name = self.chance.choice(order)
            try:
                lies[name]()
            except (IndexError, KeyError):  # nothing to lie about yet
                continue
            self.said[name] = self.said.get(name, 0) + 1
            if self.said[name] == 1:
                print(f'lies: {name}', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog='liar')
    parser.add_argument('swarm_id')
    parser.add_argument('robot_id')
    parser.add_argument('keys', type=Path)
    parser.add_argument('seed', type=int)
    parser.add_argument('--role', default='voter')
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--lies', nargs='*', default=[])
    options = parser.parse_args()
    rclpy.init()
    liar = Liar(
        options.swarm_id, options.robot_id, options.keys, options.seed, Role(options.role))
    liar.run(liar.lies(options.lies), options.seconds)
    print(f'said {liar.said}', flush=True)


if __name__ == '__main__':
    main()
