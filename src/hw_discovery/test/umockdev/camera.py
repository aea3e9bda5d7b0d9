# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A camera behind the ioctls of V4L2. Layouts are written down here a second time, by offset, so
that a mistake in the product's own is not repeated; v4l2-ctl vouches for these."""

import errno
import struct
from typing import Any

import gi

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402

_QUERYCAP, _ENUM_FMT, _ENUM_SIZES, _ENUM_RATES = 0, 2, 74, 75
CAPTURE, METADATA = 0x0000_0001, 0x0080_0000
_STREAMING, _DEVICE_CAPS = 0x0400_0000, 0x8000_0000

Formats = dict[bytes, dict[tuple[int, int], list[tuple[int, int]]]]


class Camera(UMockdev.IoctlBase):  # type: ignore[misc]
    """One node: {b'MJPG': {(1280, 720): [(1, 30)]}}, intervals in seconds."""

    def __init__(self, own: int, formats: Formats) -> None:
        super().__init__()
        self.own, self.formats = own, formats
        self.others: set[int] = set()        # calls that do more than ask

    def do_handle_ioctl(self, client: Any) -> bool:
        request = client.get_request()
        if request >> 8 & 0xFF != ord('V'):
            return False
        cell = client.get_arg().resolve(0, request >> 16 & 0x3FFF)
        number = request & 0xFF
        told = bytearray(bytes(cell.retrieve())) if number else bytearray(104)
        try:
            {_QUERYCAP: self._who, _ENUM_FMT: self._format, _ENUM_SIZES: self._size,
             _ENUM_RATES: self._rate}[number](told)
        except (KeyError, IndexError):
            if number not in (_QUERYCAP, _ENUM_FMT, _ENUM_SIZES, _ENUM_RATES):
                self.others.add(number)
                client.complete(-1, errno.ENOTTY)
            else:
                client.complete(-1, errno.EINVAL)
            return True
        cell.update(0, bytes(told))
        client.complete(0, 0)
        return True

    def _who(self, told: bytearray) -> None:
        told[0:8], told[16:25], told[48:53] = b'uvcvideo', b'HD Camera', b'usb-4'
        struct.pack_into('<III', told, 80, 0x060100, CAPTURE | METADATA | _STREAMING
                         | _DEVICE_CAPS, self.own | _STREAMING)

    def _format(self, told: bytearray) -> None:
        index, kind = struct.unpack_from('<II', told)
        if kind != 1 or not self.own & CAPTURE:
            raise KeyError
        code = list(self.formats)[index]
        struct.pack_into('<I', told, 8, 1 if code == b'MJPG' else 0)
        told[12:16], told[44:48] = b'some', code

    def _sizes_of(self, told: bytearray) -> dict[tuple[int, int], list[tuple[int, int]]]:
        return self.formats[bytes(told[4:8])]

    def _size(self, told: bytearray) -> None:
        width, height = list(self._sizes_of(told))[struct.unpack_from('<I', told)[0]]
        struct.pack_into('<III', told, 8, 1, width, height)

    def _rate(self, told: bytearray) -> None:
        index, width, height = struct.unpack_from('<I4xII', told)
        above, below = self._sizes_of(told)[width, height][index]
        struct.pack_into('<III', told, 16, 1, above, below)
