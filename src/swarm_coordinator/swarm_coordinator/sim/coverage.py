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
