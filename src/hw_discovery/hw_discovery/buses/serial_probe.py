# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Performs operations on serial ports. Knows no protocol and judges no bytes.

A port in use is left alone. Everything is bounded, and can be stopped from another thread.
"""

import errno
import grp
import os
import pwd
import stat
import termios
import threading
import time
from collections.abc import Callable
from typing import Protocol

from hw_discovery.buses.port_owner import PortOwners, PortUse
from hw_discovery.buses.tty_port import LineFormat, PortGone, TtyPort
from hw_discovery.core.probing.operation import Outcome, SerialAsk, SerialListen

# A plan must stop within 100 ms of arming; the event is looked at this often.
_LOOK_MS = 20
_NS_PER_MS = 1_000_000
_HEARD_BYTES_MAX = 65_536
_SENT_BYTES_MAX = 1024
_LISTEN_MS_MAX = 60_000
_BAUD_MIN, _BAUD_MAX = 300, 12_000_000
# Opening at 1200 and closing starts the bootloader of many boards (ArduinoCore-avr CDC.cpp).
_BAUD_OF_BOOTLOADERS = 1200
CANCELLED = 'cancelled'  # the detail of such an outcome


class Port(Protocol):
    """An open port; see TtyPort."""

    def configure(self, baud: int, line: LineFormat) -> None:
        """Set speed and format."""

    def discard(self) -> None:
        """Forget what came and what was not sent yet."""

    def wait(self, timeout_ms: int, *, for_room: bool = False) -> bool:
        """Return whether there are bytes, or room to send."""

    def read(self, bytes_max: int) -> bytes:
        """Return what is there."""

    def write(self, data: bytes) -> int:
        """Return how many bytes were taken."""

    def close(self) -> None:
        """Close; never raises."""


class _Cancelled(Exception):
    """Somebody wants the port to be left alone."""


class _Stops:
    """Events of which any ends the operation."""

    def __init__(self, *events: threading.Event | None) -> None:
        self._events = [event for event in events if event is not None]

    def check(self) -> None:
        """Raise _Cancelled if one is set."""
        if any(event.is_set() for event in self._events):
            raise _Cancelled


class SerialProbe:
    """Performs SerialListen and SerialAsk. Threads may share it, each with a port of its own."""

    def __init__(
        self, owners: PortOwners | None = None, open_port: Callable[[str], Port] = TtyPort,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """open_port: called with the path; raises OSError."""
        self._owners = owners if owners is not None else PortOwners()
        self._open_port = open_port
        self._clock_ns = clock_ns
        self._is_held = threading.Event()
        self._is_closed = False

    def cancel(self) -> None:
        """End what runs within 100 ms, and perform nothing until resume(). From any thread.

        It holds on, so that nothing slips out between a plan's decision and its performance.
        """
        self._is_held.set()

    def resume(self) -> None:
        """Perform again, unless closed."""
        if not self._is_closed:
            self._is_held.clear()

    def close(self) -> None:
        """Cancel for good."""
        self._is_closed = True
        self.cancel()

    def perform(
        self, operation: SerialListen | SerialAsk, stop: threading.Event | None = None,
    ) -> Outcome:
        """Perform an operation; never raises. stop: set from any thread, ends it at once."""
        at_ns = self._clock_ns()
        try:
            data, error, detail = self._tried(operation, _Stops(self._is_held, stop))
        except _Cancelled:
            data, error, detail = b'', 'failed', CANCELLED
        except PortGone:
            data, error, detail = b'', 'gone', 'the port was unplugged meanwhile'
        except (OSError, termios.error) as caught:
            data = b''
            error, detail = _judged(caught, operation.place.device)
        return Outcome(operation, data, error, detail, at_ns, self._clock_ns() - at_ns)

    def _tried(
        self, operation: SerialListen | SerialAsk, stop: _Stops,
    ) -> tuple[bytes, str, str]:
        line = LineFormat.parse(operation.line_format)
        refused = _refused(operation)
        if refused or line is None:
            return b'', 'failed', refused or (
                f'line format {operation.line_format!r}: expected e.g. 8N1')
        stop.check()
        use = self._owners.use_of(operation.place.device)
        if use.owners:
            return b'', 'busy', _owned(use)
        port = self._open_port(operation.place.device)
        try:
            port.configure(operation.baud, line)
            port.discard()
            return self._exchange(port, operation, line, stop), '', ''
        finally:
            port.close()

    def _exchange(
        self, port: Port, operation: SerialListen | SerialAsk, line: LineFormat,
        stop: _Stops,
    ) -> bytes:
        if isinstance(operation, SerialListen):
            return self._collect(port, operation.listen_ms, operation.bytes_max, stop)
        self._send(port, operation.tx, operation.timeout_ms, stop)
        # The driver sends meanwhile: the time to answer starts behind the last bit.
        on_line_ms = 1 + len(operation.tx) * line.bits * 1000 // operation.baud
        return self._collect(
            port, operation.timeout_ms + on_line_ms, operation.enough, stop)

    def _send(self, port: Port, tx: bytes, timeout_ms: int, stop: _Stops) -> None:
        until_ns = self._clock_ns() + timeout_ms * _NS_PER_MS
        sent = 0
        while sent < len(tx):
            stop.check()
            sent += port.write(tx[sent:])
            if sent < len(tx):
                if self._clock_ns() >= until_ns:
                    raise OSError(errno.ETIMEDOUT, 'the port takes no bytes')
                port.wait(_LOOK_MS, for_room=True)

    def _collect(
        self, port: Port, timeout_ms: int, enough: int, stop: _Stops,
    ) -> bytes:
        until_ns = self._clock_ns() + timeout_ms * _NS_PER_MS
        enough = min(enough, _HEARD_BYTES_MAX)
        heard = bytearray()
        while len(heard) < enough:
            stop.check()
            left_ms = -((self._clock_ns() - until_ns) // _NS_PER_MS)
            if left_ms <= 0:
                break
            if port.wait(min(left_ms, _LOOK_MS)):
                heard += port.read(min(4096, enough - len(heard)))
        return bytes(heard)


def _refused(operation: SerialListen | SerialAsk) -> str:
    """Return why an operation is not performed by anybody; '' = it may be."""
    span_ms = operation.timeout_ms if isinstance(operation, SerialAsk) else operation.listen_ms
    if operation.baud == _BAUD_OF_BOOTLOADERS:
        return '1200 baud starts the bootloader of many boards'
    if not _BAUD_MIN <= operation.baud <= _BAUD_MAX:
        return f'{operation.baud} baud: expected {_BAUD_MIN} to {_BAUD_MAX}'
    if not 0 < span_ms <= _LISTEN_MS_MAX:
        return f'{span_ms} ms: expected 1 to {_LISTEN_MS_MAX}'
    if isinstance(operation, SerialAsk) and not 0 < len(operation.tx) <= _SENT_BYTES_MAX:
        return f'{len(operation.tx)} bytes to send: expected 1 to {_SENT_BYTES_MAX}'
    return ''


def _owned(use: PortUse) -> str:
    return 'in use by ' + ', '.join(str(owner) for owner in use.owners[:4])


def _judged(error: OSError | termios.error, device: str) -> tuple[str, str]:
    """Return the outcome's error and what people should know of it."""
    number = error.errno if isinstance(error, OSError) else int(error.args[0])
    if number in (errno.ENOENT, errno.ENODEV):
        return 'gone', f'{device} is not there'
    if number in (errno.EACCES, errno.EPERM):
        return 'denied', access_hint(device)
    if number in (errno.EBUSY, errno.EWOULDBLOCK):
        return 'busy', f'{device} is locked by another process'
    if number in (errno.ENXIO, errno.EIO):
        return 'absent', f'there is no hardware behind {device}'
    text = os.strerror(number) if number else str(error)
    detail = error.strerror if isinstance(error, OSError) and error.strerror else text
    return 'failed', f'{device}: {detail}'


def access_hint(device: str) -> str:
    """Return what would give this user access to a port: a group, or a udev rule."""
    user = _user_name()
    try:
        found = os.stat(device)
    except OSError:
        return f'{user} may not look at {device}'
    group = _group_name(found.st_gid)
    may_group = stat.S_IMODE(found.st_mode) & 0o060 == 0o060
    if may_group and found.st_gid != 0:
        return (f'{user} may not open {device}, which belongs to the group {group}: '
                f'sudo usermod -aG {group} {user}, then log in again')
    return (f'{user} may not open {device} (group {group}, mode '
            f'{stat.S_IMODE(found.st_mode):o}): it needs a udev rule with MODE="0660", '
            'GROUP="dialout"')


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f'user {os.geteuid()}'


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
