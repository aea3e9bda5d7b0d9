# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Performs exchanges on SPI chip selects through /dev/spidevB.C.

Only chip selects that the device tree or an operator declared: SPI has no presence signal, and
no GPIO is ever toggled to look for chips. Whether bytes are harmless is the planner's to know.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hw_discovery.buses.access import judge_os_error
from hw_discovery.buses.adapters import HostAdapters, SpiChipSelect, matches_any
from hw_discovery.core.probing.operation import Operation, Outcome, SpiExchange, SpiPlace

TX_BYTES_MAX = 256           # an identity takes 2 to 32
SPEED_HZ_MAX = 50_000_000    # above what any chip of the catalogue takes
# spidev (the Python module) keeps the interpreter's lock during a transfer: all threads of the
# process stand still for that time.
TRANSFER_MS_MAX = 20
LOCK_WAIT_S = 2.0
_MODE_MAX = 3
OpenSpi = Callable[[int, int], Any]


class _Refused(Exception):
    """Nothing was sent."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error, self.detail = error, detail


class SpiProbe:
    """Performs SpiExchange. Chip selects of one controller share wires, so they share a lock."""

    def __init__(
        self, allow: tuple[str, ...] = ('*',), adapters: HostAdapters | None = None,
        dev_root: Path = Path('/dev'), open_spi: OpenSpi | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """allow: shell patterns for names ('spidev0.*') or paths in sysfs. They can only narrow
        what is declared."""
        self._allow = allow
        self._adapters = adapters or HostAdapters()
        self._dev_root = dev_root
        self._open_spi = open_spi or _open_spidev
        self._now_ns = now_ns
        self._locks: dict[int, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def perform(self, operation: Operation) -> Outcome:
        """Return the outcome of one exchange; refused ones send nothing."""
        begun_ns = self._now_ns()
        data, error, detail = b'', '', ''
        try:
            data = self._exchange(operation)
        except _Refused as refused:
            error, detail = refused.error, refused.detail
        except ImportError as missing:
            error, detail = 'failed', f'spidev is not installed ({missing})'
        return Outcome(operation, data, error, detail, begun_ns, self._now_ns() - begun_ns)

    def _exchange(self, operation: Operation) -> bytes:
        if not isinstance(operation, SpiExchange):
            raise _Refused('failed', f'{type(operation).__name__} is not for an SPI chip select')
        _check_exchange(operation)
        self._check_place(operation.place)
        place = operation.place
        device = self._dev_root / f'spidev{place.bus}.{place.chip_select}'
        with self._locks_lock:
            lock = self._locks.setdefault(place.bus, threading.Lock())
        if not lock.acquire(timeout=LOCK_WAIT_S):
            raise _Refused('busy', f'another exchange has lasted for {LOCK_WAIT_S:g} s')
        try:
            return self._transfer(operation)
        except OSError as error:
            kind, detail = judge_os_error(error, device, 'spi')
            # Nobody can fail to acknowledge on SPI: the controller itself is not there.
            raise _Refused('gone' if kind == 'absent' else kind, detail) from error
        finally:
            lock.release()

    def _check_place(self, place: SpiPlace) -> None:
        declared = self._adapters.spi_chip_select(place.bus, place.chip_select)
        name = f'spidev{place.bus}.{place.chip_select}'
        if declared is None:
            raise _Refused('gone', f'no chip select {place.chip_select} is declared on SPI bus '
                           f'{place.bus}')
        if place.path and place.path != declared.path:
            raise _Refused('gone', f'{name} is now {declared.path}, not {place.path}')
        if declared.driver not in ('', 'spidev'):
            raise _Refused('busy', f'the kernel driver {declared.driver} owns '
                           f'spi{place.bus}.{place.chip_select}')
        self._check_allowed(declared)

    def _check_allowed(self, declared: SpiChipSelect) -> None:
        if not matches_any((declared.sys_name, declared.path), self._allow):
            raise _Refused('denied', f'{declared.sys_name} is not on the list of chip selects '
                           f'that may be asked: {", ".join(self._allow) or "the list is empty"}')

    def _transfer(self, operation: SpiExchange) -> bytes:
        """Exchange in the operation's mode, and leave the mode that was found."""
        spi = self._open_spi(operation.place.bus, operation.place.chip_select)
        try:
            found_mode = int(spi.mode)
            spi.mode = operation.mode
            try:
                spi.bits_per_word = 8
                spi.max_speed_hz = operation.speed_hz
                data = bytes(spi.xfer2(list(operation.tx)))
            finally:
                # The kernel keeps the mode of a chip select over close; the speed it does not.
                spi.mode = found_mode
        finally:
            spi.close()
        if len(data) != len(operation.tx):
            raise _Refused('failed', f'{len(data)} bytes came back, expected '
                           f'{len(operation.tx)}')
        return data


def _check_exchange(operation: SpiExchange) -> None:
    if not 0 <= operation.mode <= _MODE_MAX:
        raise _Refused('failed', f'expected a mode of 0 to {_MODE_MAX}; given: {operation.mode}')
    if not 1 <= len(operation.tx) <= TX_BYTES_MAX:
        raise _Refused('failed', f'expected 1 to {TX_BYTES_MAX} bytes; given: '
                       f'{len(operation.tx)}')
    slowest = 8 * len(operation.tx) * 1000 // TRANSFER_MS_MAX
    if not slowest <= operation.speed_hz <= SPEED_HZ_MAX:
        raise _Refused('failed', f'expected {slowest} to {SPEED_HZ_MAX} Hz for '
                       f'{len(operation.tx)} bytes; given: {operation.speed_hz}')


def _open_spidev(bus: int, chip_select: int) -> Any:
    # Here and not above: without spidev everything else still works.
    import spidev  # type: ignore[import-untyped,import-not-found,unused-ignore]
    opened = spidev.SpiDev()
    opened.open(bus, chip_select)
    return opened
