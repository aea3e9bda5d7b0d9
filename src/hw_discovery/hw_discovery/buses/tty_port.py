# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One serial port, opened with as little effect as Linux allows. Knows no protocol.

termios2 is used directly and not pyserial, which sets DTR and RTS at open, and which leaves
HUPCL on, so that closing drops DTR and the next opening resets an Arduino.

What cannot be avoided: the kernel raises DTR and RTS at open unless the speed kept from before
is 0 (tty_port_block_til_ready in drivers/tty/tty_port.c). The first opening after plugging may
therefore reset a board or turn a motor. Later ones do not: HUPCL is taken off, so that closing
leaves the lines as they are.
"""

import contextlib
import errno
import fcntl
import os
import platform
import select
import stat
import struct
import termios
from dataclasses import dataclass

# asm-generic/ioctls.h and asm-generic/termbits.h. MIPS, PowerPC and SPARC have others.
_TCGETS2 = 0x802C542A
_TCSETS2 = 0x402C542B
_BOTHER = 0o010000
_IBSHIFT = 16
_FORMAT = struct.Struct('=4IB19s2I')
_GENERIC_MACHINES = ('x86_64', 'aarch64', 'armv7l', 'armv6l', 'riscv64', 'i686', 'i386')
# A UART's divider misses a speed by up to this; receivers stand about 3 to 4 %.
_BAUD_ERROR_PERCENT_MAX = 3
_TIOCEXCL = termios.TIOCEXCL


class PortGone(OSError):
    """The device was unplugged."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """data_bits 5..8, parity 'N', 'E' or 'O', stop_bits 1 or 2."""

    data_bits: int
    parity: str
    stop_bits: int

    @classmethod
    def parse(cls, text: str) -> 'LineFormat | None':
        """Return the format that e.g. '8N1' means; None: it means none."""
        is_format = (len(text) == 3 and text[0] in '5678' and text[1] in 'NEO'
                     and text[2] in '12')
        return cls(int(text[0]), text[1], int(text[2])) if is_format else None

    @property
    def bits(self) -> int:
        """Bits on the line for one byte, with the start bit."""
        return 1 + self.data_bits + (self.parity != 'N') + self.stop_bits


def control_flags(line: LineFormat) -> int:
    """Return c_cflag of a format at a speed that is given as a number.

    No HUPCL: closing must not drop DTR. No CRTSCTS: RTS stays as it is.
    """
    flags = termios.CREAD | termios.CLOCAL | _BOTHER | _BOTHER << _IBSHIFT
    flags |= {5: termios.CS5, 6: termios.CS6, 7: termios.CS7, 8: termios.CS8}[line.data_bits]
    flags |= termios.CSTOPB if line.stop_bits == 2 else 0
    return flags | {'N': 0, 'E': termios.PARENB, 'O': termios.PARENB | termios.PARODD}[
        line.parity]


class TtyPort:
    """An open port. Every method may raise OSError; PortGone when it was unplugged."""

    def __init__(self, device: str) -> None:
        """Open, lock against others and remember the settings.

        Raises OSError with the kernel's number; EBUSY also when somebody else holds a lock.
        """
        if not stat.S_ISCHR(os.stat(device).st_mode):
            raise OSError(errno.ENOTTY, 'no serial port', device)
        self._fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._saved: bytes | None = None
        try:
            self._lock(device)
            self._saved = self._settings()
        except BaseException:
            self.close()
            raise

    def _lock(self, device: str) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EBUSY, 'locked by another process', device) from None
        # Holds off everybody but root; the lock above holds off whoever asks for it.
        fcntl.ioctl(self._fd, _TIOCEXCL)

    def configure(self, baud: int, line: LineFormat) -> None:
        """Set raw bytes, speed and format; leave DTR and RTS. Raises OSError if not taken."""
        if platform.machine() not in _GENERIC_MACHINES:
            raise OSError(errno.ENOSYS, f'speeds are not known for {platform.machine()}')
        held = list(_FORMAT.unpack(self._settings()))
        characters = bytearray(held[5])
        characters[termios.VMIN] = characters[termios.VTIME] = 0
        fcntl.ioctl(self._fd, _TCSETS2, _FORMAT.pack(
            0, 0, control_flags(line), 0, held[4], bytes(characters), baud, baud))
        given = _FORMAT.unpack(self._settings())[-1]
        if abs(given - baud) * 100 > baud * _BAUD_ERROR_PERCENT_MAX:
            raise OSError(errno.EINVAL, f'the driver gives {given} baud instead of {baud}')

    def discard(self) -> None:
        """Forget what came and what was not sent yet."""
        termios.tcflush(self._fd, termios.TCIOFLUSH)

    def wait(self, timeout_ms: int, *, for_room: bool = False) -> bool:
        """Return whether there are bytes, or room to send, before the time is over."""
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT if for_room else select.POLLIN)
        events = poller.poll(max(0, timeout_ms))
        if any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL)
               and not event & select.POLLIN for _, event in events):
            raise PortGone(errno.ENODEV, 'unplugged')
        return bool(events)

    def read(self, bytes_max: int) -> bytes:
        """Return what is there."""
        try:
            got = os.read(self._fd, bytes_max)
        except BlockingIOError:
            return b''
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENODEV, errno.ENXIO):
                raise PortGone(error.errno, 'unplugged') from error
            raise
        if not got and self._hung_up():
            raise PortGone(errno.ENODEV, 'unplugged')
        return got

    def write(self, data: bytes) -> int:
        """Hand bytes to the driver; return how many it took."""
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno in (errno.EIO, errno.ENODEV, errno.ENXIO):
                raise PortGone(error.errno, 'unplugged') from error
            raise

    def close(self) -> None:
        """Restore all settings but HUPCL, so that DTR does not drop; never raises."""
        if self._fd < 0:
            return
        with contextlib.suppress(OSError, termios.error):
            # Else close() waits up to 30 s for a device that takes nothing.
            termios.tcflush(self._fd, termios.TCOFLUSH)
        if self._saved is not None:
            with contextlib.suppress(OSError):
                held = list(_FORMAT.unpack(self._saved))
                held[2] &= ~termios.HUPCL
                fcntl.ioctl(self._fd, _TCSETS2, _FORMAT.pack(*held))
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, termios.TIOCNXCL)
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1

    def _hung_up(self) -> bool:
        poller = select.poll()
        poller.register(self._fd, 0)
        return bool(poller.poll(0))

    def _settings(self) -> bytes:
        return fcntl.ioctl(self._fd, _TCGETS2, bytes(_FORMAT.size))
