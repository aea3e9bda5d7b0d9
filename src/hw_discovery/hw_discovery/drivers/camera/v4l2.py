# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The part of the V4L2 interface that streaming needs: numbers and layouts. Pure.

Source: the kernel's include/uapi/linux/videodev2.h, and its documentation of the video capture
interface. Layouts are those of 64-bit machines.
"""

import struct
from dataclasses import dataclass

QUERYCAP = 0x80685600
G_FMT, S_FMT = 0xC0D05604, 0xC0D05605
REQBUFS, QUERYBUF = 0xC0145608, 0xC0585609
QBUF, DQBUF = 0xC058560F, 0xC0585611
STREAMON, STREAMOFF = 0x40045612, 0x40045613
S_PARM = 0xC0CC5616

BUF_TYPE_CAPTURE = 1
MEMORY_MMAP = 1
FIELD_ANY = 0
CAP_VIDEO_CAPTURE = 0x00000001
CAP_READWRITE = 0x01000000
CAP_STREAMING = 0x04000000
CAP_DEVICE_CAPS = 0x80000000
FLAG_ERROR = 0x00000040
IMAGE_BYTES_MAX = 256 * 1024 * 1024      # no camera's picture; guards what a driver says

CAPABILITY = struct.Struct('<16s32s32s3I12x')
FORMAT = struct.Struct('<I4x2I4s3I176x')         # type; width, height, fourcc, field, line, size
REQUEST = struct.Struct('<3I8x')
BUFFER = struct.Struct('<5I4x16x16x2IQI12x')
PARM = struct.Struct('<I2I2I184x')               # type, capability, mode, interval 1/2


def fits_this_machine() -> bool:
    """Tell whether these layouts are this machine's."""
    return struct.calcsize('P') == 8


@dataclass(frozen=True, slots=True)
class Capability:
    """What a node is; `flags` are those of the node, not of the whole device."""

    driver: str
    card: str
    flags: int

    def refusal(self) -> str:
        """Return why it cannot be a camera; '' = it can."""
        if not self.flags & CAP_VIDEO_CAPTURE:
            return f'{self.card}: this node captures no video (metadata or output)'
        if not self.flags & (CAP_STREAMING | CAP_READWRITE):
            return f'{self.card}: it offers neither streaming nor read'
        return ''


def capability_of(raw: bytes) -> Capability:
    """Read the answer of QUERYCAP."""
    driver, card, _, _, flags, of_node = CAPABILITY.unpack(raw)
    return Capability(_text(driver), _text(card), of_node if flags & CAP_DEVICE_CAPS else flags)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """`line_bytes` 0 = compressed."""

    width: int
    height: int
    fourcc: str
    line_bytes: int
    image_bytes: int


def format_request(width: int, height: int, fourcc: str) -> bytearray:
    """Return the argument of S_FMT."""
    return bytearray(FORMAT.pack(
        BUF_TYPE_CAPTURE, width, height, fourcc.encode('ascii'), FIELD_ANY, 0, 0))


def format_of(raw: bytes) -> PixelFormat:
    """Read what the driver made of it; it may have changed everything."""
    _, width, height, fourcc, _, line, size = FORMAT.unpack(raw)
    return PixelFormat(width, height, fourcc.decode('ascii', 'replace'), line, size)


def rate_request(rate_hz: float) -> bytearray:
    """Return the argument of S_PARM."""
    return bytearray(PARM.pack(BUF_TYPE_CAPTURE, 0, 0, 1000, round(rate_hz * 1000)))


def buffers_request(count: int) -> bytearray:
    """Return the argument of REQBUFS; 0 gives all buffers back."""
    return bytearray(REQUEST.pack(count, BUF_TYPE_CAPTURE, MEMORY_MMAP))


def buffer_request(index: int) -> bytearray:
    """Return the argument of QUERYBUF, QBUF and DQBUF."""
    return bytearray(BUFFER.pack(index, BUF_TYPE_CAPTURE, 0, 0, 0, 0, MEMORY_MMAP, 0, 0))


@dataclass(frozen=True, slots=True)
class Buffer:
    """One buffer as the driver sees it."""

    index: int
    used_bytes: int
    is_broken: bool
    sequence: int
    offset: int
    length: int


def buffer_of(raw: bytes) -> Buffer:
    """Read the answer of QUERYBUF or DQBUF."""
    index, _, used, flags, _, sequence, _, offset, length = BUFFER.unpack(raw)
    return Buffer(index, used, bool(flags & FLAG_ERROR), sequence, offset & 0xFFFFFFFF, length)


# Formats that are passed on as they are. ROS's names: sensor_msgs/image_encodings.
ENCODINGS = {'YUYV': 'yuv422_yuy2', 'UYVY': 'yuv422', 'GREY': 'mono8', 'Y16 ': 'mono16',
             'RGB3': 'rgb8', 'BGR3': 'bgr8'}
COMPRESSED = ('MJPG', 'JPEG')
_PIXEL_BYTES = {'YUYV': 2, 'UYVY': 2, 'GREY': 1, 'Y16 ': 2, 'RGB3': 3, 'BGR3': 3}


def is_whole(picture: bytes, form: PixelFormat) -> bool:
    """Tell whether a picture has all it must have: cut ones come after a disturbed transfer."""
    if form.fourcc in COMPRESSED:
        # Some cameras fill up with zeros behind the end marker.
        return picture[:2] == b'\xff\xd8' and picture[-4096:].rstrip(b'\0')[-2:] == b'\xff\xd9'
    return len(picture) == form.line_bytes * form.height


def format_refusal(form: PixelFormat) -> str:
    """Return why a format cannot be published; '' = it can."""
    if form.fourcc not in ENCODINGS and form.fourcc not in COMPRESSED:
        return (f'the camera gives {form.fourcc!r}; expected one of '
                f'{", ".join((*COMPRESSED, *ENCODINGS))}')
    if not 0 < form.image_bytes <= IMAGE_BYTES_MAX or not form.width or not form.height:
        return f'the camera says {form.width}x{form.height} in {form.image_bytes} bytes'
    if form.fourcc in ENCODINGS and not _PIXEL_BYTES[form.fourcc] * form.width \
            <= form.line_bytes <= form.image_bytes // form.height:
        return f'lines of {form.line_bytes} bytes do not hold {form.width} of {form.fourcc}'
    return ''


def _text(raw: bytes) -> str:
    return raw.split(b'\0', 1)[0].decode('utf-8', 'replace')
