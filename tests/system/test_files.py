# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files between real robot processes: interrupted, from another holder, damaged, without room."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv

from swarm_coordinator.core.files.manifest import CHUNK_BYTES, FileQuestion, ManifestPage
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.ros.transport import StorageIdentity, Transport

Make = Callable[..., Any]
MB = 1_000_000
ROUNDS_MAX = 5
ACCEPTED = srv.FetchFile.Response.ACCEPTED


def content(tmp_path: Path, size: int, name: str = 'f') -> tuple[Path, str]:
    path = tmp_path / name
    path.write_bytes(random.Random(name).randbytes(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def put(made: Any, robot: str, path: Path, **fields: Any) -> Any:
    return ended(made, robot, srv.StoreFile, 'store_file', path=str(path), **fields)


def fetch(made: Any, robot: str, sha256: str, **fields: Any) -> Any:
    """One look at how far it is; begins it."""
    request = srv.FetchFile.Request(sha256=sha256, **fields)
    return made.call(robot, srv.FetchFile, 'fetch_file', request)


def ended(made: Any, robot: str, kind: Any, service: str, **fields: Any) -> Any:
    answers: list[Any] = []

    def over() -> bool:
        answers[:] = [made.call(robot, kind, service, kind.Request(**fields))]
        return bool(answers[0].ended)

    made.until(over, f'{service} of {robot} ends', 60.0)
    return answers[0]


def fetched(made: Any, robot: str, sha256: str, **fields: Any) -> Any:
    return ended(made, robot, srv.FetchFile, 'fetch_file', sha256=sha256, **fields)


def store_of(made: Any, robot: str) -> Any:
    return made.call(robot, srv.ListFiles, 'list_files', srv.ListFiles.Request())


def right(path: Path, sha256: str) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize('direct', [True, False])
def test_receiver_killed_at_half_goes_on_where_it_was(
    field: Make, tmp_path: Path, direct: bool
) -> None:
    made = field(files_direct=direct, files_mb_per_s_max=12)
    made.ready()
    path, sha256 = content(tmp_path, 40 * MB)
    assert put(made, 'r1', path).code == ACCEPTED
    half = [0]

    def at_half() -> bool:
        half[0] = fetch(made, 'r2', sha256, holder='r1').done_bytes
        return half[0] >= 20 * MB

    made.until(at_half, 'half of it is there')
    made.swarm.kill('r2')
    made.swarm.start('r2')
    made.ready()
    answer = fetched(made, 'r2', sha256, holder='r1', path=str(tmp_path / 'got'))
    assert answer.code == ACCEPTED, answer.reason
    assert right(tmp_path / 'got', sha256)
    again = store_of(made, 'r2').received_bytes
    assert again <= 40 * MB - 0.8 * half[0], f'{again} bytes were fetched again'
    assert store_of(made, 'r1').sent_bytes <= 54 * MB, 'anew it would be 60 or more'


@pytest.mark.parametrize('direct', [True, False])
def test_holder_killed_midway_is_replaced_by_another(
    field: Make, tmp_path: Path, direct: bool
) -> None:
    made = field(files_direct=direct, files_mb_per_s_max=6)
    made.ready()
    path, sha256 = content(tmp_path, 30 * MB)
    for robot in ('r1', 'r3'):
        assert put(made, robot, path).code == ACCEPTED
    made.until(lambda: fetch(made, 'r2', sha256, holder='r1').done_bytes >= 10 * MB, 'a third')
    made.swarm.kill('r1')
    answer = fetched(made, 'r2', sha256, holder='r1', path=str(tmp_path / 'got'))
    assert (answer.code, answer.holder) == (ACCEPTED, 'r3'), answer.reason
    assert right(tmp_path / 'got', sha256)
    assert store_of(made, 'r3').sent_bytes <= 21 * MB, 'the rest only'


def test_file_that_does_not_fit_is_refused_and_the_robot_goes_on(
    field: Make, tmp_path: Path
) -> None:
    made = field(storage_quota_mb=2)
    made.ready()
    small, _ = content(tmp_path, MB, 'small')
    large, sha256 = content(tmp_path, 3 * MB, 'large')
    refused = put(made, 'r1', large)
    assert refused.code == refused.REFUSED and 'quota' in refused.reason
    answer = fetched(made, 'r2', sha256, size_bytes=3 * MB)
    assert answer.code == answer.REFUSED and 'quota' in answer.reason
    assert put(made, 'r2', small).code == ACCEPTED
    assert not list((made.swarm.storage('r2') / 'partial').iterdir())


def test_cache_makes_room_and_a_damaged_file_is_set_aside(field: Make, tmp_path: Path) -> None:
    made = field(storage_quota_mb=3)
    made.ready()
    hashes = []
    for name in ('a', 'b', 'c'):
        path, sha256 = content(tmp_path, 1_200_000, name)
        hashes.append(sha256)
        assert put(made, 'r1', path).code == ACCEPTED
    assert [one.sha256 for one in store_of(made, 'r1').files] == hashes[1:]
    stored = made.swarm.storage('r1') / 'blobs' / hashes[2][:2] / hashes[2]
    stored.write_bytes(bytes(1_200_000))
    answer = ended(made, 'r1', srv.VerifyFiles, 'verify_files')
    assert [one.sha256 for one in answer.damaged] == hashes[2:] and answer.files == 2
    nobody = fetched(made, 'r2', hashes[2])
    assert nobody.code == nobody.REFUSED and 'nobody' in nobody.reason


class Liar:
    """Speaks the protocol as a robot that has every file, and damages each chunk. `asked` counts
    who came for chunks: who took it for a holder."""

    def __init__(self, made: Any, data: bytes) -> None:
        self.data, self.asked = data, 0
        self.link = Transport(
            made.client.node, 'test', RobotId('r9'), StorageIdentity(1, 1), lambda event: None
        )
        self.link.requested = self.answer
        self.link.listen()

    def answer(self, question: FileQuestion) -> None:
        self.asked += bool(question.chunks)
        chunks = [
            self.data[at : at + CHUNK_BYTES] for at in range(0, len(self.data), CHUNK_BYTES)
        ]
        for number in question.chunks:
            bad = bytes(len(chunks[number]))
            self.link.send_chunk(question.sender, question.sha256, number, bad)
        if not question.chunks:
            hashes = b''.join(hashlib.sha256(one).digest() for one in chunks)
            page = ManifestPage(
                RobotId('r9'), question.sha256, True, len(self.data), hashes=hashes
            )
            self.link.send_page(question.sender, page)


def test_holder_that_answers_every_chunk_wrong_is_left_for_an_honest_one(
    field: Make, tmp_path: Path
) -> None:
    made = field(security='off')  # as from a robot that belongs: what is unsigned is not looked at
    made.ready()
    liar = Liar(made, b'')
    for number in range(ROUNDS_MAX):  # again where the liar was too slow to be taken for a holder
        path, sha256 = content(tmp_path, 600_000, f'f{number}')
        assert put(made, 'r1', path).code == ACCEPTED
        liar.data, got = path.read_bytes(), tmp_path / f'got{number}'
        answer = fetched(made, 'r2', sha256, holder='r9', path=str(got))
        assert (answer.code, answer.holder) == (ACCEPTED, 'r1'), answer.reason
        assert right(got, sha256)
        if liar.asked:
            break
    assert liar.asked > 0


def test_requests_that_make_no_sense_change_nothing(field: Make, tmp_path: Path) -> None:
    made = field(security='off', files_mb_per_s_max=20)
    made.ready()
    path, sha256 = content(tmp_path, 8 * MB)
    assert put(made, 'r1', path).code == ACCEPTED
    rng = random.Random(1)
    sender = Transport(
        made.client.node, 'test', RobotId('r9'), StorageIdentity(1, 1), lambda event: None
    )
    answered: list[RobotId] = []
    sender.page_heard = lambda page: answered.append(page.holder)
    sender.listen()
    assert fetch(made, 'r2', sha256, holder='r1').code == ACCEPTED
    for number in range(2000):
        body = msg.FileRequest(
            sha256=list(bytes.fromhex(sha256) if number % 2 else rng.randbytes(32)),
            chunk_bytes=rng.choice([0, 1, CHUNK_BYTES, 2**32 - 1]),
            chunks=[rng.getrandbits(32) for _ in range(rng.choice([0, 1, 300]))],
            first_chunk=rng.getrandbits(32),
            direct=rng.random() < 0.5,
        )
        sender.send('/swarm/file_request', body, rng.choice(['', 'r1']))
        page = msg.FileManifest(
            sha256=list(bytes.fromhex(sha256)), held=True, size_bytes=rng.getrandbits(64),
            addresses=['nonsense'] * rng.choice([0, 1, 100]),
            chunk_sha256=[0] * rng.choice([0, 31, 40_000]),
        )
        if number % 20 == 0:
            sender.send('/swarm/file_manifest', page, 'r2')
    answer = fetched(made, 'r2', sha256, holder='r1', path=str(tmp_path / 'got'))
    assert answer.code == ACCEPTED, answer.reason
    assert right(tmp_path / 'got', sha256)
    made.until(lambda: 'r1' in answered, 'those that make sense are answered')
    for number, reason in ((0, 'expected 64'), (1, 'absolute')):
        wrong = fetch(made, 'r1', 'xyz') if not number else fetch(made, 'r1', sha256, path='rel')
        assert wrong.code == wrong.REFUSED and reason in wrong.reason


def test_swarmctl_puts_gets_verifies_and_collects(
    field: Make, tmp_path: Path, swarmctl: Callable[..., Any]
) -> None:
    made = field()
    made.ready()
    path, sha256 = content(tmp_path, 3 * MB, 'map.png')
    assert swarmctl(made.swarm, '--robot', 'r1', 'files', 'put', str(path)).returncode == 0
    said: list[str] = []

    def got() -> bool:
        done = swarmctl(made.swarm, '--robot', 'r2', 'files', 'get', sha256, 'copy.png')
        assert done.returncode == 0 or 'nobody' in done.stderr, done.stderr
        said[:] = [done.stdout]
        return not done.returncode

    made.until(got, 'r2 has it')
    assert 'from r1' in said[0]
    assert right(tmp_path / 'copy.png', sha256)
    listed = swarmctl(made.swarm, '--robot', 'r1', 'files', 'list').stdout
    assert 'map.png' in listed and 'cached' in listed
    assert 'none damaged' in swarmctl(made.swarm, '--robot', 'r2', 'files', 'verify').stdout
    assert '1 files are gone' in swarmctl(made.swarm, '--robot', 'r2', 'files', 'gc').stdout
