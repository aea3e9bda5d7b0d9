# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names and quality of service of every swarm topic: the one table that the node is built from.

Protocol messages are best effort with our own repetition: a reliable writer stalls behind a lost
fragment, a heartbeat that is sent again is of no use, and a burst of chunks that overflows a
socket must not be sent again as a burst. Presence comes from beacons, never from
the ROS graph.
"""

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from swarm_msgs import msg

# What keeps a leader in office: who floods such a topic must not push out, unread, what robots
# say. With 10 a flood of 10,000 a second cost leadership, with 1000 it did not.
DEEP = 1000


def _qos(depth: int, reliable: bool, latched: bool) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def latched() -> QoSProfile:
    """The last message, also for those who come later."""
    return _qos(1, reliable=True, latched=True)


def certificates() -> QoSProfile:
    """One of each robot, also for those who come later; a reader keeps those of all writers."""
    return _qos(64, reliable=True, latched=True)


@dataclass(frozen=True)
class Topic:
    """`name` is absolute for the swarm's topics and relative to /<robot_id> for a robot's own."""

    name: str
    kind: type
    depth: int
    reliable: bool
    latched: bool
    about: str

    @property
    def qos(self) -> QoSProfile:
        return _qos(self.depth, self.reliable, self.latched)


def _table(*topics: Topic) -> dict[str, Topic]:
    return {topic.name: topic for topic in topics}


# name, message, depth, reliable, latched
TOPICS: dict[str, Topic] = _table(
    Topic('/swarm/heartbeat', msg.Heartbeat, DEEP, False, False, 'beacon of every robot'),
    Topic('/swarm/vote_request', msg.VoteRequest, DEEP, False, False, 'who wants to lead'),
    Topic('/swarm/vote', msg.Vote, DEEP, False, False, 'who votes for whom, and why not'),
    Topic('/swarm/append', msg.Append, DEEP, False, False, 'log entries up to about 1 kB'),
    Topic('/swarm/append_bulk', msg.Append, 64, True, False, 'larger log entries'),
    Topic('/swarm/append_reply', msg.AppendReply, DEEP, False, False, 'how far a log has come'),
    Topic('/swarm/snapshot', msg.SnapshotChunk, 16, False, False, 'the state, for latecomers'),
    Topic('/swarm/snapshot_reply', msg.SnapshotReply, 16, False, False, 'how far it has come'),
    Topic('/swarm/timeout_now', msg.TimeoutNow, DEEP, False, False, 'leadership is handed over'),
    Topic('/swarm/read_request', msg.ReadRequest, DEEP, False, False, 'how far must a read go'),
    Topic('/swarm/read_reply', msg.ReadReply, DEEP, False, False, 'so far'),
    Topic('/swarm/probe_request', msg.ProbeRequest, DEEP, False, False, 'have you heard it'),
    Topic('/swarm/probe_reply', msg.ProbeReply, DEEP, False, False, 'when it was heard'),
    Topic('/swarm/emergency', msg.Emergency, 10, True, True, 'stop; latched, outside the log'),
    Topic('/swarm/emergency_now', msg.Emergency, DEEP, False, False, 'the same, at once'),
    Topic('/swarm/proposal', msg.Proposal, 256, False, False, 'commands for the leader'),
    Topic('/swarm/proposal_reply', msg.ProposalReply, DEEP, False, False, 'refusals only'),
    Topic('/swarm/robots', msg.RobotCard, 1, True, True, 'what each robot says of itself'),
    Topic('/swarm/state', msg.SwarmState, 1, True, True, 'members, leader, mode, job counts'),
    Topic('/swarm/mode', msg.ModeState, 1, True, True, 'the mode in force and why'),
    Topic('/swarm/jobs', msg.JobUpdates, 100, True, True, 'jobs that changed'),
    Topic('/swarm/job_offer', msg.JobOffer, 64, False, False, 'what would these jobs cost you'),
    Topic('/swarm/job_report', msg.JobReport, 50, False, False, 'worker to origin'),
    Topic('/swarm/outcomes', msg.JobOutcomes, 100, True, False, 'how attempts ended'),
    Topic('/swarm/file_request', msg.FileRequest, 64, False, False, 'chunks wanted'),
    Topic('/swarm/file_manifest', msg.FileManifest, 16, False, False, 'hashes of the chunks'),
    Topic('/swarm/file_chunk', msg.FileChunk, 32, False, False, 'the chunks'),
    Topic('/swarm/events', msg.SwarmEvent, 100, True, False, 'what people want to know'),
    Topic('local_state', msg.LocalState, 1, True, True, 'what a robot knows of itself'),
)
