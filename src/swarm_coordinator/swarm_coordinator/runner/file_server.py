# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The direct path, holder's side: serves ranges of offered files over TCP, paced and in turn.

Owns listening, pass keys and limits. A connection is only for who knows the 16-byte key of an
offer: it opens one connection, for one file, within OFFER_S. On it, requests and answers take
turns: (first chunk, chunk count) as two 32-bit numbers in network order, then the bytes of these
chunks. The first request is preceded by the key. Everything else closes the connection.

Where files travel encrypted (`cipher`), what precedes the first request is derived from the key,
and the bytes come in frames of BLOCK_BYTES from the request's first on, the last one shorter.
"""

import contextlib
import fcntl
import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from swarm_coordinator.core.files.manifest import (
    ADDRESSES_MAX,
    CHUNK_BYTES,
    PASS_KEY_BYTES,
    DirectOffer,
    chunk_count_of,
)
from swarm_coordinator.runner.shared_pace import SharedPace

REQUEST = struct.Struct('!II')
OFFERS_MAX = 64
OFFER_S = 5.0
CONNECTIONS_MAX = 32
IDLE_S = 10.0  # without a byte in either direction; the receiver gives up sooner
LIFE_S = 3600.0
BLOCK_BYTES = 256 * 1024  # one turn of one connection
INTERFACES_S = 10.0  # addresses come and go, with a radio that changes its network
SIOCGIFADDR = 0x8915  # linux/sockios.h


class Cipher(Protocol):
    """security/file_cipher.py; loaded only where it is wanted."""

    admission: bytes

    def encrypt(self, offset: int, data: bytes) -> bytes: ...

    def decrypt(self, offset: int, frame: bytes) -> bytes: ...


MakeCipher = Callable[[bytes], Cipher]


def own_addresses(loopback: bool) -> tuple[str, ...]:
    """IPv4 addresses that DDS uses here: of loopback only, or of every other interface."""
    if loopback:
        return ('127.0.0.1',)
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                request = struct.pack('256s', name.encode()[:15])
                answer = fcntl.ioctl(asking.fileno(), SIOCGIFADDR, request)
                found.append(socket.inet_ntoa(answer[20:24]))
    return tuple(one for one in found if not one.startswith('127.'))[:ADDRESSES_MAX]


@dataclass
class _Offer:
    path: Path
    size_bytes: int
    ends_s: float
    cipher: Cipher | None


@dataclass
class _Connection:
    """One receiver. `offset` to `end`: bytes of the current request that are still to be sent."""

    socket: socket.socket
    opened_s: float
    moved_s: float
    heard: bytearray = field(default_factory=bytearray)
    file: IO[bytes] | None = None
    size_bytes: int = 0
    offset: int = 0
    end: int = 0
    cipher: Cipher | None = None
    frame: bytes = b''  # what is left to send of the one that begins at `offset`

    @property
    def sending(self) -> bool:
        return self.offset < self.end

    def close(self) -> None:
        self.socket.close()
        if self.file is not None:
            self.file.close()


class FileServer:
    """One thread over all connections. `offer` may be called from any thread."""

    def __init__(
        self, pace: SharedPace, loopback: bool, cipher: MakeCipher | None = None
    ) -> None:
        self._pace = pace
        self.cipher = cipher
        self._loopback = loopback
        self.sent: Callable[[int], None] = lambda count: None  # hears of bytes
        self._lock = threading.Lock()
        self._offers: dict[bytes, _Offer] = {}
        self._listening: dict[str, socket.socket] = {}
        self._connections: dict[int, _Connection] = {}
        self._looked_s = 0.0
        self._wake, self._woken = socket.socketpair()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name='file server', daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._wake.send(b'.')
        if self._thread is not None:
            self._thread.join()
        for one in (*self._listening.values(), self._wake, self._woken):
            one.close()

    def offer(self, path: Path, size_bytes: int) -> DirectOffer | None:
        """A way to get this file once; None where there is none."""
        now_s = time.monotonic()
        with self._lock:
            self._listen(now_s)
            self._offers = {key: one for key, one in self._offers.items() if one.ends_s > now_s}
            if not self._listening or len(self._offers) >= OFFERS_MAX:
                return None
            key = secrets.token_bytes(PASS_KEY_BYTES)
            cipher = None if self.cipher is None else self.cipher(key)
            shown = key if cipher is None else cipher.admission
            self._offers[shown] = _Offer(path, size_bytes, now_s + OFFER_S, cipher)
            addresses = tuple(
                f'{address}:{one.getsockname()[1]}' for address, one in self._listening.items()
            )
        self._wake.send(b'.')
        return DirectOffer(addresses, key)

    def _listen(self, now_s: float) -> None:
        """On the addresses that there are now."""
        if self._listening and now_s - self._looked_s < INTERFACES_S:
            return
        self._looked_s = now_s
        addresses = own_addresses(self._loopback)
        for gone in [one for one in self._listening if one not in addresses]:
            self._listening.pop(gone).close()
        for address in addresses:
            if address not in self._listening:
                with contextlib.suppress(OSError):
                    self._listening[address] = _listener(address)

    # ---- the thread

    def _run(self) -> None:
        while not self._stopping:
            with self._lock:
                listening = [one for one in self._listening.values() if one.fileno() >= 0]
            wait_s = self._pace.wait_s(BLOCK_BYTES) if self._busy() else None
            reading = [self._woken, *listening, *(c.socket for c in self._reading())]
            writing = [] if wait_s else [c.socket for c in self._connections.values() if c.sending]
            try:
                ready, writable, _ = select.select(reading, writing, [], wait_s or 1.0)
            except (OSError, ValueError):
                continue  # an address went away in between
            for one in ready:
                self._ready(one, listening)
            for one in writable:
                self._write(one)
            self._expire(time.monotonic())
        for connection in self._connections.values():
            connection.close()

    def _busy(self) -> bool:
        return any(connection.sending for connection in self._connections.values())

    def _reading(self) -> list[_Connection]:
        return [one for one in self._connections.values() if not one.sending]

    def _ready(self, one: socket.socket, listening: list[socket.socket]) -> None:
        if one is self._woken:
            one.recv(4096)
        elif one in listening:
            self._accept(one)
        elif (connection := self._connections.get(one.fileno())) is not None:
            self._read(connection)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            accepted, _ = listener.accept()
            if len(self._connections) >= CONNECTIONS_MAX:
                accepted.close()
                return
            accepted.setblocking(False)
            now_s = time.monotonic()
            self._connections[accepted.fileno()] = _Connection(accepted, now_s, now_s)

    def _read(self, connection: _Connection) -> None:
        wanted = REQUEST.size + (0 if connection.file else PASS_KEY_BYTES)
        try:
            data = connection.socket.recv(wanted - len(connection.heard))
        except BlockingIOError:
            return
        except OSError:
            data = b''
        connection.heard += data
        connection.moved_s = time.monotonic()
        if not data or (len(connection.heard) == wanted and not self._begin(connection)):
            self._drop(connection)

    def _begin(self, connection: _Connection) -> bool:
        """Take a whole request; False: it is none, or not for this one."""
        text, connection.heard = bytes(connection.heard), bytearray()
        if connection.file is None:
            if not self._admit(connection, text[:PASS_KEY_BYTES]):
                return False
            text = text[PASS_KEY_BYTES:]
        first, count = REQUEST.unpack(text)
        if not count or first + count > chunk_count_of(connection.size_bytes):
            return False
        connection.offset = first * CHUNK_BYTES
        connection.end = min(connection.size_bytes, (first + count) * CHUNK_BYTES)
        return True

    def _admit(self, connection: _Connection, key: bytes) -> bool:
        with self._lock:
            offer = self._offers.pop(key, None)
        if offer is None or offer.ends_s < time.monotonic():
            return False
        try:
            connection.file = open(offer.path, 'rb')  # noqa: SIM115 (closed with the connection)
        except OSError:
            return False
        connection.size_bytes, connection.cipher = offer.size_bytes, offer.cipher
        return True

    def _write(self, one: socket.socket) -> None:
        connection = self._connections.get(one.fileno())
        if connection is None or connection.file is None:
            return
        size = min(BLOCK_BYTES, connection.end - connection.offset)
        if connection.cipher is not None:
            if not connection.frame and not self._encrypt(connection, connection.cipher, size):
                self._drop(connection)
                return
            size = len(connection.frame)
        if self._pace.take(size):
            return
        try:
            if connection.cipher is not None:
                sent = one.send(connection.frame)
            else:
                file = connection.file.fileno()
                sent = os.sendfile(one.fileno(), file, connection.offset, size)
        except BlockingIOError:
            self._pace.refund(size)
            return
        except OSError:
            sent = 0
        self._pace.refund(size - sent)
        if not sent:  # gone, or the file is shorter than it was
            self._drop(connection)
            return
        if connection.cipher is None:
            connection.offset += sent
        else:
            connection.frame = connection.frame[sent:]
            if not connection.frame:
                connection.offset = min(connection.end, connection.offset + BLOCK_BYTES)
        connection.moved_s = time.monotonic()
        self.sent(sent)

    def _encrypt(self, connection: _Connection, cipher: Cipher, size: int) -> bool:
        """Make the next frame; False: the file is shorter than it was."""
        assert connection.file is not None
        try:
            data = os.pread(connection.file.fileno(), size, connection.offset)
        except OSError:
            data = b''
        if len(data) == size:
            connection.frame = cipher.encrypt(connection.offset, data)
        return len(data) == size

    def _expire(self, now_s: float) -> None:
        for connection in list(self._connections.values()):
            limit_s = IDLE_S if connection.file is not None else OFFER_S
            if now_s - connection.moved_s > limit_s or now_s - connection.opened_s > LIFE_S:
                self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.pop(connection.socket.fileno(), None)
        connection.close()


def _listener(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.bind((address, 0))
        made.listen(CONNECTIONS_MAX)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
