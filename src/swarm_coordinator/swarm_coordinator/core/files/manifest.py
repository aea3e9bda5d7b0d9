# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What robots tell one another about a file: sizes, pages of hashes, offers of a connection.

Plain values with their limits; decides nothing.
"""

from dataclasses import dataclass

from swarm_coordinator.core.ids import RobotId

CHUNK_BYTES = 32 * 1024  # below one UDP datagram: no IP fragments of fragments
HASHES_PER_PAGE = 1024  # 32 KiB of hashes: a page is as large as a chunk
FILE_BYTES_MAX = 4 * 1024**3
ADDRESSES_MAX = 8
PASS_KEY_BYTES = 16


def chunk_count_of(size_bytes: int) -> int:
    return -(-size_bytes // CHUNK_BYTES)


@dataclass(frozen=True)
class DirectOffer:
    """Where one connection for one file is accepted soon, once. addresses: 'a.b.c.d:port'."""

    addresses: tuple[str, ...]
    pass_key: bytes


@dataclass(frozen=True)
class ManifestPage:
    """`hashes`: 32 bytes for each chunk from `first_chunk` on; empty: only that it is held."""

    holder: RobotId
    sha256: str
    held: bool
    size_bytes: int = 0
    chunk_bytes: int = CHUNK_BYTES
    first_chunk: int = 0
    hashes: bytes = b''
    offer: DirectOffer | None = None


@dataclass(frozen=True)
class FileQuestion:
    """Of another robot. `chunks` empty: the manifest from `first_chunk` on, or with `direct` an
    offer. `everybody`: only who has the file answers, and only that."""

    sender: RobotId
    sha256: str
    chunk_bytes: int
    chunks: tuple[int, ...] = ()
    first_chunk: int = 0
    direct: bool = False
    everybody: bool = False


@dataclass(frozen=True)
class Chunk:
    holder: RobotId
    sha256: str
    chunk_bytes: int
    chunk: int
    data: bytes
