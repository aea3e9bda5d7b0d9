# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A serial port for a driver: opened for it alone, every error of the port a DriverFault."""

import contextlib
import errno
import os
import select
import termios
from collections.abc import Callable
from types import TracebackType

import serial

from hw_discovery.core.device import HardwareDevice
from hw_discovery.core.probing.operation import Place, SerialPlace
from hw_discovery.drivers.fault import DeviceGone, DriverFault

READ_BYTES_MAX = 4096        # a tty hands out at most a page at once
_GONE = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ENOENT, errno.EBADF)


class SerialLine:
    """Bytes in and out. `cancel` may be called from another thread; all else from one."""

    def __init__(self, device_path: str, baud: int) -> None:
        self.device_path = device_path
        self._is_cancelled = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        try:
            # Exclusive: two readers of one port would each get half of the bytes.
            self._port = serial.Serial(
                device_path, baud, timeout=0, write_timeout=1.0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            self._close_pipe()
            if isinstance(error, OSError) and error.errno in _GONE:
                raise DeviceGone(f'{device_path} is gone: {error}') from error
            raise DriverFault(f'{device_path} cannot be opened at {baud} Bd: {error}') from error

    def read(self, timeout_s: float) -> bytes:
        """Return what came within the time; b'' = nothing, or cancelled."""
        try:
            ready, _, _ = select.select([self._port.fd, self._wake_read], [], [], timeout_s)
            if self._is_cancelled or self._port.fd not in ready:
                return b''
            data = os.read(self._port.fd, READ_BYTES_MAX)
        except BlockingIOError:
            return b''
        except (OSError, TypeError, ValueError) as error:
            raise DeviceGone(f'{self.device_path} is gone: {error}') from error
        if not data:
            # Ready and yet nothing to read: what a hung-up tty says.
            raise DeviceGone(f'{self.device_path} is gone: the port was hung up')
        return data

    def read_exactly(self, size: int, timeout_s: float, clock_s: Callable[[], float]) -> bytes:
        """Return `size` bytes, or fewer when the time is over."""
        data = bytearray()
        end = clock_s() + timeout_s
        while len(data) < size and not self._is_cancelled:
            left = end - clock_s()
            if left <= 0:
                break
            data += self.read(left)
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send everything within a second, or raise."""
        try:
            self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise DriverFault(f'{self.device_path} takes no bytes') from error
        except (OSError, TypeError, ValueError) as error:
            raise DeviceGone(f'{self.device_path} is gone: {error}') from error

    def set_dtr(self, is_on: bool) -> None:
        """Set a control line; a port without one (a pty) is left as it is."""
        try:
            self._port.dtr = is_on
        except OSError as error:
            if error.errno not in (errno.ENOTTY, errno.EINVAL):
                raise DeviceGone(f'{self.device_path} is gone: {error}') from error

    def cancel(self) -> None:
        """Make a read that waits return now, and every later one."""
        self._is_cancelled = True
        with contextlib.suppress(OSError):       # full, so it is awake; or closed already
            os.write(self._wake_write, b'\0')

    def close(self) -> None:
        """Give the port back. Never raises."""
        with contextlib.suppress(OSError, termios.error):     # gone: nothing to give back
            self._port.close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        for end in (self._wake_read, self._wake_write):
            if end >= 0:
                os.close(end)
        self._wake_read = self._wake_write = -1

    def __enter__(self) -> 'SerialLine':
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def serial_path(device: HardwareDevice, place: Place | None) -> str:
    """Return the port of a device; raise DriverFault where there is none."""
    path = place.device if isinstance(place, SerialPlace) else device.device_path
    if not path:
        raise DriverFault('expected a serial port, e.g. /dev/ttyUSB0; the device has none')
    return path
