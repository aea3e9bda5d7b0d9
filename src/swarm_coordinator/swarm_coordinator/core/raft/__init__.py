# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Raft without IO. README.md beside this file tells how to use it; the index:

core.py            RaftCore: tick, step, propose, ready, advance, compact, and what can be asked
ready.py           what the caller has to do, in which order, and all reasons to refuse
messages.py        entries and the messages between members
membership.py      who votes; the steps from one membership to the next
admission.py       a policy for those steps: seats claimed, lost disks replaced
snapshot.py        the form of a snapshot and its reassembly from chunks
timing.py          ticks, timeouts and the named profiles
election.py, following.py, leading.py     what each role does, on the common ground of member.py
replication.py, progress.py               the leader's view of every follower
reads.py, transfer.py, contacts.py, ballot.py, pending.py, log.py, message_rules.py   their parts
"""

from swarm_coordinator.core.raft.admission import admissions
from swarm_coordinator.core.raft.core import RaftCore
from swarm_coordinator.core.raft.leading import UNCOMMITTED_BYTES_MAX
from swarm_coordinator.core.raft.membership import (
    STORAGE_ID_MAX,
    UNCLAIMED,
    VOTERS_MAX,
    AddNonVoter,
    Change,
    Claim,
    Demote,
    MalformedMembership,
    Membership,
    Promote,
    Remove,
    Seat,
)
from swarm_coordinator.core.raft.messages import (
    CHUNK_BYTES_MAX,
    ENTRY_BYTES_MAX,
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    ReadReply,
    ReadRequest,
    RobotId,
    Role,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.raft.progress import PeerProgress, ProgressPhase
from swarm_coordinator.core.raft.ready import (
    HardState,
    Proposed,
    ReadState,
    Ready,
    RefusalReason,
    Refused,
    RoleReason,
    SoftState,
)
from swarm_coordinator.core.raft.snapshot import (
    SNAPSHOT_BYTES_MAX,
    MalformedSnapshot,
    NewerFormat,
    Snapshot,
)
from swarm_coordinator.core.raft.timing import PROFILES, RaftTiming, TimingProfile

__all__ = [
    'CHUNK_BYTES_MAX',
    'ENTRY_BYTES_MAX',
    'PROFILES',
    'SNAPSHOT_BYTES_MAX',
    'STORAGE_ID_MAX',
    'UNCLAIMED',
    'UNCOMMITTED_BYTES_MAX',
    'VOTERS_MAX',
    'AddNonVoter',
    'Append',
    'AppendOutcome',
    'AppendReply',
    'Change',
    'Claim',
    'Demote',
    'Entry',
    'EntryKind',
    'HardState',
    'Heartbeat',
    'HeartbeatReply',
    'MalformedMembership',
    'MalformedSnapshot',
    'NewerFormat',
    'Membership',
    'Message',
    'PeerProgress',
    'PeerProtocolError',
    'ProgressPhase',
    'Promote',
    'Proposed',
    'RaftCore',
    'RaftTiming',
    'ReadReply',
    'ReadRequest',
    'ReadState',
    'Ready',
    'RefusalReason',
    'Refused',
    'Remove',
    'RobotId',
    'Role',
    'RoleReason',
    'Seat',
    'Snapshot',
    'SnapshotChunk',
    'SnapshotReply',
    'SoftState',
    'TimeoutNow',
    'TimingProfile',
    'Vote',
    'VoteReason',
    'VoteRequest',
    'admissions',
]
