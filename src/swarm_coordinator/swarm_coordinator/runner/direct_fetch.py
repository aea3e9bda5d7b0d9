# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The direct path, receiver's side: one connection that brings runs of chunks of one file.

Owns connecting, reading in whole chunks and waiting for whoever takes them. Checks nothing of the
content: that is the business of core/files/fetch.py. The protocol is in file_server.py.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence

from swarm_coordinator.core.files.manifest import (
    ADDRESSES_MAX,
    CHUNK_BYTES,
    DirectOffer,
)
from swarm_coordinator.runner.file_server import BLOCK_BYTES, REQUEST, MakeCipher
from swarm_coordinator.runner.shared_pace import SharedPace

CONNECT_S = 1.0  # for each address; then chunks over DDS
READ_S = 5.0
BLOCK_CHUNKS = 16  # 512 KiB handed on at a time
BLOCKS_MAX = 4  # handed on and not taken yet
FRAME_CHUNKS = BLOCK_BYTES // CHUNK_BYTES
FRAME_MORE_BYTES = 16  # that prove it


def endpoint_of(address: str) -> tuple[str, int]:
    """Host and port of 'a.b.c.d:port'. Raises ValueError."""
    host, separator, port = address.rpartition(':')
    if not separator or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f'address {address[:40]!r}: expected a.b.c.d:port')
    return str(ipaddress.IPv4Address(host)), int(port)


class DirectFetch:
    """`heard(first_chunk, data)` is called with whole chunks, and `taken` says that they are dealt
    with; `ended('' or why)` once. Both on this connection's own thread."""

    def __init__(
        self,
        offer: DirectOffer,
        runs: Sequence[tuple[int, int]],
        size_bytes: int,
        pace: SharedPace,
        heard: Callable[[int, bytes], None],
        ended: Callable[[str], None],
        cipher: MakeCipher | None = None,
    ) -> None:
        self._offer = offer
        self._cipher = None if cipher is None else cipher(offer.pass_key)
        self._runs = runs
        self._size_bytes = size_bytes
        self._pace = pace
        self._heard = heard
        self._ended = ended
        self._room = threading.Semaphore(BLOCKS_MAX)
        self._closed = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name='direct fetch', daemon=True).start()

    def close(self) -> None:
        """Returns at once; the thread ends with its next block or time-out."""
        self._closed.set()
        self._room.release()

    def taken(self) -> None:
        self._room.release()

    def _run(self) -> None:
        problem = ''
        try:
            with self._connect() as link:
                cipher = self._cipher
                shown = self._offer.pass_key if cipher is None else cipher.admission
                for number, (first, count) in enumerate(self._runs):
                    link.sendall((b'' if number else shown) + REQUEST.pack(first, count))
                    self._read_run(link, first, count)
        except (OSError, ValueError) as error:
            problem = str(error)
        if not self._closed.is_set():
            self._ended(problem)

    def _connect(self) -> socket.socket:
        problems = []
        for address in self._offer.addresses[:ADDRESSES_MAX]:
            try:
                link = socket.create_connection(endpoint_of(address), CONNECT_S)
            except (OSError, ValueError) as error:
                problems.append(f'{address}: {error}')
            else:
                link.settimeout(READ_S)
                return link
        raise ConnectionError('; '.join(problems) or 'no address was offered')

    def _read_run(self, link: socket.socket, first: int, count: int) -> None:
        end = first + count
        while first < end:
            at_once = BLOCK_CHUNKS if self._cipher is None else FRAME_CHUNKS
            chunks = min(at_once, end - first)
            size = min(self._size_bytes, (first + chunks) * CHUNK_BYTES) - first * CHUNK_BYTES
            self._wait(size)
            if self._cipher is None:
                block = self._read(link, size)
            else:
                frame = self._read(link, size + FRAME_MORE_BYTES)
                block = self._cipher.decrypt(first * CHUNK_BYTES, frame)
            self._room.acquire()
            if self._closed.is_set():
                raise ConnectionAbortedError('closed')
            self._heard(first, block)
            first += chunks

    def _wait(self, size: int) -> None:
        while not self._closed.is_set() and (wait_ns := self._pace.take_in(size)):
            time.sleep(wait_ns / 1e9)

    def _read(self, link: socket.socket, size: int) -> bytes:
        block = bytearray(size)
        view, at = memoryview(block), 0
        while at < size:
            count = link.recv_into(view[at:])
            if not count:
                raise ConnectionError(f'ended after {at} of {size} bytes')
            at += count
        return bytes(block)
