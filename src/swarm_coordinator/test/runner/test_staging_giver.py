# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot gives of its files, whatever else it is asked for."""

from __future__ import annotations

from pathlib import Path

from swarm_coordinator.core.files.manifest import CHUNK_BYTES, FileQuestion, ManifestPage
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.runner.staging_giver import (
    CHUNKS_PER_REQUEST_MAX,
    SEND_BURST,
    StagingGiver,
    Traffic,
)
from swarm_coordinator.storage.blob_store import BlobStore

ME, THEY = RobotId('r1'), RobotId('r2')
UNKNOWN = 'a' * 64


class Sent:
    """A link that remembers what went out."""

    def __init__(self) -> None:
        self.pages: list[ManifestPage] = []
        self.chunks: list[tuple[str, int, int]] = []

    def ask(self, *_: object, **__: object) -> None:
        raise AssertionError('a giver asks nobody')

    def send_page(self, to: RobotId, page: ManifestPage) -> None:
        self.pages.append(page)

    def send_chunk(self, to: RobotId, sha256: str, chunk: int, data: bytes) -> None:
        self.chunks.append((sha256, chunk, len(data)))


def test_questions_for_what_is_not_here_do_not_use_up_the_pace(tmp_path: Path) -> None:
    path = tmp_path / 'f'
    path.write_bytes(b'x' * (CHUNK_BYTES + 9))
    store, link, traffic = BlobStore(tmp_path / 'store', 10**8), Sent(), Traffic()
    ref = store.add_file(path, 'f')
    giver = StagingGiver(store, link, ME, SharedPace(1), None, traffic)
    questions = 10
    for number in range(questions):
        first = CHUNKS_PER_REQUEST_MAX * number
        asked = tuple(range(first, first + CHUNKS_PER_REQUEST_MAX))
        giver.asked(FileQuestion(THEY, UNKNOWN, CHUNK_BYTES, asked))
    giver.asked(FileQuestion(THEY, ref.sha256, CHUNK_BYTES, (0, 1, 2)))  # the last is beyond it
    turns = 0
    while giver.owes:
        giver.send()
        turns += 1
        assert turns <= questions * CHUNKS_PER_REQUEST_MAX // SEND_BURST + 2, 'it waited'
    assert link.chunks == [(ref.sha256, 0, CHUNK_BYTES), (ref.sha256, 1, 9)]
    assert traffic.sent_bytes == CHUNK_BYTES + 9
    assert {(page.sha256, page.held) for page in link.pages} == {(UNKNOWN, False)}
