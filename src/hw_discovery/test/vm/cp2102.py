# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A CP2102 in Python behind vhci_hcd: the kernel's cp210x driver believes it.

vhci_hcd speaks the USB/IP protocol on a socket that it is given; no network is involved.
Sources: Documentation/usb/usbip_protocol.rst and drivers/usb/serial/cp210x.c of Linux for the
layouts and the numbers of requests; AN571 of Silicon Labs for their meaning.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fakes.pty_line import FakeDevice

VHCI = Path('/sys/devices/platform/vhci_hcd.0')
_SUBMIT, _UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_HEADER = 48
_FULL_SPEED = 2
_ECONNRESET = -104
_STALL = -32                 # EPIPE
_PART_CP2102 = 0x02
# Vendor requests of AN571.
_SET_BAUD, _SET_MODEM, _GET_MODEM = 0x1E, 0x07, 0x08
_GET_FLOW, _GET_STATUS, _GET_BAUD, _GET_LINE, _VENDOR_SPECIFIC = 0x14, 0x10, 0x1D, 0x04, 0xFF


def free_port() -> int:
    """Return a free port of the pretended controller, for full speed."""
    for line in (VHCI / 'status').read_text().splitlines()[1:]:
        kind, port, state, *_ = line.split()
        if kind == 'hs' and int(state) == 4:
            return int(port)
    raise RuntimeError('no free port')


class Cp2102:
    """One bridge with a device behind it. `lines`: (moment in ns, DTR, RTS) as they were set;
    `bauds`: the speeds that were set."""

    def __init__(self, device: FakeDevice, serial: str = '0001') -> None:
        self.device = device
        self.lines: list[tuple[int, bool | None, bool | None]] = []
        self.bauds: list[int] = []
        self._strings = ['', 'Silicon Labs', 'CP2102 USB to UART Bridge Controller', serial]
        self._waiting: list[tuple[int, int]] = []        # reads: sequence number, size
        self._said = bytearray()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ours, theirs = socket.socketpair()
        self._port = free_port()
        self._threads = [threading.Thread(target=run, daemon=True)
                         for run in (self._serve, self._speak)]
        for thread in self._threads:
            thread.start()
        (VHCI / 'attach').write_text(f'{self._port} {theirs.fileno()} 1 {_FULL_SPEED}\n')
        theirs.close()

    def unplug(self) -> None:
        """Pull its plug."""
        self._stop.set()
        with contextlib.suppress(OSError):
            (VHCI / 'detach').write_text(f'{self._port}\n')
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)
        self._ours.close()

    # ---- USB/IP

    def _serve(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while not self._stop.is_set():
                header = self._exactly(_HEADER)
                command, sequence, _, direction, endpoint = struct.unpack_from('>5I', header)
                if command == _UNLINK:
                    self._unlink(sequence, struct.unpack_from('>I', header, 20)[0])
                    continue
                size = struct.unpack_from('>I', header, 24)[0]
                data = self._exactly(size) if not direction and size else b''
                if endpoint == 0:
                    self._control(sequence, header[40:48], data)
                elif direction:
                    with self._lock:
                        self._waiting.append((sequence, size))
                        self._flush()
                else:
                    self._answer(sequence, b'', len(data))
                    self._hear(data)

    def _exactly(self, size: int) -> bytes:
        data = b''
        while len(data) < size:
            part = self._ours.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _answer(self, sequence: int, data: bytes, length: int = -1, status: int = 0) -> None:
        self._ours.sendall(struct.pack(
            '>5IiIIII8x', _RET_SUBMIT, sequence, 0, 0, 0, status,
            len(data) if length < 0 else length, 0, 0, 0) + data)

    def _unlink(self, sequence: int, victim: int) -> None:
        with self._lock:
            was_waiting = any(number == victim for number, _ in self._waiting)
            self._waiting = [item for item in self._waiting if item[0] != victim]
            self._ours.sendall(struct.pack('>5Ii24x', _RET_UNLINK, sequence, 0, 0, 0,
                                           _ECONNRESET if was_waiting else 0))

    # ---- the chip

    def _control(self, sequence: int, setup: bytes, data: bytes) -> None:
        kind, request, value, _, size = struct.unpack('<BBHHH', setup)
        answer: bytes | None
        if kind & 0x60 == 0x40:
            answer = self._vendor(request, value, data, size)
        elif kind == 0x80 and request == 6:
            answer = self._descriptor(value >> 8, value & 0xFF)
        else:
            answer = bytes(2) if kind & 0x80 else b''
        if answer is None:
            self._answer(sequence, b'', status=_STALL)
        elif kind & 0x80:
            self._answer(sequence, answer[:size])
        else:
            self._answer(sequence, b'', len(data))

    def _vendor(self, request: int, value: int, data: bytes, size: int) -> bytes | None:
        if request == _SET_BAUD:
            self.bauds.append(struct.unpack('<I', data)[0])
        elif request == _SET_MODEM:
            # The high byte says which of the two lines the low byte is about.
            dtr, rts = (bool(value & bit) if value >> 8 & bit else None for bit in (1, 2))
            self.lines.append((time.monotonic_ns(), dtr, rts))
        elif request == _VENDOR_SPECIFIC:
            return bytes((_PART_CP2102,)) if value == 0x370B else None
        answers: dict[int, Callable[[], bytes]] = {
            _GET_MODEM: lambda: b'\x00', _GET_FLOW: lambda: bytes(16),
            _GET_STATUS: lambda: bytes(19), _GET_LINE: lambda: b'\x00\x08',
            _GET_BAUD: lambda: struct.pack('<I', self.bauds[-1] if self.bauds else 9600)}
        return answers.get(request, lambda: bytes(size))()

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        if kind == 1:
            return struct.pack('<BBHBBBBHHHBBBB', 18, 1, 0x0110, 0, 0, 0, 64, 0x10C4, 0xEA60,
                               0x0100, 1, 2, 3, 1)
        if kind == 2:
            body = struct.pack('<9B', 9, 4, 0, 0, 2, 0xFF, 0, 0, 2)
            for endpoint in (0x81, 0x01):
                body += struct.pack('<BBBBHB', 7, 5, endpoint, 2, 64, 0)
            return struct.pack('<BBHBBBBB', 9, 2, 9 + len(body), 1, 1, 0, 0x80, 50) + body
        if kind == 3 and index < len(self._strings):
            text = self._strings[index].encode('utf-16-le') if index else b'\x09\x04'
            return bytes((2 + len(text), 3)) + text
        return None

    # ---- the device behind it

    def _hear(self, data: bytes) -> None:
        self.device.received += data
        answer = self.device.heard(data)
        with self._lock:
            self._said += answer
            self._flush()

    def _speak(self) -> None:
        while not self._stop.wait(max(0.005, self.device.period_ms / 1000)):
            said = self.device.says()
            if said:
                with self._lock, contextlib.suppress(OSError):
                    self._said = (self._said + said)[-4096:]
                    self._flush()

    def _flush(self) -> None:
        while self._said and self._waiting:
            sequence, size = self._waiting.pop(0)
            part = bytes(self._said[:min(size, 64)])
            del self._said[:len(part)]
            self._answer(sequence, part)
