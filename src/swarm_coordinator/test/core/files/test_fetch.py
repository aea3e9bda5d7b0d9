# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One file over a link that loses, doubles, reorders and damages."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.files.fetch import (
    ASK_AGAIN_NS,
    DIRECT_BYTES_MIN,
    DIRECT_TRIES,
    GIVE_UP_NS,
    NOBODY_NS,
    SILENT_NS,
    WINDOW_MAX,
    WRONG_MAX,
    AskChunks,
    AskManifest,
    AskWho,
    CheckPartial,
    CloseDirect,
    Fetch,
    Fetched,
    FetchEffect,
    FetchFailed,
    OpenDirect,
    WriteChunk,
    runs_of,
)
from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    HASHES_PER_PAGE,
    DirectOffer,
    ManifestPage,
    chunk_count_of,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef

HOLDER, R3 = RobotId('r2'), RobotId('r3')
STEP_NS = 20_000_000


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def ref_of(data: bytes) -> FileRef:
    return FileRef('f', len(data), hashlib.sha256(data).hexdigest())


def chunks_of(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]


def hashes_of(data: bytes) -> bytes:
    return b''.join(hashlib.sha256(chunk).digest() for chunk in chunks_of(data))


def page_of(data: bytes, first: int = 0, holder: RobotId = HOLDER) -> ManifestPage:
    hashes = hashes_of(data)[32 * first : 32 * (first + HASHES_PER_PAGE)]
    sha256 = hashlib.sha256(data).hexdigest()
    return ManifestPage(holder, sha256, True, len(data), CHUNK_BYTES, first, hashes)


def told(data: bytes, claimed: frozenset[int] = frozenset(), direct: bool = False) -> Fetch:
    """A fetch that has heard the right manifest at time 0."""
    fetch = Fetch(ref_of(data), HOLDER, 0, claimed, direct_allowed=direct)
    fetch.tick(0)
    fetch.page_heard(page_of(data), 0)
    return fetch


def failures(effects: list[FetchEffect]) -> list[str]:
    return [one.reason for one in effects if isinstance(one, FetchFailed)]


def test_manifest_is_asked_for_first_and_again_after_a_rest() -> None:
    data = content(2 * CHUNK_BYTES)
    fetch = Fetch(ref_of(data), HOLDER, 0)
    ask = [AskManifest(HOLDER, fetch.ref.sha256, 0)]
    assert fetch.tick(0) == ask
    assert fetch.tick(ASK_AGAIN_NS - 1) == []
    assert fetch.tick(ASK_AGAIN_NS) == ask
    assert fetch.chunk_heard(HOLDER, 0, data[:CHUNK_BYTES], 0) == []


def test_file_of_one_chunk_needs_no_manifest_and_an_empty_one_nothing() -> None:
    fetch = Fetch(ref_of(b'x'), HOLDER, 0)
    assert fetch.tick(0) == [AskChunks(HOLDER, fetch.ref.sha256, (0,))]
    assert fetch.chunk_heard(HOLDER, 0, b'x', 1)[-1] == Fetched(fetch.ref.sha256)
    assert Fetch(ref_of(b''), None, 0).tick(0) == [Fetched(ref_of(b'').sha256)]


def test_long_manifest_comes_in_pages() -> None:
    data = bytes(CHUNK_BYTES * (HASHES_PER_PAGE + 3))
    fetch = Fetch(ref_of(data), HOLDER, 0, direct_allowed=False)
    fetch.tick(0)
    second = page_of(data, HASHES_PER_PAGE)
    assert fetch.page_heard(second, 1) == [], 'not its turn'
    ask = AskManifest(HOLDER, fetch.ref.sha256, HASHES_PER_PAGE)
    assert fetch.page_heard(page_of(data), 1) == [ask]
    assert fetch.page_heard(page_of(data), 1) == [], 'said twice'
    assert isinstance(fetch.page_heard(second, 2)[0], AskChunks)


# ---- whom to ask


def test_without_a_hint_everybody_is_asked_and_the_first_who_has_it_is_taken() -> None:
    data = content(3 * CHUNK_BYTES)
    fetch = Fetch(ref_of(data), None, 0)
    assert fetch.tick(0) == [AskWho(fetch.ref.sha256)]
    has = ManifestPage(R3, fetch.ref.sha256, True, len(data))
    assert fetch.page_heard(has, 5) == [AskManifest(R3, fetch.ref.sha256, 0)]
    assert fetch.page_heard(ManifestPage(HOLDER, fetch.ref.sha256, True, len(data)), 6) == []
    assert list(fetch.others) == [R3, HOLDER]


def test_file_that_nobody_has_ends_soon_and_says_so() -> None:
    fetch = Fetch(ref_of(content(CHUNK_BYTES)), None, 0)
    fetch.tick(0)
    assert not failures(fetch.tick(NOBODY_NS - 1))
    assert failures(fetch.tick(NOBODY_NS)) == ['nobody says that they have f']


def test_hint_without_the_file_is_left_for_everybody() -> None:
    fetch = Fetch(ref_of(content(CHUNK_BYTES)), HOLDER, 0)
    fetch.tick(0)
    not_here = ManifestPage(HOLDER, fetch.ref.sha256, False)
    assert fetch.page_heard(not_here, 1) == [AskWho(fetch.ref.sha256)]
    assert fetch.page_heard(not_here, 2) == []
    [why] = failures(fetch.tick(1 + NOBODY_NS))
    assert why == 'r2 does not have f; nobody else says that they have f'


def test_silent_holder_is_left_and_what_was_asked_of_it_is_asked_of_the_next() -> None:
    data = content(3 * CHUNK_BYTES)
    fetch = told(data)
    fetch.chunk_heard(HOLDER, 0, chunks_of(data)[0], 0)
    [who] = fetch.tick(SILENT_NS)
    assert isinstance(who, AskWho)
    [ask] = fetch.page_heard(ManifestPage(R3, fetch.ref.sha256, True, len(data)), SILENT_NS)
    assert ask == AskManifest(R3, fetch.ref.sha256, 0)
    assert fetch.page_heard(page_of(data, holder=R3), SILENT_NS + 1) == [
        AskChunks(R3, fetch.ref.sha256, (1, 2))
    ]


def test_silent_holder_that_comes_back_is_taken_again_where_nobody_else_is() -> None:
    data = content(3 * CHUNK_BYTES)
    fetch = told(data)
    fetch.tick(SILENT_NS)
    assert fetch.holder is None
    assert [type(one) for one in fetch.tick(2 * SILENT_NS)] == [AskChunks], 'it may be back'


def test_everybody_silent_is_given_up_and_named() -> None:
    fetch = told(content(CHUNK_BYTES * 2))
    now_ns, told_ = 0, []
    while not told_ and now_ns < 2 * GIVE_UP_NS:
        now_ns += ASK_AGAIN_NS
        told_ = failures(fetch.tick(now_ns))
    assert now_ns >= GIVE_UP_NS and 'r2 sent nothing right of f for 10 s' in told_[0]


def test_every_right_chunk_gives_more_time_and_a_damaged_one_does_not() -> None:
    data = content(2 * CHUNK_BYTES)
    fetch = told(data)
    assert fetch.chunk_heard(HOLDER, 0, b'damaged', GIVE_UP_NS - 2) == []
    assert failures(told(data).tick(GIVE_UP_NS))
    assert fetch.chunk_heard(HOLDER, 0, chunks_of(data)[0], GIVE_UP_NS - 1)
    assert not failures(fetch.tick(2 * GIVE_UP_NS - 2))


# ---- chunks


def test_damaged_chunk_is_not_written_and_asked_for_again() -> None:
    data = content(CHUNK_BYTES)
    fetch = told(data)
    assert fetch.chunk_heard(HOLDER, 0, data[:-1] + b'!', 5) == []
    assert fetch.tick(ASK_AGAIN_NS) == [AskChunks(HOLDER, fetch.ref.sha256, (0,))]
    assert fetch.chunk_heard(HOLDER, 0, data, ASK_AGAIN_NS) == [
        WriteChunk(fetch.ref.sha256, 0, data), Fetched(fetch.ref.sha256)
    ]
    assert fetch.chunk_heard(HOLDER, 0, data, ASK_AGAIN_NS) == []


def test_damaged_chunks_of_somebody_else_are_not_held_against_the_holder() -> None:
    fetch = told(content(CHUNK_BYTES))
    for _ in range(3 * WRONG_MAX):
        assert fetch.chunk_heard(R3, 0, b'x', 1) == []
    assert fetch.holder == HOLDER


def test_holder_that_keeps_sending_damaged_chunks_is_never_asked_again() -> None:
    data = content(2 * CHUNK_BYTES)
    fetch = told(data)
    effects: list[FetchEffect] = []
    for number in range(WRONG_MAX + 1):
        effects += fetch.chunk_heard(HOLDER, number % 2, b'x', number)
    assert effects == [AskWho(fetch.ref.sha256)]
    assert fetch.held_by(HOLDER, 100) == []
    assert fetch.page_heard(page_of(data), 100) == []
    assert 'damaged chunks' in failures(fetch.tick(100 + NOBODY_NS))[0]


@pytest.mark.parametrize('number', [-1, 1, 999])
def test_chunk_that_was_not_asked_for_is_ignored(number: int) -> None:
    assert told(content(CHUNK_BYTES)).chunk_heard(HOLDER, number, b'x', 0) == []


def test_window_halves_with_a_loss_and_grows_back_to_its_most() -> None:
    data = content(200 * CHUNK_BYTES)
    fetch = told(data)
    before = fetch.window
    fetch.tick(ASK_AGAIN_NS)
    assert fetch.window == before // 2 and len(fetch.asked) == fetch.window
    for _ in range(100):
        number = next(iter(fetch.asked))
        fetch.chunk_heard(HOLDER, number, chunks_of(data)[number], ASK_AGAIN_NS)
    assert fetch.window == WINDOW_MAX
    for again in range(2, 7):
        fetch.tick(again * ASK_AGAIN_NS)
    assert fetch.window == 1, 'never none'


# ---- manifests that are wrong


@pytest.mark.parametrize(
    ('held', 'size', 'chunk', 'hashes'),
    [
        (False, 40_000, CHUNK_BYTES, 64), (True, 40_001, CHUNK_BYTES, 64),
        (True, 2**63, CHUNK_BYTES, 64), (True, 40_000, 4096, 64),
        (True, 40_000, CHUNK_BYTES, 63), (True, 40_000, CHUNK_BYTES, 96),
    ],
)
def test_wrong_manifest_ends_the_business_with_its_giver(
    held: bool, size: int, chunk: int, hashes: int
) -> None:
    data = content(40_000)
    fetch = Fetch(ref_of(data), HOLDER, 0)
    fetch.tick(0)
    page = ManifestPage(HOLDER, fetch.ref.sha256, held, size, chunk, 0, b'x' * hashes)
    assert fetch.page_heard(page, 1) == [AskWho(fetch.ref.sha256)]
    assert HOLDER in fetch.refused


def test_giver_of_a_manifest_that_leads_to_another_file_is_not_asked_again() -> None:
    data, other = content(2 * CHUNK_BYTES), bytes(2 * CHUNK_BYTES)
    fetch = Fetch(ref_of(data), HOLDER, 0, direct_allowed=False)
    fetch.tick(0)
    lie = ManifestPage(
        HOLDER, fetch.ref.sha256, True, len(data), CHUNK_BYTES, 0, hashes_of(other)
    )
    fetch.page_heard(lie, 1)
    for number, chunk in enumerate(chunks_of(other)):
        effects = fetch.chunk_heard(HOLDER, number, chunk, 2)
    assert effects[-1] == Fetched(fetch.ref.sha256)
    assert fetch.whole_wrong(3) == [AskWho(fetch.ref.sha256)]
    fetch.page_heard(ManifestPage(R3, fetch.ref.sha256, True, len(data)), 4)
    assert fetch.page_heard(page_of(data, holder=R3), 5) == [
        AskChunks(R3, fetch.ref.sha256, (0, 1))
    ]


def test_second_holder_with_another_manifest_has_what_is_here_judged_anew() -> None:
    data, other = content(2 * CHUNK_BYTES), bytes(2 * CHUNK_BYTES)
    fetch = Fetch(ref_of(data), HOLDER, 0, direct_allowed=False)
    fetch.tick(0)
    sha256 = fetch.ref.sha256
    fetch.page_heard(
        ManifestPage(HOLDER, sha256, True, len(data), CHUNK_BYTES, 0, hashes_of(other)), 1
    )
    fetch.chunk_heard(HOLDER, 0, chunks_of(other)[0], 2)
    fetch.tick(2 + SILENT_NS)
    fetch.page_heard(ManifestPage(R3, sha256, True, len(data)), 2 + SILENT_NS)
    effects = fetch.page_heard(page_of(data, holder=R3), 3 + SILENT_NS)
    assert effects == [CheckPartial(sha256, (0,))]
    assert fetch.checked(frozenset(), 4 + SILENT_NS) == [AskChunks(R3, sha256, (0, 1))]


# ---- going on where a former try was


def test_claimed_chunks_are_checked_and_only_the_others_asked_for() -> None:
    data = content(4 * CHUNK_BYTES)
    fetch = Fetch(ref_of(data), HOLDER, 0, frozenset({0, 1, 3}))
    fetch.tick(0)
    assert fetch.page_heard(page_of(data), 1) == [CheckPartial(fetch.ref.sha256, (0, 1, 3))]
    assert fetch.tick(2) == [] and fetch.here() == {0, 1, 3}
    assert fetch.checked(frozenset({0, 3}), 3) == [AskChunks(HOLDER, fetch.ref.sha256, (1, 2))]
    assert fetch.here() == {0, 3} and fetch.done_chunks == 2


def test_file_whose_chunks_are_all_here_is_fetched_without_a_question() -> None:
    data = content(2 * CHUNK_BYTES)
    fetch = told(data, frozenset({0, 1}))
    assert fetch.checked(frozenset({0, 1}), 1) == [Fetched(fetch.ref.sha256)]


# ---- one connection

LARGE = content(DIRECT_BYTES_MIN + 5)
OFFER = DirectOffer(('10.0.0.2:4000',), b'k' * 16)
COUNT = chunk_count_of(len(LARGE))


def offered(fetch: Fetch, now_ns: int, offer: DirectOffer | None = OFFER) -> list[FetchEffect]:
    sha256 = fetch.ref.sha256
    return fetch.page_heard(
        ManifestPage(HOLDER, sha256, True, len(LARGE), first_chunk=COUNT, offer=offer), now_ns
    )


def test_large_file_is_asked_for_over_one_connection_and_written_in_runs() -> None:
    fetch = told(LARGE, direct=True)
    sha256 = fetch.ref.sha256
    assert fetch.tick(ASK_AGAIN_NS) == [AskManifest(HOLDER, sha256, COUNT, direct=True)]
    assert offered(fetch, 1) == [OpenDirect(HOLDER, sha256, OFFER, ((0, COUNT),))]
    assert fetch.tick(2) == [], 'nothing over DDS meanwhile'
    middle = 10 * CHUNK_BYTES
    assert fetch.direct_heard(0, LARGE[:middle], 3) == [WriteChunk(sha256, 0, LARGE[:middle])]
    assert fetch.direct_heard(10, LARGE[middle:], 4) == [
        WriteChunk(sha256, middle, LARGE[middle:]), CloseDirect(sha256), Fetched(sha256)
    ]


def test_damaged_chunk_of_a_connection_comes_over_dds_when_it_has_ended() -> None:
    fetch = told(LARGE, direct=True)
    offered(fetch, 1)
    bad = b'?' + LARGE[1:]
    [write] = fetch.direct_heard(0, bad, 2)
    assert isinstance(write, WriteChunk) and write.offset == CHUNK_BYTES
    assert fetch.direct_ended(3) == [AskChunks(HOLDER, fetch.ref.sha256, (0,))]
    assert fetch.direct_heard(0, LARGE, 4) == [], 'it is over'


def test_holder_without_an_offer_gives_chunks() -> None:
    fetch = told(LARGE, direct=True)
    [ask] = offered(fetch, 1, None)
    assert isinstance(ask, AskChunks)
    assert all(isinstance(one, AskChunks) for one in fetch.tick(2 * ASK_AGAIN_NS))


def test_connection_that_ends_early_is_asked_for_again_a_few_times() -> None:
    fetch = told(LARGE, direct=True)
    for number in range(1, DIRECT_TRIES + 1):
        assert isinstance(offered(fetch, number)[0], OpenDirect)
        [ask] = fetch.direct_ended(number)
        last = number == DIRECT_TRIES
        assert isinstance(ask, AskChunks if last else AskManifest)


def test_silent_connection_is_closed() -> None:
    fetch = told(LARGE, direct=True)
    offered(fetch, 1)
    effects = fetch.tick(1 + SILENT_NS)
    assert effects[0] == CloseDirect(fetch.ref.sha256) and not fetch.direct


def test_small_file_is_never_asked_for_over_a_connection() -> None:
    fetch = told(content(5 * CHUNK_BYTES), direct=True)
    assert not fetch.direct_tries and fetch.asked


def test_runs_are_neighbours() -> None:
    assert runs_of([]) == () and runs_of([1, 2, 3, 7, 9, 10]) == ((1, 3), (7, 1), (9, 2))


# ---- whatever happens


@dataclass
class Bystander:
    """A robot that may hold the file, and how it behaves."""

    kind: str  # honest, without, silent, damages, lies (another file), short
    dies_ns: int

    def content_of(self, data: bytes) -> bytes:
        return bytes(len(data)) if self.kind == 'lies' else data


@dataclass
class World:
    """One fetch and its holders over a link that loses, doubles and reorders."""

    data: bytes
    robots: dict[RobotId, Bystander]
    lost: float
    doubled: float
    direct: str  # none, good, breaks, refused
    rng: random.Random
    messages: int = 0
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.disk = bytearray(len(self.data))
        self.fetch = Fetch(ref_of(self.data), HOLDER, 0, direct_allowed=self.direct != 'none')
        self.flying: list[tuple[int, int, Callable[[], list[FetchEffect]]]] = []
        self.ended: list[str] = []

    def run(self) -> str:
        """How it ended: '' or why not."""
        while not self.ended:
            assert self.now_ns < 40 * GIVE_UP_NS, 'a fetch ends'
            self.now_ns += STEP_NS
            arrived = sorted(one for one in self.flying if one[0] <= self.now_ns)
            self.flying = [one for one in self.flying if one[0] > self.now_ns]
            for _, _, deliver in arrived:
                self.perform(deliver())
            self.perform(self.fetch.tick(self.now_ns))
            self.fetch.check_invariants()
        return self.ended[0]

    def perform(self, effects: list[FetchEffect]) -> None:
        for effect in effects:
            if self.ended:
                return
            if isinstance(effect, WriteChunk):
                self.disk[effect.offset : effect.offset + len(effect.data)] = effect.data
            elif isinstance(effect, Fetched):
                if self.disk == self.data:
                    self.ended.append('')
                else:
                    self.disk = bytearray(len(self.data))
                    self.perform(self.fetch.whole_wrong(self.now_ns))
            elif isinstance(effect, FetchFailed):
                self.ended.append(effect.reason)
            elif isinstance(effect, CheckPartial):
                hashes = self.fetch.chunk_sha256 or ()
                good = frozenset(
                    one for one in effect.chunks
                    if hashlib.sha256(chunks_of(bytes(self.disk))[one]).digest() == hashes[one]
                )
                self.perform(self.fetch.checked(good, self.now_ns))
            elif isinstance(effect, OpenDirect):
                self.connect(effect)
            elif not isinstance(effect, CloseDirect):
                self.messages += 1
                self.ask(effect)

    def fly(self, deliver: Callable[[], list[FetchEffect]]) -> None:
        for _ in range(2 if self.rng.random() < self.doubled else 1):
            if self.rng.random() >= self.lost:
                due_ns = self.now_ns + self.rng.randint(1, 6) * STEP_NS
                self.flying.append((due_ns, self.rng.getrandbits(60), deliver))

    def ask(self, effect: FetchEffect) -> None:
        asked = [effect.holder] if isinstance(effect, (AskManifest, AskChunks)) else self.robots
        for robot in asked:
            at = self.robots[robot]
            if at.kind == 'silent' or self.now_ns >= at.dies_ns:
                continue
            if isinstance(effect, AskChunks):
                self.send_chunks(robot, at, effect.chunks)
            else:
                self.send_page(robot, at, effect)

    def send_page(self, robot: RobotId, at: Bystander, effect: FetchEffect) -> None:
        held, sha256 = at.kind != 'without', self.fetch.ref.sha256
        if isinstance(effect, AskWho):
            page = ManifestPage(robot, sha256, held, len(self.data))
            if held:
                self.fly(lambda: self.fetch.page_heard(page, self.now_ns))
            return
        assert isinstance(effect, AskManifest)
        page = replace(
            page_of(at.content_of(self.data), effect.first_chunk, robot), sha256=sha256, held=held
        )
        if effect.direct and self.direct != 'refused':
            page = replace(page, offer=OFFER)
        elif effect.direct:
            page = replace(page, hashes=b'')
        self.fly(lambda: self.fetch.page_heard(page, self.now_ns))

    def send_chunks(self, robot: RobotId, at: Bystander, chunks: tuple[int, ...]) -> None:
        for number in chunks:
            data = chunks_of(at.content_of(self.data))[number]
            if at.kind == 'damages':
                data = bytes([data[0] ^ 1]) + data[1:]
            if at.kind == 'short':
                data = data[:-1]
            self.fly(lambda n=number, d=data: self.fetch.chunk_heard(robot, n, d, self.now_ns))

    def connect(self, effect: OpenDirect) -> None:
        """In order, as TCP does; it may break anywhere."""
        at = self.robots[effect.holder]
        alive = at.kind != 'silent' and self.now_ns < at.dies_ns
        due_ns, order = self.now_ns, 0
        if self.direct != 'none' and alive:
            for first, count in effect.runs:
                part = at.content_of(self.data)[
                    first * CHUNK_BYTES : (first + count) * CHUNK_BYTES
                ]
                if at.kind == 'damages':
                    part = bytes(len(part))
                due_ns, order = due_ns + STEP_NS, order + 1
                heard = (first, part)
                self.flying.append(
                    (due_ns, order,
                     lambda h=heard: self.fetch.direct_heard(*h, self.now_ns))  # type: ignore[misc]
                )
                if self.direct == 'breaks':
                    break
        ends = lambda: self.fetch.direct_ended(self.now_ns)  # noqa: E731
        self.flying.append((due_ns + STEP_NS, 0, ends))


KINDS = ('honest', 'without', 'silent', 'damages', 'lies', 'short')


@settings(max_examples=120, deadline=None)
@given(
    size=st.sampled_from([0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 1, 40 * CHUNK_BYTES - 5]),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    dies=st.lists(st.integers(0, 40), min_size=4, max_size=4),
    lost=st.sampled_from([0.0, 0.1, 0.4]),
    doubled=st.sampled_from([0.0, 0.3]),
    direct=st.sampled_from(['none', 'good', 'breaks', 'refused']),
    seed=st.integers(0, 2**32),
)
def test_fetch_ends_with_the_right_bytes_or_a_reason_and_with_bounded_talk(
    size: int, kinds: list[str], dies: list[int], lost: float, doubled: float, direct: str,
    seed: int,
) -> None:
    names = [HOLDER, R3, RobotId('r4'), RobotId('r5')]
    robots = {
        name: Bystander(kind, died * 5 * STEP_NS if died < 20 else 10**15)
        for name, kind, died in zip(names, kinds, dies, strict=False)
    }
    world = World(content(size), robots, lost, doubled, direct, random.Random(seed))
    outcome = world.run()
    if outcome == '':
        assert world.disk == world.data
    steady = any(at.kind == 'honest' and at.dies_ns == 10**15 for at in robots.values())
    if steady and lost <= 0.1:
        assert outcome == '', outcome
    assert outcome == '' or 'f' in outcome
    # Each chunk a few times for its losses and each holder that spoils it, and what time itself
    # asks for.
    assert world.messages <= 40 + 12 * chunk_count_of(size) + 4 * world.now_ns // ASK_AGAIN_NS
