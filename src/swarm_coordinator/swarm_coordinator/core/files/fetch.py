# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Fetching one file from its holder in chunks: owns what to ask for next and when to give up.

Pure: bytes are checked here and handed out as effects; the caller writes them.
Receiver-driven: a window of chunks is asked for at a time, what does not come is asked for again
with a smaller window (additive increase, multiplicative decrease: Chiu and Jain 1989), and a chunk
is written only if it has the hash that the manifest gives it.
"""

import hashlib
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import FileRef

CHUNK_BYTES = 32 * 1024  # below one UDP datagram: no IP fragments of fragments
WINDOW_MAX = 8  # 256 KiB: about what a socket takes by default (net.core.rmem_default)
WINDOW_START = 4
ASK_AGAIN_NS = 300_000_000
GIVE_UP_NS = 10_000_000_000
FILE_BYTES_MAX = 4 * 1024**3


@dataclass(frozen=True)
class AskManifest:
    holder: RobotId
    sha256: str


@dataclass(frozen=True)
class AskChunks:
    holder: RobotId
    sha256: str
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class WriteChunk:
    sha256: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Fetched:
    """Every chunk is written; the whole is still to be verified."""

    sha256: str


@dataclass(frozen=True)
class FetchFailed:
    sha256: str
    reason: str


FetchEffect = AskManifest | AskChunks | WriteChunk | Fetched | FetchFailed


@dataclass
class Fetch:
    """One file on its way here. Times are of the monotonic clock."""

    ref: FileRef
    holder: RobotId
    started_ns: int
    chunk_sha256: tuple[bytes, ...] | None = None
    missing: dict[int, None] = field(default_factory=dict)  # in order; not asked for yet
    asked: dict[int, int] = field(default_factory=dict)  # chunk -> when
    progress_ns: int = 0
    asked_manifest_ns: int | None = None
    window: int = WINDOW_START
    unbroken: int = 0  # chunks that came since the window last changed

    def __post_init__(self) -> None:
        self.progress_ns = self.started_ns

    @property
    def chunk_count(self) -> int:
        return -(-self.ref.size_bytes // CHUNK_BYTES)

    def tick(self, now_ns: int) -> list[FetchEffect]:
        """Ask for what is due; give up where nothing has come for GIVE_UP_NS."""
        if now_ns - self.progress_ns >= GIVE_UP_NS:
            return [
                FetchFailed(
                    self.ref.sha256,
                    f'{self.holder} sent nothing of {self.ref.name} for {GIVE_UP_NS // 10**9} s',
                )
            ]
        if self.chunk_sha256 is None:
            return self._ask_manifest(now_ns)
        lost = [c for c, asked_ns in self.asked.items() if now_ns - asked_ns >= ASK_AGAIN_NS]
        if lost:
            self.window, self.unbroken = max(1, self.window // 2), 0
            for chunk in lost:
                del self.asked[chunk]
            self.missing = {**dict.fromkeys(lost), **self.missing}
        return self._ask_chunks(now_ns)

    def manifest_heard(
        self, held: bool, size_bytes: int, chunk_bytes: int, hashes: bytes, now_ns: int
    ) -> list[FetchEffect]:
        """A wrong manifest ends the fetch: the holder has something else under this hash."""
        if self.chunk_sha256 is not None:
            return []
        if not held:
            return [
                FetchFailed(self.ref.sha256, f'{self.holder} does not have {self.ref.name}')
            ]
        if (
            size_bytes != self.ref.size_bytes
            or chunk_bytes != CHUNK_BYTES
            or len(hashes) != 32 * self.chunk_count
        ):
            return [
                FetchFailed(
                    self.ref.sha256,
                    f'the manifest of {self.ref.name} from {self.holder} does not fit: '
                    f'{size_bytes} bytes in chunks of {chunk_bytes} with {len(hashes)} bytes of '
                    f'hashes, expected {self.ref.size_bytes} bytes in chunks of {CHUNK_BYTES}',
                )
            ]
        self.chunk_sha256 = tuple(
            hashes[32 * i : 32 * (i + 1)] for i in range(self.chunk_count)
        )
        self.missing = dict.fromkeys(range(self.chunk_count))
        self.progress_ns = now_ns
        if not self.missing:
            return [Fetched(self.ref.sha256)]
        return self._ask_chunks(now_ns)

    def chunk_heard(self, chunk: int, data: bytes, now_ns: int) -> list[FetchEffect]:
        """A chunk that was not asked for, came twice or is damaged changes nothing."""
        if self.chunk_sha256 is None or chunk not in self.asked:
            return []
        if hashlib.sha256(data).digest() != self.chunk_sha256[chunk]:
            return []  # it is asked for again when its time is over
        del self.asked[chunk]
        self.progress_ns = now_ns
        self._widen()
        effects: list[FetchEffect] = [
            WriteChunk(self.ref.sha256, chunk * CHUNK_BYTES, data)
        ]
        if not self.missing and not self.asked:
            effects.append(Fetched(self.ref.sha256))
            return effects
        # Half a window at a time: one request for several chunks, and never an idle holder.
        if len(self.asked) <= self.window // 2:
            effects.extend(self._ask_chunks(now_ns))
        return effects

    def _widen(self) -> None:
        self.unbroken += 1
        if self.unbroken >= self.window and self.window < WINDOW_MAX:
            self.window, self.unbroken = self.window + 1, 0

    def _ask_manifest(self, now_ns: int) -> list[FetchEffect]:
        if self.asked_manifest_ns is not None and now_ns - self.asked_manifest_ns < ASK_AGAIN_NS:
            return []
        self.asked_manifest_ns = now_ns
        return [AskManifest(self.holder, self.ref.sha256)]

    def _ask_chunks(self, now_ns: int) -> list[FetchEffect]:
        chunks = tuple(list(self.missing)[: max(0, self.window - len(self.asked))])
        if not chunks:
            return []
        for chunk in chunks:
            del self.missing[chunk]
            self.asked[chunk] = now_ns
        return [AskChunks(self.holder, self.ref.sha256, chunks)]
