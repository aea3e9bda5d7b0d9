# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What other robots get of the blob store: owns the answers to their questions and the chunks that
they were promised. Used by the stager's thread only.

Whose turn it is to get a chunk is decided by core/files/outbox.py, how fast by core/files/pace.py.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from swarm_coordinator.core.files.manifest import (
    CHUNK_BYTES,
    HASHES_PER_PAGE,
    DirectOffer,
    FileQuestion,
    ManifestPage,
    chunk_count_of,
)
from swarm_coordinator.core.files.outbox import Outbox
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.runner.file_server import FileServer
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.storage.blob_store import BlobStore

CHUNKS_PER_REQUEST_MAX = 16
MANIFEST_CACHE_BYTES = 16 * 1024 * 1024  # hashes of 16 GiB of files
NOTHING_BYTES = 1024  # what a question for a chunk that is not here takes of the pace
SEND_BURST = 8  # chunks between two looks into the stager's inbox


class StagingLink(Protocol):
    """How staging talks to other robots."""

    def ask(
        self,
        holder: RobotId | None,
        sha256: str,
        chunks: tuple[int, ...] = (),
        first_chunk: int = 0,
        direct: bool = False,
    ) -> None:
        """Ask a holder, or everybody."""

    def send_page(self, to: RobotId, page: ManifestPage) -> None: ...
    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None: ...


@dataclass
class Traffic:
    """File bytes since the start."""

    received_bytes: int = 0  # that were right and new
    sent_bytes: int = 0

    def sent(self, count: int) -> None:
        self.sent_bytes += count


class StagingGiver:
    def __init__(
        self,
        store: BlobStore,
        link: StagingLink,
        robot_id: RobotId,
        pace: SharedPace,
        server: FileServer | None,
        traffic: Traffic,
    ) -> None:
        self._store, self._link, self._robot_id = store, link, robot_id
        self._pace, self._server, self._traffic = pace, server, traffic
        self._outbox = Outbox()
        self._manifests: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    @property
    def owes(self) -> bool:
        """Chunks wait to be sent."""
        return bool(self._outbox)

    def asked(self, question: FileQuestion) -> None:
        if question.chunk_bytes != CHUNK_BYTES or not question.chunks:
            self._answer(question)
            return
        self._outbox.add(
            question.sender, question.sha256, question.chunks[:CHUNKS_PER_REQUEST_MAX]
        )

    def send(self) -> None:
        """As many chunks as the pace allows, up to a burst."""
        for _ in range(SEND_BURST):
            if not self._outbox or self._pace.take(CHUNK_BYTES):
                return
            receiver, sha256, number = self._outbox.next()
            data = self._store.chunk(sha256, number)
            # Who asks for what is not here must not use up what others are given.
            self._pace.refund(CHUNK_BYTES - max(NOTHING_BYTES, len(data or b'')))
            if data is None:
                self._link.send_page(receiver, ManifestPage(self._robot_id, sha256, False))
            elif data:
                self._link.send_chunk(receiver, sha256, number, data)
                self._traffic.sent(len(data))

    def forget(self, sha256: str) -> None:
        """It was damaged: what is known of it counts no longer."""
        self._manifests.pop(sha256, None)

    def _answer(self, question: FileQuestion) -> None:
        sha256, to = question.sha256, question.sender
        if question.everybody:
            size = self._store.size_of(sha256)
            if size is not None:
                self._link.send_page(to, ManifestPage(self._robot_id, sha256, True, size))
            return
        manifest = self._manifest(sha256)
        if manifest is None:
            self._link.send_page(to, ManifestPage(self._robot_id, sha256, False))
            return
        size, hashes = manifest
        first = question.first_chunk
        page = hashes[32 * first : 32 * (first + HASHES_PER_PAGE)]
        offer = None
        if question.direct and first >= chunk_count_of(size):
            offer = self._offer(sha256, size)
        self._link.send_page(
            to,
            ManifestPage(
                self._robot_id, sha256, True, size, first_chunk=first, hashes=page, offer=offer
            ),
        )

    def _offer(self, sha256: str, size: int) -> DirectOffer | None:
        if self._server is None:
            return None
        return self._server.offer(self._store.path(sha256), size)

    def _manifest(self, sha256: str) -> tuple[int, bytes] | None:
        known = self._manifests.get(sha256)
        if known is not None and self._store.path(sha256).exists():
            self._manifests.move_to_end(sha256)
            return known
        self._manifests.pop(sha256, None)
        manifest = self._store.manifest(sha256)
        if manifest is not None:
            self._manifests[sha256] = manifest
            while sum(len(one[1]) for one in self._manifests.values()) > MANIFEST_CACHE_BYTES:
                self._manifests.popitem(last=False)
        return manifest
