# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Answers of Trinamic modules to the request of their version. Source: TMCL reference."""

from typing import ClassVar

from hw_discovery.core.protocols.checksum import sum8
from hw_discovery.core.protocols.sized import Fields, SizedDecoder


class Tmcl(SizedDecoder):
    """Host, module, status, 136, 32 bits, sum. kind: 'version'. Other answers are not taken."""

    name: ClassVar[str] = 'tmcl'
    sync: ClassVar[bytes] = b''
    starts: ClassVar[bytes] = bytes(range(256))
    head_bytes: ClassVar[int] = 4
    frame_bytes_max: ClassVar[int] = 9
    chance: ClassVar[float] = 2 ** -8 * 2 ** -8 * 2 ** -8

    def size(self, head: bytes) -> int:
        """See SizedDecoder."""
        # Status 100: executed. 136: the command that asks for the version.
        return 9 if head[2] == 100 and head[3] == 136 else 0

    def is_right(self, frame: bytes) -> bool:
        """See SizedDecoder."""
        return sum8(frame[:-1]) == frame[-1]

    def says(self, frame: bytes) -> tuple[str, Fields]:
        """See SizedDecoder."""
        module = int.from_bytes(frame[4:6], 'big')
        return 'version', (
            ('address', str(frame[1])), ('module', str(module)),
            ('firmware', f'{frame[6]}.{frame[7]:02d}'))
