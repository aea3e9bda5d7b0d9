# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Raft without IO; start reading at core.RaftCore and ready.Ready."""

from swarm_coordinator.core.raft.core import UNCOMMITTED_BYTES_MAX, RaftCore
from swarm_coordinator.core.raft.messages import (
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
    RobotId,
    Role,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.raft.progress import PeerProgress, ProgressPhase
from swarm_coordinator.core.raft.ready import (
    HardState,
    Proposed,
    Ready,
    RefusalReason,
    Refused,
    RoleReason,
    SoftState,
)
from swarm_coordinator.core.raft.timing import PROFILES, RaftTiming, TimingProfile

__all__ = [
    'ENTRY_BYTES_MAX',
    'PROFILES',
    'UNCOMMITTED_BYTES_MAX',
    'Append',
    'AppendOutcome',
    'AppendReply',
    'Entry',
    'EntryKind',
    'HardState',
    'Heartbeat',
    'HeartbeatReply',
    'Message',
    'PeerProgress',
    'PeerProtocolError',
    'ProgressPhase',
    'Proposed',
    'RaftCore',
    'RaftTiming',
    'Ready',
    'RefusalReason',
    'Refused',
    'RobotId',
    'Role',
    'RoleReason',
    'SoftState',
    'TimingProfile',
    'Vote',
    'VoteReason',
    'VoteRequest',
]
