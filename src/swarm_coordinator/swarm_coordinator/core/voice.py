# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands on their way into the log, through this robot: owns signing and sending its own and
finding them again in the log, and which ones of others it takes while it leads.

When a command is repeated or given up is in proposals.py, that it is in the log once in
replica.py. Refuses to know what a command does, and who waits for it.
"""

from swarm_coordinator.core.events import ProposalHeard, RefuseProposal, SendProposal
from swarm_coordinator.core.proposals import Outstanding, Proposals
from swarm_coordinator.core.raft import RefusalReason
from swarm_coordinator.core.registration import Registration
from swarm_coordinator.core.replica import Replica
from swarm_coordinator.core.replicated.command import (
    Command,
    DeliverOutputs,
    ExpireDue,
    ExtendLeases,
    GrantJobs,
    Issued,
    MalformedCommand,
    MarkRobot,
    Renewal,
    RenewJobs,
    Report,
    ReportJobs,
    RevokeJob,
    SetMode,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.state import ReplicatedState

MS = 1_000_000
# What only a leader finds, and says for itself. Of others it is a lie, or the word of a former
# leader, which this one will find again if it still holds.
DUTIES = (ExpireDue, ExtendLeases, GrantJobs, MarkRobot, RevokeJob, SetMode)


def not_its_own(issued: Issued, state: ReplicatedState) -> str:
    """Why its issuer may not say this; '' = it may. Tokens are in the log for all to read, so a
    token alone does not show who speaks. Asked of what is not in the log yet, by whoever leads:
    what is in it means the same to every version."""
    command, robot = issued.command, issued.robot
    if isinstance(command, DUTIES):
        return f'{type(command).__name__} is for the leader to say, not for {robot}'
    for word in _under_tokens(command):
        job = state.jobs.get(word.job_id)
        if job is None:
            continue
        if isinstance(word, DeliverOutputs):
            if job.origin != robot:
                return f'outputs of {word.job_id} are for {job.origin}, not {robot}'
        elif job.held and job.token == word.token and job.robot_id != robot:
            return f'job {word.job_id} is held by {job.robot_id}, not {robot}'
    return ''


def too_early(command: Command, state: ReplicatedState) -> bool:
    """It speaks under the token of an entry that this robot has not applied: whose job that is,
    cannot be told yet. Whoever holds it has the entry from a leader that had applied it; others
    may have it from the leader's mouth."""
    return any(word.token > state.applied_index for word in _under_tokens(command))


def _under_tokens(command: Command) -> tuple[Report | Renewal | DeliverOutputs, ...]:
    """What it says that counts only under the token of a grant."""
    if isinstance(command, ReportJobs):
        return command.reports
    if isinstance(command, RenewJobs):
        return command.renewals
    return (command,) if isinstance(command, DeliverOutputs) else ()


class Voice:
    """Of one life; `registration` knows under which number the swarm counts it."""

    def __init__(
        self, registration: Registration, replica: Replica, proposals: Proposals
    ) -> None:
        self._registration = registration
        self._replica = replica
        self._proposals = proposals

    def send(self, stamp_ns: int, now_ns: int) -> list[SendProposal]:
        """All that is due: to the leader, or into the log at once if that is this robot."""
        leader = self._replica.raft.leader
        if leader is None:
            return []
        sent = []
        for item in self._proposals.due(now_ns):
            issued = self._signed(item)
            if leader != issued.robot and isinstance(item.command, DUTIES):
                continue  # of when this robot led; it runs out
            data = encode(issued)
            if leader == issued.robot:
                self._replica.append(issued, data, stamp_ns)
                continue
            remaining_ms = max(1, (item.deadline_ns - now_ns) // MS)
            sent.append(
                SendProposal(leader, item.serial, self._proposals.acked_below, remaining_ms, data)
            )
        return sent

    def _signed(self, item: Outstanding) -> Issued:
        identity, acked_below = self._registration.identity, self._proposals.acked_below
        return Issued(
            identity.robot_id, identity.incarnation, item.serial, acked_below, item.command
        )

    def settled(self, issued: Issued) -> Outstanding | None:
        """What was issued has been applied: this robot's own command, if it was one that waited.
        None as well where the log knows a later life: it was not taken, and is said again once
        this robot is renumbered."""
        identity = self._registration.identity
        if (issued.robot, issued.incarnation) != (identity.robot_id, identity.incarnation):
            return None
        session = self._replica.state.sessions.get(issued.robot)
        if session is not None and session.incarnation > issued.incarnation:
            return None
        return self._proposals.settle(issued.serial)

    def settled_unseen(self) -> list[Outstanding]:
        """The state was replaced: commands of ours that are in it can no longer be seen."""
        identity = self._registration.identity
        session = self._replica.state.sessions.get(identity.robot_id)
        if session is None or session.incarnation != identity.incarnation:
            return []
        return self._proposals.seen(session.acked_below, session.applied)

    def take(self, event: ProposalHeard, stamp_ns: int) -> RefuseProposal | None:
        """Another robot's proposal, into the log. Raises MalformedCommand: its sender broke the
        protocol."""
        issued = decode(event.command)
        if (issued.robot, issued.serial) != (event.sender, event.serial):
            raise MalformedCommand('the command is signed for another robot or serial')
        if lie := not_its_own(issued, self._replica.state):
            raise MalformedCommand(lie)
        if too_early(issued.command, self._replica.state):
            return self.refuse(event, 'overloaded', 'its grant is not applied here yet; try later')
        refusal = self._replica.append(issued, event.command, stamp_ns)
        if refusal is None:
            return None
        lost = refusal is RefusalReason.NOT_LEADER
        return self.refuse(event, 'not_leader' if lost else 'overloaded', refusal.value)

    def refuse(self, event: ProposalHeard, refusal: str, reason: str) -> RefuseProposal:
        leader = self._replica.raft.leader
        return RefuseProposal(event.sender, event.serial, refusal, reason, leader)
