# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a stranger between the two ends of a file's connection sees, and can do."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarm_coordinator.core.files.manifest import CHUNK_BYTES, DirectOffer, chunk_count_of
from swarm_coordinator.runner.direct_fetch import DirectFetch
from swarm_coordinator.runner.file_server import BLOCK_BYTES, FileServer, MakeCipher
from swarm_coordinator.runner.shared_pace import SharedPace
from swarm_coordinator.security.file_cipher import FileCipher

MARKER = b'a marker that is nowhere else 4711'
WAIT_S = 20.0
SIZE = 3 * BLOCK_BYTES + 5 * CHUNK_BYTES + 77


class Between:
    """Carries one connection on and keeps what it carried; `spoil` changes what comes back."""

    def __init__(self, address: str, spoil: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.seen = b''
        self._spoil = spoil
        host, port = address.split(':')
        self._far = socket.create_connection((host, int(port)))
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self._listener.getsockname()[1]}'
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        near, _ = self._listener.accept()
        threading.Thread(target=self._carry, args=(near, self._far), daemon=True).start()
        self._carry(self._far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.seen += data
                sink.sendall(self._spoil(data) if source is self._far else data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self._far.close()


class Transfer:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.heard: dict[int, bytes] = {}

    def run(self, offer: DirectOffer, cipher: MakeCipher | None) -> str:
        ended: queue.Queue[str] = queue.Queue()
        chunks = chunk_count_of(self.size)
        fetch = DirectFetch(
            offer, ((0, 2), (3, chunks - 3)), self.size, SharedPace(1000), self._take, ended.put,
            cipher)
        self.fetch = fetch
        fetch.start()
        return ended.get(timeout=WAIT_S)

    def _take(self, first: int, data: bytes) -> None:
        self.heard[first] = data
        self.fetch.taken()

    @property
    def is_right(self) -> bool:
        whole = self.path.read_bytes()
        return bool(self.heard) and all(
            whole[first * CHUNK_BYTES :].startswith(data) for first, data in self.heard.items())


@pytest.fixture
def transfer(tmp_path: Path) -> Transfer:
    path = tmp_path / 'file'
    path.write_bytes((MARKER + os.urandom(SIZE))[:SIZE])
    return Transfer(path)


@pytest.fixture(params=['encrypted', 'readable'])
def cipher(request: pytest.FixtureRequest) -> MakeCipher | None:
    return FileCipher if request.param == 'encrypted' else None


@contextlib.contextmanager
def serving(cipher: MakeCipher | None) -> Iterator[FileServer]:
    server = FileServer(SharedPace(1000), True, cipher)
    server.start()
    yield server
    server.close()


def offered(server: FileServer, transfer: Transfer) -> DirectOffer:
    offer = server.offer(transfer.path, transfer.size)
    assert offer is not None
    return offer


def test_stranger_on_the_way_sees_nothing_of_an_encrypted_file(
    transfer: Transfer, cipher: MakeCipher | None
) -> None:
    with serving(cipher) as server:
        offer = offered(server, transfer)
        between = Between(offer.addresses[0])
        assert transfer.run(DirectOffer((between.address,), offer.pass_key), cipher) == ''
        between.close()
    assert transfer.is_right
    assert sum(map(len, transfer.heard.values())) == SIZE - CHUNK_BYTES
    readable = cipher is None
    assert (MARKER in between.seen) is readable and (offer.pass_key in between.seen) is readable


def test_file_that_is_changed_on_the_way_is_not_taken(transfer: Transfer) -> None:
    with serving(FileCipher) as server:
        offer = offered(server, transfer)
        between = Between(offer.addresses[0], lambda data: data[:-1] + bytes([data[-1] ^ 1]))
        problem = transfer.run(DirectOffer((between.address,), offer.pass_key), FileCipher)
        between.close()
    assert 'another key' in problem and transfer.heard == {}


def test_who_has_another_pass_key_is_served_nothing(transfer: Transfer) -> None:
    with serving(FileCipher) as server:
        offer = offered(server, transfer)
        stranger = DirectOffer(offer.addresses, bytes(16))
        assert transfer.run(stranger, FileCipher) and transfer.heard == {}


def test_who_does_not_encrypt_is_served_nothing(transfer: Transfer) -> None:
    with serving(FileCipher) as server:
        assert transfer.run(offered(server, transfer), None) and transfer.heard == {}


def test_frame_fits_its_place_and_its_turn_only() -> None:
    one, other = FileCipher(bytes(16)), FileCipher(bytes(16))
    first, second = one.encrypt(0, b'first'), one.encrypt(5, b'second')
    with pytest.raises(ValueError, match='another key'):
        other.decrypt(5, first)
    assert other.decrypt(5, second) == b'second'
    with pytest.raises(ValueError, match='another key'):
        other.decrypt(5, second)
