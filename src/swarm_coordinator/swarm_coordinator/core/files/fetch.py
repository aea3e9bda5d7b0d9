# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fetching one file from whoever has it: owns whom to ask for what next, and when to give up.

Pure: bytes are checked here and handed out as effects; the caller writes them. Receiver-driven:
the hashes of all chunks come first, then the chunks, over DDS in a window or over one connection
(`direct`); a chunk is written only if it has its hash. A holder that is silent, wrong or without
the file is left for another one. Over DDS the window shrinks with loss and grows without it
(additive increase, multiplicative decrease: Chiu and Jain 1989).
"""

import hashlib
from dataclasses import dataclass, field
from itertools import islice

from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    HASHES_PER_PAGE,
    DirectOffer,
    ManifestPage,
    chunk_count_of,
)
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef

WINDOW_MAX = 8  # 256 KiB: about what a socket takes by default (net.core.rmem_default)
WINDOW_START = 4
CHUNKS_ASKED_MAX = 16  # in one request
ASK_AGAIN_NS = 300_000_000
SILENT_NS = 2_000_000_000  # of one holder; then another is looked for
NOBODY_NS = 2_000_000_000  # nobody says that he has it: several repetitions of the question
GIVE_UP_NS = 10_000_000_000
WRONG_MAX = 8  # damaged chunks of one holder: more is no accident of the network
DIRECT_BYTES_MIN = 1024 * 1024  # below it a connection saves nothing (chosen without data)
DIRECT_TRIES = 2  # connections with one holder; then its chunks come over DDS


@dataclass(frozen=True)
class AskWho:
    """Of everybody: who has this file?"""

    sha256: str


@dataclass(frozen=True)
class AskManifest:
    """The page of the manifest that begins with `first_chunk`; `direct`: instead of hashes, where
    the bytes can be had over one connection."""

    holder: RobotId
    sha256: str
    first_chunk: int
    direct: bool = False


@dataclass(frozen=True)
class AskChunks:
    holder: RobotId
    sha256: str
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class OpenDirect:
    """Have runs of chunks, each (first, count), over one connection."""

    holder: RobotId
    sha256: str
    offer: DirectOffer
    runs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CloseDirect:
    sha256: str


@dataclass(frozen=True)
class WriteChunk:
    """One or more whole chunks."""

    sha256: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class CheckPartial:
    """Which of these chunks on the disk have the hashes that the manifest gives them?"""

    sha256: str
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class Fetched:
    """Every chunk is written; the whole is still to be verified."""

    sha256: str


@dataclass(frozen=True)
class FetchFailed:
    sha256: str
    reason: str


FetchEffect = (
    AskWho | AskManifest | AskChunks | OpenDirect | CloseDirect | WriteChunk | CheckPartial
    | Fetched | FetchFailed
)


@dataclass
class Fetch:
    """One file on its way here. Times are of the monotonic clock.

    hint        who is asked first; None = who has it is asked of all
    claimed     chunks that a former try says are on the disk: checked against the manifest
    """

    ref: FileRef
    hint: RobotId | None
    started_ns: int
    claimed: frozenset[int] = frozenset()
    direct_allowed: bool = True
    holder: RobotId | None = None
    others: dict[RobotId, None] = field(default_factory=dict)  # said that they have it
    refused: dict[RobotId, str] = field(default_factory=dict)  # not asked again, and why
    silent: dict[RobotId, int] = field(default_factory=dict)  # left for their silence, when
    hashes: list[bytes] = field(default_factory=list)  # of chunks, as far as they have come
    chunk_sha256: tuple[bytes, ...] | None = None
    manifest_of: RobotId | None = None
    checking: bool = False
    missing: dict[int, None] = field(default_factory=dict)  # in order; not asked for
    asked: dict[int, int] = field(default_factory=dict)  # chunk -> when
    wrong: dict[RobotId, int] = field(default_factory=dict)  # damaged chunks of each holder
    direct: bool = False  # a connection is open
    direct_tries: int = 0
    progress_ns: int = 0  # something right came, from anybody
    holder_ns: int = 0  # something came from this holder
    asked_ns: int | None = None  # the last question without chunks
    who_ns: int = 0
    window: int = WINDOW_START
    unbroken: int = 0  # chunks that came since the window last changed

    def __post_init__(self) -> None:
        self.progress_ns = self.holder_ns = self.who_ns = self.started_ns
        self.holder = self.hint
        if self.chunk_count <= 1:  # its only chunk has the hash of the file
            whole = (bytes.fromhex(self.ref.sha256),)
            self._adopt(whole[: self.chunk_count], None)

    @property
    def chunk_count(self) -> int:
        return chunk_count_of(self.ref.size_bytes)

    @property
    def done_chunks(self) -> int:
        """Chunks that are here and checked."""
        if self.chunk_sha256 is None or self.checking:
            return 0
        return self.chunk_count - len(self.missing) - len(self.asked)

    def here(self) -> frozenset[int]:
        """The chunks that a later try may count on; of a fetch without manifest, what it began
        with."""
        if self.chunk_sha256 is None or self.checking:
            return self.claimed
        away = self.missing.keys() | self.asked.keys()
        return frozenset(one for one in range(self.chunk_count) if one not in away)

    # ---- time

    def tick(self, now_ns: int) -> list[FetchEffect]:
        """Ask for what is due; change a silent holder; give up where nothing comes."""
        if self._complete():
            return [Fetched(self.ref.sha256)]
        if now_ns - self.progress_ns >= GIVE_UP_NS:
            return self._give_up(now_ns)
        if self.holder is None:
            return self._look(now_ns)
        effects: list[FetchEffect] = []
        if now_ns - self.holder_ns >= SILENT_NS:
            self.silent[self.holder] = now_ns
            effects += self._leave(now_ns)
            return effects + self._look(now_ns)
        if self.chunk_sha256 is None or self.manifest_of != self.holder and self.chunk_count > 1:
            return effects + self._ask_manifest(now_ns)
        self._expire(now_ns)
        if self._wants_direct():
            return effects + self._ask_direct(now_ns)
        return effects + self._ask_chunks(now_ns)

    def _expire(self, now_ns: int) -> None:
        lost = [c for c, asked_ns in self.asked.items() if now_ns - asked_ns >= ASK_AGAIN_NS]
        if lost and not self.direct:
            self.window, self.unbroken = max(1, self.window // 2), 0
            self._ask_later(lost)

    def _ask_later(self, chunks: list[int]) -> None:
        for chunk in chunks:
            self.asked.pop(chunk, None)
        self.missing = {**dict.fromkeys(chunks), **self.missing}

    # ---- whom to ask

    def held_by(self, robot: RobotId, now_ns: int) -> list[FetchEffect]:
        """Somebody says that he has the file."""
        if robot in self.refused:
            return []
        self.others[robot] = None
        if self.holder is None and not self._complete():
            return self._turn_to(robot, now_ns)
        return []

    def _look(self, now_ns: int) -> list[FetchEffect]:
        """No holder: take one who said that he has it, or ask everybody."""
        fresh = [one for one in self.others if one not in self.silent]
        if fresh:
            return self._turn_to(fresh[0], now_ns)
        again = [one for one in self.others if now_ns - self.silent[one] >= SILENT_NS]
        if again:
            return self._turn_to(again[0], now_ns)
        if not self.others and now_ns - self.who_ns >= NOBODY_NS and self.asked_ns is not None:
            return [FetchFailed(self.ref.sha256, self._nobody())]
        return self._ask(AskWho(self.ref.sha256), now_ns)

    def _turn_to(self, robot: RobotId, now_ns: int) -> list[FetchEffect]:
        self.holder, self.holder_ns, self.asked_ns = robot, now_ns, None
        self.direct_tries = 0
        self.window, self.unbroken = WINDOW_START, 0
        return self.tick(now_ns)

    def _leave(self, now_ns: int) -> list[FetchEffect]:
        """No more of this holder; what was asked of it is asked of the next one."""
        effects: list[FetchEffect] = [CloseDirect(self.ref.sha256)] if self.direct else []
        if self.holder is not None and self.holder in self.silent:
            self.others.setdefault(self.holder)  # it may come back, and nobody else may have it
        self._ask_later(list(self.asked))
        self.holder, self.direct, self.asked_ns, self.who_ns = None, False, None, now_ns
        return effects

    def _refuse(self, why: str, now_ns: int) -> list[FetchEffect]:
        assert self.holder is not None
        self.refused[self.holder] = why
        self.others.pop(self.holder, None)
        self.silent.pop(self.holder, None)
        return [*self._leave(now_ns), *self._look(now_ns)]

    def _give_up(self, now_ns: int) -> list[FetchEffect]:
        silent = ', '.join(sorted(self.others)) or self.holder or 'everybody'
        text = f'{silent} sent nothing right of {self.ref.name} for {GIVE_UP_NS // 10**9} s'
        closing: list[FetchEffect] = [CloseDirect(self.ref.sha256)] if self.direct else []
        return [*closing, FetchFailed(self.ref.sha256, '; '.join([text, *self._reasons()]))]

    def _nobody(self) -> str:
        known = self._reasons()
        nobody = f'nobody {"else " if known else ""}says that they have {self.ref.name}'
        return '; '.join([*known, nobody])

    def _reasons(self) -> list[str]:
        damaged = {
            robot: f'sent {count} damaged chunks' for robot, count in self.wrong.items()
        }
        told = {**damaged, **self.refused}
        return [f'{robot} {why}' for robot, why in sorted(told.items())]

    # ---- the manifest

    def page_heard(self, page: ManifestPage, now_ns: int) -> list[FetchEffect]:
        """What a holder says of the file. A wrong manifest ends our business with this holder."""
        if page.holder in self.refused or page.sha256 != self.ref.sha256:
            return []
        if page.holder != self.holder:
            return self.held_by(page.holder, now_ns) if page.held else []
        if not page.held:
            return self._refuse(f'does not have {self.ref.name}', now_ns)
        self.holder_ns = now_ns
        if page.size_bytes != self.ref.size_bytes or page.chunk_bytes != CHUNK_BYTES:
            return self._refuse(
                f'has {page.size_bytes} bytes in chunks of {page.chunk_bytes} as '
                f'{self.ref.name}, expected {self.ref.size_bytes} in chunks of {CHUNK_BYTES}',
                now_ns,
            )
        if page.first_chunk >= self.chunk_count:
            return self._direct_answered(page.offer, now_ns)
        return self._take_page(page, now_ns)

    def _take_page(self, page: ManifestPage, now_ns: int) -> list[FetchEffect]:
        if self.manifest_of == self.holder or page.first_chunk != len(self.hashes):
            return []  # said twice
        expected = min(HASHES_PER_PAGE, self.chunk_count - page.first_chunk)
        if len(page.hashes) != 32 * expected:
            if not page.hashes:
                return []  # only says that it has it
            return self._refuse(
                f'sent {len(page.hashes)} bytes of hashes of {self.ref.name}, '
                f'expected {32 * expected}',
                now_ns,
            )
        self.hashes += [page.hashes[at : at + 32] for at in range(0, len(page.hashes), 32)]
        self.progress_ns, self.asked_ns = now_ns, None
        if len(self.hashes) < self.chunk_count:
            return self._ask_manifest(now_ns)
        told, self.hashes = tuple(self.hashes), []
        if told == self.chunk_sha256:
            self.manifest_of = self.holder
            return self.tick(now_ns)
        if self.chunk_sha256 is not None:  # one of the two is wrong: what is here is judged anew
            self.claimed = self.here()
        self._adopt(told, self.holder)
        if self.claimed:
            self.checking = True
            return [CheckPartial(self.ref.sha256, tuple(sorted(self.claimed)))]
        return self.tick(now_ns)

    def _adopt(self, chunk_sha256: tuple[bytes, ...], giver: RobotId | None) -> None:
        self.chunk_sha256, self.manifest_of = chunk_sha256, giver
        self.asked = {}
        self.missing = dict.fromkeys(range(self.chunk_count))

    def checked(self, good: frozenset[int], now_ns: int) -> list[FetchEffect]:
        """The answer to CheckPartial."""
        self.checking, self.progress_ns = False, now_ns
        for chunk in good:
            self.missing.pop(chunk, None)
        self.claimed = frozenset()
        return self.tick(now_ns)

    def whole_wrong(self, now_ns: int) -> list[FetchEffect]:
        """All chunks fit the manifest and the file is another one: the manifest was wrong."""
        self.hashes, self.chunk_sha256, self.claimed = [], None, frozenset()
        self.missing, self.asked = {}, {}
        self.holder = self.manifest_of or self.holder
        if self.holder is None:
            return self._look(now_ns)
        self.manifest_of = None
        return self._refuse(f'sent another file as {self.ref.name}', now_ns)

    def _ask_manifest(self, now_ns: int) -> list[FetchEffect]:
        assert self.holder is not None
        return self._ask(AskManifest(self.holder, self.ref.sha256, len(self.hashes)), now_ns)

    def _ask(self, question: FetchEffect, now_ns: int) -> list[FetchEffect]:
        if self.asked_ns is not None and now_ns - self.asked_ns < ASK_AGAIN_NS:
            return []
        self.asked_ns = now_ns
        return [question]

    # ---- chunks over DDS

    def chunk_heard(
        self, holder: RobotId, chunk: int, data: bytes, now_ns: int
    ) -> list[FetchEffect]:
        """A chunk that was not asked for, came twice or is damaged changes nothing."""
        if self.chunk_sha256 is None or chunk not in self.asked or self.checking:
            return []
        if hashlib.sha256(data).digest() != self.chunk_sha256[chunk]:
            return self._damaged(1, now_ns) if holder == self.holder else []
        del self.asked[chunk]
        self.progress_ns = self.holder_ns = now_ns
        self._widen()
        effects: list[FetchEffect] = [WriteChunk(self.ref.sha256, chunk * CHUNK_BYTES, data)]
        if self._complete():
            return [*effects, Fetched(self.ref.sha256)]
        # Half a window at a time: one request for several chunks, and never an idle holder.
        if self.holder is not None and len(self.asked) <= self.window // 2:
            effects += self._ask_chunks(now_ns)
        return effects

    def _damaged(self, count: int, now_ns: int) -> list[FetchEffect]:
        """Asked for again when its time is over: at once would let a liar keep us busy."""
        assert self.holder is not None
        wrong = self.wrong[self.holder] = self.wrong.get(self.holder, 0) + count
        if wrong <= WRONG_MAX:
            return []
        return self._refuse(f'sent {wrong} damaged chunks of {self.ref.name}', now_ns)

    def _widen(self) -> None:
        self.unbroken += 1
        if self.unbroken >= self.window and self.window < WINDOW_MAX:
            self.window, self.unbroken = self.window + 1, 0

    def _ask_chunks(self, now_ns: int) -> list[FetchEffect]:
        if self.direct or self.checking or self.holder is None:
            return []
        room = min(CHUNKS_ASKED_MAX, self.window - len(self.asked))
        chunks = tuple(islice(self.missing, max(0, room)))
        if not chunks:
            return []
        for chunk in chunks:
            del self.missing[chunk]
            self.asked[chunk] = now_ns
        return [AskChunks(self.holder, self.ref.sha256, chunks)]

    def _complete(self) -> bool:
        known = self.chunk_sha256 is not None and not self.checking
        return known and not self.missing and not self.asked

    # ---- chunks over one connection

    def _wants_direct(self) -> bool:
        large = len(self.missing) * CHUNK_BYTES >= DIRECT_BYTES_MIN
        return (
            self.direct_allowed and large and not self.direct and not self.checking
            and self.direct_tries < DIRECT_TRIES
        )

    def _ask_direct(self, now_ns: int) -> list[FetchEffect]:
        assert self.holder is not None
        return self._ask(
            AskManifest(self.holder, self.ref.sha256, self.chunk_count, direct=True), now_ns
        )

    def _direct_answered(self, offer: DirectOffer | None, now_ns: int) -> list[FetchEffect]:
        if not self._wants_direct() or self.holder is None:
            return []
        if offer is None:
            self.direct_tries = DIRECT_TRIES
            return self._ask_chunks(now_ns)
        self.direct, self.asked_ns = True, None
        self.direct_tries += 1
        self._ask_later(list(self.asked))
        return [OpenDirect(self.holder, self.ref.sha256, offer, runs_of(sorted(self.missing)))]

    def direct_heard(self, first_chunk: int, data: bytes, now_ns: int) -> list[FetchEffect]:
        """Whole chunks in a row. Those that are right are written, neighbours together."""
        if not self.direct or self.chunk_sha256 is None:
            return []
        view, good, damaged = memoryview(data), [], 0
        for at in range(0, len(data), CHUNK_BYTES):
            chunk = first_chunk + at // CHUNK_BYTES
            if chunk not in self.missing:
                continue
            if hashlib.sha256(view[at : at + CHUNK_BYTES]).digest() == self.chunk_sha256[chunk]:
                good.append(chunk)
                del self.missing[chunk]
            else:
                damaged += 1
        effects: list[FetchEffect] = []
        for first, count in runs_of(good):
            at = (first - first_chunk) * CHUNK_BYTES
            part = bytes(view[at : at + count * CHUNK_BYTES])
            effects.append(WriteChunk(self.ref.sha256, first * CHUNK_BYTES, part))
        if good:
            self.progress_ns = self.holder_ns = now_ns
        if self._complete():
            self.direct = False
            return [*effects, CloseDirect(self.ref.sha256), Fetched(self.ref.sha256)]
        return effects + (self._damaged(damaged, now_ns) if damaged else [])

    def direct_ended(self, now_ns: int) -> list[FetchEffect]:
        """The connection is over; what has not come is asked for again."""
        if not self.direct:
            return []
        self.direct = False
        return self.tick(now_ns)

    def check_invariants(self) -> None:
        assert not self.missing.keys() & self.asked.keys()
        assert len(self.asked) <= WINDOW_MAX
        assert self.holder is None or self.holder not in self.refused
        assert not (self.direct and self.asked)


def runs_of(chunks: list[int]) -> tuple[tuple[int, int], ...]:
    """(first, count) of each run of neighbours in an ascending list."""
    runs: list[tuple[int, int]] = []
    for chunk in chunks:
        if runs and chunk == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((chunk, 1))
    return tuple(runs)
