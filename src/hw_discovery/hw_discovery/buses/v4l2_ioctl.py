# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Layouts of the V4L2 and media controller calls that only ask. Source: linux/videodev2.h and
linux/media.h of Linux 6.1.

All fields are of fixed width and there is no pointer among them, so 32 and 64 bit agree; '='
keeps Python from padding. Numbers of calls are those of asm-generic/ioctl.h, which x86, ARM and
RISC-V use.
"""

import struct

CAPABILITY = struct.Struct('=16s32s32s3I12x')             # driver card bus version caps own_caps
FORMAT = struct.Struct('=3I32s2I12x')                     # index type flags text fourcc mbus
FRAME_SIZE = struct.Struct('=3I6I8x')                     # index fourcc type, w h | stepwise
FRAME_INTERVAL = struct.Struct('=5I6I8x')                 # index fourcc w h type, fractions
MEDIA_INFO = struct.Struct('=16s32s40s32s3I124x')         # driver model serial bus versions
MEDIA_ENTITY = struct.Struct('=I32s4I2H16x2I176x')        # id name type rev flags group, pads
#                                                           links, major minor


def _number(direction: int, letter: str, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord(letter) << 8 | number


_READ, _READ_WRITE = 2, 3
QUERYCAP = _number(_READ, 'V', 0, CAPABILITY.size)
ENUM_FMT = _number(_READ_WRITE, 'V', 2, FORMAT.size)
ENUM_FRAMESIZES = _number(_READ_WRITE, 'V', 74, FRAME_SIZE.size)
ENUM_FRAMEINTERVALS = _number(_READ_WRITE, 'V', 75, FRAME_INTERVAL.size)
MEDIA_DEVICE_INFO = _number(_READ_WRITE, '|', 0, MEDIA_INFO.size)
MEDIA_ENUM_ENTITIES = _number(_READ_WRITE, '|', 1, MEDIA_ENTITY.size)

CAP_VIDEO_CAPTURE, CAP_VIDEO_CAPTURE_MPLANE = 0x0000_0001, 0x0000_1000
CAP_VIDEO_OUTPUT, CAP_VIDEO_OUTPUT_MPLANE = 0x0000_0002, 0x0000_2000
CAP_VIDEO_M2M, CAP_VIDEO_M2M_MPLANE = 0x0000_8000, 0x0000_4000
CAP_META_CAPTURE, CAP_META_OUTPUT = 0x0080_0000, 0x0800_0000
CAP_IO_MC, CAP_DEVICE_CAPS = 0x2000_0000, 0x8000_0000
BUF_VIDEO_CAPTURE, BUF_VIDEO_CAPTURE_MPLANE = 1, 9
FORMAT_COMPRESSED, FORMAT_EMULATED = 0x1, 0x2
SIZE_DISCRETE, INTERVAL_DISCRETE = 1, 1
ENTITY_NEXT = 0x8000_0000
ENTITY_CAMERA_SENSOR = 0x0002_0001


def fourcc(code: int) -> str:
    """Return the four characters of a pixel format, e.g. 'YUYV'; hex if they are none."""
    text = (code & 0x7FFF_FFFF).to_bytes(4, 'little')       # the top bit means big endian
    if all(0x20 <= byte < 0x7F for byte in text):
        return text.decode('ascii').rstrip()
    return f'0x{code:08x}'


def text_of(field: bytes) -> str:
    """Return the printable text of a field that ends with a zero byte."""
    text = field.partition(b'\0')[0].decode('utf-8', 'replace')
    return ''.join(c if c.isprintable() else ' ' for c in text).strip()
