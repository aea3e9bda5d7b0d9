# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Snapshots on links that lose some of their chunks."""

from __future__ import annotations

import random

import pytest
from raft.raft_bench import ME, R2, R3, THREE, TIMING, compacted_leader, of_kind

from swarm_coordinator.core.raft import CHUNK_BYTES_MAX, RaftCore, SnapshotChunk, SnapshotReply
from swarm_coordinator.core.raft.progress import CHUNK_BYTES_MIN


def test_chunks_get_small_while_they_are_lost_and_large_again_when_they_come_through() -> None:
    bench = compacted_leader(size=40 * CHUNK_BYTES_MAX)
    behind = bench.core.last_index - 1

    def sizes(messages) -> list[int]:
        return [len(chunk.data) for chunk in of_kind(messages, SnapshotChunk)]

    lost = sizes(bench.step(bench.conflict(R3, 1)))
    for _ in range(60):
        bench.tick(TIMING.heartbeat_ticks)
        lost += sizes(bench.step(bench.answer(R3, 0), bench.answer(R2, behind)))
    assert lost[-1] <= CHUNK_BYTES_MIN < lost[0], 'one packet in the end'
    sent, arrived = [], 0
    for _ in range(10):
        arrived += (sent or [CHUNK_BYTES_MIN])[-1]
        sent += sizes(bench.step(SnapshotReply(R3, ME, bench.core.term, 6, arrived, True)))
    assert sent[0] <= 2 * CHUNK_BYTES_MIN and sent[-1] == CHUNK_BYTES_MAX


def test_piece_that_is_missing_is_sent_again_once_and_before_the_next_beacon() -> None:
    bench = compacted_leader(size=40 * CHUNK_BYTES_MAX)
    bench.step(bench.conflict(R3, 1))
    arrived = SnapshotReply(R3, ME, bench.core.term, 6, CHUNK_BYTES_MAX, True)
    bench.step(arrived)
    again = of_kind(bench.step(arrived), SnapshotChunk)
    assert [chunk.offset_bytes for chunk in again] == [
        CHUNK_BYTES_MAX * number for number in range(1, 5)
    ]
    assert not of_kind(bench.step(arrived, arrived), SnapshotChunk), 'answers to what came twice'


@pytest.mark.parametrize('seed', range(5))
def test_snapshot_arrives_where_a_fifth_of_the_packets_are_lost(seed: int) -> None:
    """A large message is many packets, and lost with any of them."""
    rng, packet = random.Random(seed), 1400
    leader = compacted_leader(size=6 * CHUNK_BYTES_MAX)
    late = RaftCore(R3, THREE, TIMING, random.Random(3))

    def comes_through(message) -> bool:
        size = len(message.data) if isinstance(message, SnapshotChunk) else 1
        return rng.random() < 0.8 ** -(-size // packet)

    rounds, pending = 0, []
    while late.snapshot is None and rounds < 600:
        rounds += 1
        leader.tick(TIMING.heartbeat_ticks)
        late.tick()
        pending += leader.step(leader.answer(R2, leader.core.last_index))
        pending += leader.step(leader.answer(R3, 0))
        while pending:
            message = pending.pop(0)
            if message.recipient not in (R3, None) or not comes_through(message):
                continue
            late.step(message)
            while ready := late.ready():
                late.advance(ready)
                for answer in ready.messages:
                    if answer.recipient == ME and comes_through(answer):
                        pending += leader.step(answer)
    assert late.snapshot is not None and late.snapshot.data == bytes(6 * CHUNK_BYTES_MAX)


def test_two_cores_exchange_a_snapshot_that_loses_every_third_message() -> None:
    """End to end, with what a follower really answers."""
    leader = compacted_leader(size=40 * CHUNK_BYTES_MAX)
    late = RaftCore(R3, THREE, TIMING, random.Random(3))
    count, pending = 0, []
    for _ in range(400):
        leader.core.tick()
        late.tick()
        pending += leader.step(leader.answer(R2, leader.core.last_index))
        while pending:
            message = pending.pop(0)
            count += 1
            if count % 3 == 0 or message.recipient not in (R3, None):
                continue
            late.step(message)
            while ready := late.ready():
                late.advance(ready)
                for answer in ready.messages:
                    lost = isinstance(answer, SnapshotReply) and count % 5 == 0
                    if answer.recipient == ME and not lost:
                        pending += leader.step(answer)
    assert late.snapshot is not None and late.snapshot.data == bytes(40 * CHUNK_BYTES_MAX)
    assert late.last_applied == leader.core.commit_index

