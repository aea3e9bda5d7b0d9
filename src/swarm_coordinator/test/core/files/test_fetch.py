# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One file over a link that loses, doubles, reorders and damages."""

from __future__ import annotations

import hashlib
import random

import pytest

from swarm_coordinator.core.files.fetch import (
    ASK_AGAIN_NS,
    CHUNK_BYTES,
    GIVE_UP_NS,
    WINDOW_MAX,
    AskChunks,
    AskManifest,
    Fetch,
    Fetched,
    FetchEffect,
    FetchFailed,
    WriteChunk,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef

HOLDER = RobotId('r2')
STEP_NS = 20_000_000


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def ref_of(data: bytes) -> FileRef:
    return FileRef('f', len(data), hashlib.sha256(data).hexdigest())


def chunks_of(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def hashes_of(data: bytes) -> bytes:
    return b''.join(hashlib.sha256(chunk).digest() for chunk in chunks_of(data))


def told(data: bytes) -> Fetch:
    """A fetch that has heard the right manifest at time 0."""
    fetch = Fetch(ref_of(data), HOLDER, 0)
    fetch.manifest_heard(True, len(data), CHUNK_BYTES, hashes_of(data), 0)
    return fetch


def transfer(data: bytes, seed: int, lost: float, doubled: float, damaged: float) -> bytearray:
    """Runs a fetch over a faulty link until it ends; returns what was written."""
    rng = random.Random(seed)
    fetch, now_ns, disk = Fetch(ref_of(data), HOLDER, 0), 0, bytearray(len(data))
    flying: list[tuple[int, FetchEffect]] = []
    done, written = False, 0
    waiting = list(fetch.tick(0))
    while not done:
        for effect in waiting:
            if isinstance(effect, WriteChunk):
                disk[effect.offset : effect.offset + len(effect.data)] = effect.data
                written += 1
            elif isinstance(effect, Fetched):
                done = True
            else:
                assert not isinstance(effect, FetchFailed), effect
                if isinstance(effect, AskChunks):
                    assert len(fetch.asked) <= WINDOW_MAX
                    assert all(chunk in fetch.asked for chunk in effect.chunks)
                for _ in range(2 if rng.random() < doubled else 1):
                    if rng.random() >= lost:
                        flying.append((now_ns + rng.randint(1, 10) * STEP_NS, effect))
        waiting = []
        now_ns += STEP_NS
        arrived = [one for one in flying if one[0] <= now_ns]
        flying = [one for one in flying if one[0] > now_ns]
        rng.shuffle(arrived)
        for _, effect in arrived:
            if isinstance(effect, AskManifest):
                waiting += fetch.manifest_heard(
                    True, len(data), CHUNK_BYTES, hashes_of(data), now_ns
                )
            elif isinstance(effect, AskChunks):
                for number in effect.chunks:
                    chunk = chunks_of(data)[number]
                    if rng.random() < damaged:
                        chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
                    waiting += fetch.chunk_heard(number, chunk, now_ns)
        waiting += fetch.tick(now_ns)
    assert written == len(chunks_of(data)), 'each chunk is written once'
    return disk


@pytest.mark.parametrize('size', [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 30 * CHUNK_BYTES - 5])
@pytest.mark.parametrize('seed', range(3))
def test_file_arrives_whole_over_a_bad_link(size: int, seed: int) -> None:
    data = content(size)
    assert transfer(data, seed, lost=0.3, doubled=0.3, damaged=0.2) == data


def test_nothing_is_asked_for_before_the_manifest_and_that_again_after_a_rest() -> None:
    fetch = Fetch(ref_of(b'x'), HOLDER, 0)
    ask = [AskManifest(HOLDER, fetch.ref.sha256)]
    assert fetch.tick(0) == ask
    assert fetch.tick(ASK_AGAIN_NS - 1) == []
    assert fetch.tick(ASK_AGAIN_NS) == ask
    assert fetch.chunk_heard(0, b'x', 0) == []


def test_silent_holder_is_given_up_and_named() -> None:
    fetch = told(content(CHUNK_BYTES))
    assert not any(isinstance(e, FetchFailed) for e in fetch.tick(GIVE_UP_NS - 1))
    [failed] = fetch.tick(GIVE_UP_NS)
    assert isinstance(failed, FetchFailed) and 'r2 sent nothing' in failed.reason


def test_every_right_chunk_gives_the_holder_more_time_and_a_damaged_one_does_not() -> None:
    data = content(2 * CHUNK_BYTES)
    fetch = told(data)
    assert fetch.chunk_heard(0, b'damaged', GIVE_UP_NS - 2) == []
    assert any(isinstance(e, FetchFailed) for e in told(data).tick(GIVE_UP_NS))
    assert fetch.chunk_heard(0, chunks_of(data)[0], GIVE_UP_NS - 1)
    assert not any(isinstance(e, FetchFailed) for e in fetch.tick(2 * GIVE_UP_NS - 2))


def test_damaged_chunk_is_not_written_and_asked_for_again() -> None:
    data = content(CHUNK_BYTES)
    fetch = told(data)
    assert fetch.chunk_heard(0, data[:-1] + b'!', 5) == []
    assert fetch.tick(ASK_AGAIN_NS) == [AskChunks(HOLDER, fetch.ref.sha256, (0,))]
    assert fetch.chunk_heard(0, data, ASK_AGAIN_NS) == [
        WriteChunk(fetch.ref.sha256, 0, data), Fetched(fetch.ref.sha256)
    ]
    assert fetch.chunk_heard(0, data, ASK_AGAIN_NS) == []


@pytest.mark.parametrize(
    ('held', 'size', 'chunk', 'hashes'),
    [
        (False, 10, CHUNK_BYTES, 32), (True, 11, CHUNK_BYTES, 32), (True, 10, 4096, 32),
        (True, 10, CHUNK_BYTES, 31), (True, 10, CHUNK_BYTES, 64), (True, 10, CHUNK_BYTES, 0),
    ],
)
def test_wrong_manifest_ends_the_fetch(held: bool, size: int, chunk: int, hashes: int) -> None:
    fetch = Fetch(ref_of(b'0123456789'), HOLDER, 0)
    [failed] = fetch.manifest_heard(held, size, chunk, b'x' * hashes, 0)
    assert isinstance(failed, FetchFailed)


def test_second_manifest_changes_nothing() -> None:
    data = content(CHUNK_BYTES)
    fetch = told(data)
    assert fetch.manifest_heard(False, 0, 0, b'', 0) == []
    assert fetch.chunk_heard(0, data, 0)


@pytest.mark.parametrize('number', [-1, 1, 999])
def test_chunk_that_was_not_asked_for_is_ignored(number: int) -> None:
    assert told(content(CHUNK_BYTES)).chunk_heard(number, b'x', 0) == []


def test_window_halves_with_a_loss_and_grows_back_to_its_most() -> None:
    data = content(200 * CHUNK_BYTES)
    fetch = told(data)
    before = fetch.window
    fetch.tick(ASK_AGAIN_NS)
    assert fetch.window == before // 2 and len(fetch.asked) == fetch.window
    for _ in range(100):
        number = next(iter(fetch.asked))
        fetch.chunk_heard(number, chunks_of(data)[number], ASK_AGAIN_NS)
    assert fetch.window == WINDOW_MAX
    for again in range(2, 20):
        fetch.tick(again * ASK_AGAIN_NS)
    assert fetch.window == 1, 'never none'
