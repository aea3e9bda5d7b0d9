# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A V4L2 node that is open and sends: memory-mapped buffers, or read() where it has none."""

import contextlib
import errno
import fcntl
import mmap
import os
import select
from collections.abc import Callable
from functools import partial
from typing import Any

from hw_discovery.drivers.camera import v4l2
from hw_discovery.drivers.fault import DeviceGone, DriverFault

BUFFERS = 4                  # two are filled while one is read; one for a late reader
_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.EIO, errno.EBADF)


class Kernel:
    """The system calls that are used; a test has its own."""

    def open(self, path: str) -> int:
        """Open a node."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def ioctl(self, fd: int, request: int, argument: bytearray) -> None:
        """Ask the driver; it may change the argument."""
        fcntl.ioctl(fd, request, argument, True)

    def map(self, fd: int, length: int, offset: int) -> Any:
        """Map a buffer."""
        return mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE,
                         offset=offset)

    def read(self, fd: int, size: int) -> bytes:
        """Read one picture."""
        return os.read(fd, size)

    def wait(self, fd: int, wake: int, timeout_s: float) -> bool:
        """Tell whether a picture came; False = not in time, or woken."""
        ready, _, _ = select.select([fd, wake], [], [], timeout_s)
        return fd in ready and wake not in ready

    def close(self, fd: int) -> None:
        """Close the node."""
        os.close(fd)


class Capture:
    """Pictures of one node. `cancel` may be called from another thread."""

    def __init__(self, path: str, width: int, height: int, fourcc: str, rate_hz: float,
                 kernel: Kernel | None = None) -> None:
        if not v4l2.fits_this_machine():
            raise DriverFault('cameras need a 64-bit system')
        self._path = path
        self._kernel = kernel or Kernel()
        self._maps: list[Any] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._fd = -1
        try:
            self._fd = self._tried('opened', lambda: self._kernel.open(path))
            self.form = self._set_up(width, height, fourcc, rate_hz)
        except BaseException:
            self.close()
            raise

    def picture(self, timeout_s: float) -> bytes | None:
        """Return the next whole picture; None = none in time, or a broken one."""
        woken = self._tried('waited for', lambda: self._kernel.wait(
            self._fd, self._wake_read, timeout_s))
        if not woken:
            return None
        if not self._maps:
            picture = self._tried('read', lambda: self._kernel.read(
                self._fd, self.form.image_bytes))
            return picture if picture and v4l2.is_whole(picture, self.form) else None
        buffer = v4l2.buffer_of(self._ask(v4l2.DQBUF, v4l2.buffer_request(0)))
        if buffer.index >= len(self._maps):
            raise DriverFault(f'{self._path}: there is no buffer {buffer.index}')
        size = min(buffer.used_bytes, len(self._maps[buffer.index]))
        picture = bytes(self._maps[buffer.index][:size])
        self._ask(v4l2.QBUF, v4l2.buffer_request(buffer.index))
        whole = not buffer.is_broken and v4l2.is_whole(picture, self.form)
        return picture if whole else None

    def cancel(self) -> None:
        """Make `picture` return now."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b'\0')

    def close(self) -> None:
        """Stop the stream and give everything back. Never raises."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._kernel.ioctl(self._fd, v4l2.STREAMOFF, _stream_type())
            for mapped in self._maps:
                with contextlib.suppress(OSError, BufferError):
                    mapped.close()
            with contextlib.suppress(OSError):
                self._kernel.close(self._fd)
            self._fd = -1
        self._maps.clear()
        for end in (self._wake_read, self._wake_write):
            if end >= 0:
                os.close(end)
        self._wake_read = self._wake_write = -1

    def _set_up(self, width: int, height: int, fourcc: str, rate_hz: float) -> v4l2.PixelFormat:
        node = v4l2.capability_of(self._ask(v4l2.QUERYCAP, bytearray(v4l2.CAPABILITY.size)))
        refusal = node.refusal()
        if refusal:
            raise DriverFault(f'{self._path}: {refusal}')
        form = v4l2.format_of(self._ask(v4l2.S_FMT, v4l2.format_request(width, height, fourcc)))
        refusal = v4l2.format_refusal(form)
        if refusal:
            raise DriverFault(f'{self._path}: {refusal}')
        with contextlib.suppress(OSError):       # many drivers have one rate only
            self._kernel.ioctl(self._fd, v4l2.S_PARM, v4l2.rate_request(rate_hz))
        if node.flags & v4l2.CAP_STREAMING:
            self._map_all()
        return form

    def _map_all(self) -> None:
        answer = self._ask(v4l2.REQBUFS, v4l2.buffers_request(BUFFERS))
        count = min(v4l2.REQUEST.unpack(answer)[0], 32)
        if count < 1:
            raise DriverFault(f'{self._path}: the driver gives no buffers')
        for index in range(count):
            buffer = v4l2.buffer_of(self._ask(v4l2.QUERYBUF, v4l2.buffer_request(index)))
            if not 0 < buffer.length <= v4l2.IMAGE_BYTES_MAX:
                raise DriverFault(f'{self._path}: a buffer of {buffer.length} bytes')
            self._maps.append(self._tried('mapped', partial(
                self._kernel.map, self._fd, buffer.length, buffer.offset)))
        for index in range(count):
            self._ask(v4l2.QBUF, v4l2.buffer_request(index))
        self._ask(v4l2.STREAMON, _stream_type())

    def _ask(self, request: int, argument: bytearray) -> bytes:
        self._tried(f'asked (0x{request:08x})', lambda: self._kernel.ioctl(
            self._fd, request, argument))
        return bytes(argument)

    def _tried(self, doing: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except OSError as error:
            if error.errno in _GONE:
                raise DeviceGone(f'{self._path} is gone: {error.strerror}') from error
            why = 'another program uses it' if error.errno == errno.EBUSY else error.strerror
            raise DriverFault(f'{self._path} could not be {doing}: {why}') from error


def _stream_type() -> bytearray:
    return bytearray(v4l2.BUF_TYPE_CAPTURE.to_bytes(4, 'little'))
