# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asks a video node what it is and which frames it gives. Never starts a stream, sets nothing.

Opening a node is what udev's v4l_id does on every plug already; the scan of the host still does
not do it, only who wants formats does. Every enumeration is bounded: some drivers never end.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hw_discovery.buses import v4l2_ioctl as call
from hw_discovery.buses.access import denied_sentence
from hw_discovery.core.catalogue.entry import OfferedCapability

# Above what cameras list; chosen without data.
FORMATS_MAX, SIZES_MAX, RATES_MAX = 32, 64, 32
ENTITIES_MAX = 256
QUERY_NS = 2_000_000_000     # drivers answer from tables; this is for those that hang
_IMAGE, _COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
Ioctl = Callable[[int, int, bytearray], None]


class V4l2Kind(Enum):
    """What a video node is for."""

    CAPTURE = 'capture'
    METADATA = 'metadata'
    OUTPUT = 'output'
    MEMORY_TO_MEMORY = 'memory to memory'    # codecs and scalers
    OTHER = 'other'                          # radio, teletext, touch


@dataclass(frozen=True, slots=True)
class FrameSize:
    """`rates_hz`: highest first; () = the driver does not say. A range has another maximum."""

    width_px: int
    height_px: int
    rates_hz: tuple[float, ...] = ()
    width_px_max: int = 0                    # 0 = exactly width_px x height_px
    height_px_max: int = 0


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """`pixel_format`: four characters, e.g. 'MJPG'. `emulated`: converted by a library."""

    pixel_format: str
    description: str
    is_compressed: bool
    sizes: tuple[FrameSize, ...] = ()
    emulated: bool = False


@dataclass(frozen=True, slots=True)
class V4l2Node:
    """`needs_media_controller`: a pipeline must be set up before it gives frames. `notices`:
    what could not be asked."""

    driver: str
    card: str
    bus_info: str
    kind: V4l2Kind
    formats: tuple[VideoFormat, ...] = ()
    needs_media_controller: bool = False
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaEntity:
    """A part of a camera's pipeline, e.g. the sensor 'imx219 10-0010'."""

    name: str
    is_sensor: bool


class VideoUnreadable(Exception):
    """A node that cannot be asked. `error`: one of ERRORS of core/probing/operation.py."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


def query_node(
    device: Path, ioctl: Ioctl | None = None, now_ns: Callable[[], int] = time.monotonic_ns,
) -> V4l2Node:
    """Return what a /dev/videoN is, or raise VideoUnreadable."""
    ask = ioctl or _kernel
    descriptor = _opened(device)
    try:
        return _Query(descriptor, ask, now_ns).node()
    except OSError as error:
        gone = error.errno in (errno.ENODEV, errno.EIO)
        raise VideoUnreadable(
            'gone' if gone else 'failed', f'{device} is no video node: {error.strerror}'
        ) from error
    finally:
        os.close(descriptor)


def query_entities(device: Path, ioctl: Ioctl | None = None) -> tuple[MediaEntity, ...]:
    """Return the entities of a /dev/mediaN, or raise VideoUnreadable."""
    ask = ioctl or _kernel
    descriptor = _opened(device)
    try:
        return tuple(_entities(descriptor, ask))
    finally:
        os.close(descriptor)


def offers(node: V4l2Node) -> tuple[OfferedCapability, ...]:
    """Return what a capture node gives, first as a whole, then each format and size.

    frame:<format>:<width>x<height> has the pixels of a frame as its range.
    """
    if node.kind is not V4l2Kind.CAPTURE:
        return ()
    sizes = [size for form in node.formats for size in form.sizes]
    rates = [rate for size in sizes for rate in size.rates_hz]
    best = max(rates, default=None)
    whole = [OfferedCapability('sensor:camera', rate_hz=best, ros_type=_IMAGE)]
    if sizes:
        whole += [
            OfferedCapability('image_width', 'px', min(s.width_px for s in sizes),
                              max(max(s.width_px, s.width_px_max) for s in sizes)),
            OfferedCapability('image_height', 'px', min(s.height_px for s in sizes),
                              max(max(s.height_px, s.height_px_max) for s in sizes))]
    if rates:
        whole.append(OfferedCapability('frame_rate', 'Hz', min(rates), best))
    return tuple(whole) + tuple(
        _frame(form, size) for form in node.formats for size in form.sizes)


def _frame(form: VideoFormat, size: FrameSize) -> OfferedCapability:
    width, height = size.width_px_max or size.width_px, size.height_px_max or size.height_px
    return OfferedCapability(
        f'frame:{form.pixel_format}:{width}x{height}', 'px',
        float(size.width_px * size.height_px), float(width * height),
        rate_hz=max(size.rates_hz, default=None),
        ros_type=_COMPRESSED if form.is_compressed else _IMAGE)


def _kernel(descriptor: int, number: int, argument: bytearray) -> None:
    fcntl.ioctl(descriptor, number, argument, True)


def _opened(device: Path) -> int:
    try:
        return os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            raise VideoUnreadable('denied', denied_sentence(device, 'video')) from error
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise VideoUnreadable('gone', f'{device} is no longer there') from error
        if error.errno == errno.EBUSY:
            raise VideoUnreadable('busy', f'{device} is in use') from error
        raise VideoUnreadable('failed', f'{device}: {error.strerror}') from error


class _Query:
    """One look at one opened node, with its deadline."""

    def __init__(self, descriptor: int, ask: Ioctl, now_ns: Callable[[], int]) -> None:
        self._descriptor, self._ask, self._now_ns = descriptor, ask, now_ns
        self._end_ns = now_ns() + QUERY_NS
        self._notices: list[str] = []

    def node(self) -> V4l2Node:
        told = bytearray(call.CAPABILITY.size)
        self._ask(self._descriptor, call.QUERYCAP, told)
        driver, card, bus, _, all_caps, own_caps = call.CAPABILITY.unpack(told)
        caps = own_caps if all_caps & call.CAP_DEVICE_CAPS else all_caps
        kind = _kind(caps)
        formats = tuple(self._formats(caps)) if kind is V4l2Kind.CAPTURE else ()
        return V4l2Node(
            call.text_of(driver), call.text_of(card), call.text_of(bus), kind, formats,
            bool(caps & call.CAP_IO_MC), tuple(dict.fromkeys(self._notices)))

    def _formats(self, caps: int) -> Iterator[VideoFormat]:
        plane = call.BUF_VIDEO_CAPTURE if caps & call.CAP_VIDEO_CAPTURE \
            else call.BUF_VIDEO_CAPTURE_MPLANE
        seen = set()
        for told in self._listed(
                call.ENUM_FMT, call.FORMAT, (plane, 0, b'', 0, 0), FORMATS_MAX, 'formats'):
            _, _, flags, text, code, _ = told
            if code in seen:                 # some drivers list one for each media bus code
                continue
            seen.add(code)
            yield VideoFormat(
                call.fourcc(code), call.text_of(text), bool(flags & call.FORMAT_COMPRESSED),
                tuple(self._sizes(code)), bool(flags & call.FORMAT_EMULATED))

    def _sizes(self, code: int) -> Iterator[FrameSize]:
        for told in self._listed(
                call.ENUM_FRAMESIZES, call.FRAME_SIZE, (code, 0, *[0] * 6), SIZES_MAX, 'sizes'):
            if told[2] == call.SIZE_DISCRETE:
                width, height = told[3:5]
                yield FrameSize(width, height, self._rates(code, width, height))
                continue
            least, most, _, low, high, _ = told[3:9]
            yield FrameSize(least, low, self._rates(code, most, high), most, high)
            return                           # a range has no second entry

    def _rates(self, code: int, width: int, height: int) -> tuple[float, ...]:
        rates: list[float] = []
        for told in self._listed(
                call.ENUM_FRAMEINTERVALS, call.FRAME_INTERVAL,
                (code, width, height, 0, *[0] * 6), RATES_MAX, 'rates'):
            is_one = told[4] == call.INTERVAL_DISCRETE
            pairs = (told[5:7],) if is_one else (told[5:7], told[7:9])
            # An interval in seconds as a fraction; a rate is its inverse.
            rates += [round(below / above, 3) for above, below in pairs if above and below]
            if not is_one:
                break
        return tuple(sorted(set(rates), reverse=True))

    def _listed(
        self, number: int, layout: struct.Struct, rest: tuple[object, ...], most: int,
        what: str,
    ) -> Iterator[tuple[Any, ...]]:
        """Ask for index 0, 1, ... until the driver says EINVAL, or a limit is reached."""
        for index in range(most):
            if self._now_ns() > self._end_ns:
                self._notices.append(f'not all {what} were asked: the node answers too slowly')
                return
            told = bytearray(layout.pack(index, *rest))
            try:
                self._ask(self._descriptor, number, told)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTTY):
                    self._notices.append(f'{what} could not be asked: {error.strerror}')
                return
            yield layout.unpack(told)
        self._notices.append(f'only the first {most} {what} were asked')


def _kind(caps: int) -> V4l2Kind:
    if caps & (call.CAP_VIDEO_M2M | call.CAP_VIDEO_M2M_MPLANE):
        return V4l2Kind.MEMORY_TO_MEMORY
    if caps & (call.CAP_VIDEO_CAPTURE | call.CAP_VIDEO_CAPTURE_MPLANE):
        return V4l2Kind.CAPTURE
    if caps & (call.CAP_META_CAPTURE | call.CAP_META_OUTPUT):
        return V4l2Kind.METADATA
    if caps & (call.CAP_VIDEO_OUTPUT | call.CAP_VIDEO_OUTPUT_MPLANE):
        return V4l2Kind.OUTPUT
    return V4l2Kind.OTHER


def _entities(descriptor: int, ask: Ioctl) -> Iterator[MediaEntity]:
    last = 0
    for _ in range(ENTITIES_MAX):
        told = bytearray(call.MEDIA_ENTITY.pack(last | call.ENTITY_NEXT, b'', *[0] * 8))
        try:
            ask(descriptor, call.MEDIA_ENUM_ENTITIES, told)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise VideoUnreadable('failed', f'no media device: {error.strerror}') from error
            return
        found = call.MEDIA_ENTITY.unpack(told)
        if found[0] <= last:                 # a driver that does not count up would never end
            return
        last = found[0]
        yield MediaEntity(call.text_of(found[1]), found[2] == call.ENTITY_CAMERA_SENSOR)
