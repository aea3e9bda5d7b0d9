# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How often the situations were reached for whose sake the simulation exists.

A simulation that never meets the hard cases proves nothing, however long it runs ("sometimes
assertions"). Owns the list of situations; the rest of the simulation reports them.
"""

from __future__ import annotations

from enum import Enum


class Situation(Enum):
    """The value says what happened, for the summary."""

    TAIL_CUT = 'a conflicting tail was cut from a log'
    OLD_TERM_COMMITTED = 'entries of an older term were committed by a later leader'
    PROPOSAL_LOST = 'a proposal was overwritten by another leader'
    PROPOSAL_REFUSED = 'a proposal was refused'
    COMMAND_REPEATED = 'a command was in the log twice and took effect once'
    LEADER_CRASHED = 'a leader crashed'
    CRASH_LOST_WRITE = 'a crash lost the write that was under way'
    CRASH_KEPT_WRITE = 'a write was complete, the robot crashed before it could say so'
    CRASH_CUT_INSTALL = 'a crash came between a snapshot and the entries after it'
    QUORUM_SILENT = 'a leader stepped down because no quorum answered (check-quorum)'
    TWO_LEADERS = 'two robots believed to lead, in different terms'
    PRE_VOTE_LOST = 'a pre-vote was lost'
    VOTE_SPLIT = 'an election in which nobody won a term'
    REFUSED_LOG_BEHIND = 'a vote was refused for a log that is behind'
    REFUSED_ALREADY_VOTED = 'a vote was refused because it was given already'
    REFUSED_STALE_TERM = 'a vote was refused for an old term'
    REFUSED_LEADER_ALIVE = 'a vote was refused because a leader is heard (stickiness)'
    COMPACTED = 'a log was compacted'
    SNAPSHOT_INSTALLED = 'a snapshot was installed'
    SNAPSHOT_OVER_LOG = 'a snapshot replaced a log that was not empty'
    APPEND_DURING_CHUNKS = 'an Append arrived between the chunks of a snapshot'
    CHUNK_RESENT = 'a chunk of a snapshot was sent again'
    CHUNK_REFUSED = 'a chunk of a snapshot was refused'
    SNAPSHOT_IN_PIECES = 'a snapshot of several chunks was installed'
    RESTARTED_FROM_SNAPSHOT = 'a robot started from its snapshot'
    VOTER_ADDED = 'a robot became a voter'
    VOTER_REMOVED = 'a voter lost its vote'
    NON_VOTER_ADDED = 'a robot became a non-voter'
    CHANGE_REFUSED = 'a membership change was refused'
    CHANGE_CUT = 'an uncommitted membership change was cut'
    LEADER_REMOVED = 'a leader removed itself'
    VOTE_CLAIMED = 'a founder that was not heard at founding claimed its vote'
    BLANK_VOTER = 'a voter came back with a blank disk'
    BLANK_READMITTED = 'a robot that lost its disk got its vote back'
    TRANSFER_STARTED = 'leadership was to be transferred'
    TRANSFER_DONE = 'leadership was transferred'
    TRANSFER_FAILED = 'a transfer of leadership came to nothing'
    READ_CONFIRMED_LEADER = 'a leader answered a read'
    READ_CONFIRMED_FOLLOWER = 'a robot that does not lead answered a read'
    READ_REFUSED = 'a read was refused'
    CLIENT_GAVE_UP = 'a client never learned what became of its command'
    LEASE_GRANTED = 'a lease was granted'
    LEASE_PASSED_ON = 'a lease was granted to one who had waited for it'
    LEASE_RENEWED = 'a lease was renewed'
    LEASE_EXPIRED = 'a lease ended by time'
    LEASE_OUTLIVED = 'a robot was dead, gone or in a new life, and its lease went on'
    LEASE_REFUSED = 'a lease was refused'
    RENEWAL_REFUSED = 'a renewal with an old token, or too late, was refused'
    RESOURCE_USED = 'a resource accepted a token'
    STALE_TOKEN_REFUSED = 'a resource refused one who came too late'
    DISK_FULL = 'a robot halted because its disk was full'
    STAMP_HELD = 'a clock behind the log did not make stamps go back'
    JOB_ACKNOWLEDGED = 'a client was told that its job is accepted'
    JOB_REFUSED = 'a job was refused'
    JOB_ANSWER_UNKNOWN = 'a client was told that nobody knows what became of its job'
    JOB_SUBMITTED_TWICE = 'a job was submitted twice under one key and is there once'
    JOB_STARTED = 'a process was started'
    JOB_PROCESS_STOPPED = 'a process was asked to stop'
    JOB_DONE = 'a completion was accepted'
    JOB_FAILED = 'a job failed by itself'
    JOB_HANDED_BACK = 'a robot handed a job back'
    JOB_REISSUED = 'a job was granted again'
    JOB_TRIED_AGAIN = 'a job that had failed was tried again'
    JOB_RESTED = 'a job waited for its time'
    JOB_OVERDUE = 'a job expired at its deadline'
    JOB_RETRIED = 'an operator had a job run again'
    JOB_OFFERED = 'a robot said what it would take to do a job'
    JOB_OVERTAKEN = 'a younger job of the same sort was granted first'
    JOB_STOLEN = 'a job that had not begun went to a thief'
    JOB_MARKED = 'a job that ran was marked for a thief'
    JOB_MOVED = 'a job that ran went to the thief when it had ended'
    JOB_STUCK = 'a job that made no progress was revoked'
    JOB_OVERLAP_OF_MOVE = 'a stolen or revoked job had begun, and ran twice for a moment'
    JOB_LEASE_EXPIRED = 'the lease of a job ran out'
    JOB_LOST_WITH_LIFE = 'a job was lost with the life of its robot'
    JOB_LOST_WITH_LEAVE = 'a job was given up by a robot that left'
    JOB_LEFT_UNKNOWN = 'a job whose effect must happen once was left unknown'
    JOB_QUARANTINED = 'a job had no attempts left'
    JOB_CANCELLED = 'a job was cancelled'
    JOB_KILLED_ITS_ROBOT = 'a job killed its robot'
    JOB_LATE_COMPLETION_REFUSED = 'a completion came too late and was refused'
    JOB_RENEWAL_REFUSED = 'a renewal came under an old token'
    JOB_FENCED_OFF = 'the outside world refused the effect of a former attempt'
    JOB_OVERLAP_EXCUSED = 'a robot that could not act still ran what another was given'
    JOB_INPUTS_FAILED = 'inputs could not be fetched'
    JOB_OUTPUTS_NOT_FETCHED = 'outputs could not be fetched, for the time being'
    JOB_OUTPUTS_LOST = 'outputs were lost with the disk of their holder'
    JOB_PLACED = 'outputs were put in their place'
    JOB_FILE_DISCARDED = 'a stored file was let go'
    JOB_EMERGENCY = 'a robot stopped for an emergency'
    JOB_EMERGENCY_OVER = 'an emergency was over for a robot'
    JOB_MODE_SET = 'an operator set the mode'
    JOB_ROBOT_LEFT = 'a robot left in good order'
    JOB_STATE_INSTALLED = 'a robot got the state of all jobs as a snapshot'


# What a workload cannot reach, by the first words of the names.
FOREIGN = {
    'registers': ('LEASE_', 'RENEWAL_', 'RESOURCE_', 'STALE_', 'JOB_'),
    'services': ('JOB_', 'READ_'),
    'jobs': (
        'LEASE_', 'RENEWAL_', 'RESOURCE_', 'STALE_', 'READ_', 'CLIENT_GAVE_UP', 'PROPOSAL_',
        'CRASH_CUT_INSTALL', 'APPEND_DURING_CHUNKS', 'CHANGE_REFUSED', 'STAMP_HELD', 'CHUNK_',
        'SNAPSHOT_IN_PIECES',
    ),
}


def reachable(workload: str) -> tuple[Situation, ...]:
    """What a campaign with this workload is there to reach."""
    foreign = FOREIGN[workload]
    return tuple(one for one in Situation if not one.name.startswith(foreign))


class Coverage:
    """Counts per situation; reached() is called often, so it stays small."""

    __slots__ = ('counts',)

    def __init__(self) -> None:
        self.counts: dict[Situation, int] = {}

    def reached(self, situation: Situation) -> None:
        self.counts[situation] = self.counts.get(situation, 0) + 1

    def missing(self) -> tuple[Situation, ...]:
        return tuple(one for one in Situation if not self.counts.get(one))


def merged(parts: list[dict[str, int]]) -> dict[str, int]:
    """Counts by name of the situation, in the order in which they are defined."""
    return {
        one.name: sum(part.get(one.name, 0) for part in parts) for one in Situation
    }
