# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Performs reads on I2C adapters through /dev/i2c-N. Writes nothing but a register's index.

The last line of defence, not the planner: it asks no adapter that the rules refuse, no reserved
address and none that a kernel driver owns. A driver is never forced aside.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hw_discovery.buses.access import NOBODY_ANSWERED, judge_os_error
from hw_discovery.buses.adapters import AdapterRules, HostAdapters, I2cAdapter
from hw_discovery.buses.i2c_dev import (
    FUNC_I2C,
    FUNC_READ_BYTE,
    FUNC_READ_BYTE_DATA,
    FUNC_READ_I2C_BLOCK,
    FUNC_READ_WORD_DATA,
    I2cDevice,
    SmbusDevice,
)
from hw_discovery.core.probing.operation import I2cBareRead, I2cRead, Operation, Outcome

ADDRESS_MIN, ADDRESS_MAX = 0x08, 0x77     # the others are reserved by the I2C specification
READ_BYTES_MAX = 256                      # identity registers have 1 to 32; bounds a slow bus
SMBUS_BLOCK_BYTES_MAX = 32                # I2C_SMBUS_BLOCK_MAX of linux/i2c.h
# Arbitration lost is normal where two masters share a bus, and it passes.
_TRIES_MAX = 3
# I2C_TIMEOUT would change the adapter for its drivers as well, so the kernel's second stays, and
# a bus that hangs is left after this many addresses instead of after all.
HANGS_MAX = 2
_HANG_NS = 300_000_000                    # a read at 10 kHz with a stretching chip takes < 50 ms
LOCK_WAIT_S = 2.0                         # twice the kernel's time-out of one transfer
SCAN_S = 1.5                              # limit of a scan of all adapters
OpenBus = Callable[[str], I2cDevice]


class _Refused(Exception):
    """Nothing was sent."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error, self.detail = error, detail


class I2cProbe:
    """Performs I2cBareRead and I2cRead. Threads may share it: one lock for each adapter."""

    def __init__(
        self, rules: AdapterRules, adapters: HostAdapters | None = None,
        dev_root: Path = Path('/dev'), open_bus: OpenBus | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._rules = rules
        self._adapters = adapters or HostAdapters()
        self._dev_root = dev_root
        self._open_bus = open_bus or SmbusDevice
        self._now_ns = now_ns
        self._locks: dict[int, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def perform(self, operation: Operation) -> Outcome:
        """Return the outcome of one read; refused operations send nothing."""
        return self._perform_on_one((operation,))[0]

    def scan(
        self, operations: Iterable[I2cBareRead | I2cRead], timeout_s: float = SCAN_S,
    ) -> tuple[Outcome, ...]:
        """Return the outcomes in order; adapters are asked at the same time.

        An adapter that has not finished in time has 'failed' for what is left; its thread ends
        with the transfer that the kernel is in.
        """
        asked = tuple(operations)
        runs = [_Run(self, [o for o in asked if o.place.bus == bus])
                for bus in sorted({o.place.bus for o in asked})]
        for run in runs:
            run.start()
        end_ns = self._now_ns() + int(timeout_s * 1e9)
        for run in runs:
            run.join(max(0.0, (end_ns - self._now_ns()) / 1e9))
        told = {bus: iter(run.finished(timeout_s)) for bus, run in
                ((r.operations[0].place.bus, r) for r in runs)}
        return tuple(next(told[o.place.bus]) for o in asked)

    def _perform_on_one(
        self, operations: Iterable[Operation],
        told: Callable[[Outcome], bool] = lambda outcome: True,
    ) -> list[Outcome]:
        """Perform operations on one adapter; stop where `told` returns False."""
        outcomes: list[Outcome] = []
        hangs = 0
        for operation in operations:
            outcome = self._outcome(operation, hangs)
            if hangs < HANGS_MAX:
                hangs = hangs + 1 if outcome.error and outcome.took_ns > _HANG_NS else 0
            outcomes.append(outcome)
            if not told(outcome):
                break
        return outcomes

    def _outcome(self, operation: Operation, hangs: int) -> Outcome:
        begun_ns = self._now_ns()
        data, error, detail = b'', '', ''
        try:
            if hangs >= HANGS_MAX:
                raise _Refused('failed', f'the bus hangs: {hangs} reads in a row took too long')
            data = self._read(operation)
        except _Refused as refused:
            error, detail = refused.error, refused.detail
        except ImportError as missing:
            error, detail = 'failed', f'smbus2 is not installed ({missing})'
        return Outcome(operation, data, error, detail, begun_ns, self._now_ns() - begun_ns)

    def _read(self, operation: Operation) -> bytes:
        if not isinstance(operation, I2cBareRead | I2cRead):
            raise _Refused('failed', f'{type(operation).__name__} is not for an I2C adapter')
        adapter = self._checked_adapter(operation)
        device = self._dev_root / adapter.sys_name
        with self._held(adapter.bus):
            for attempt in range(_TRIES_MAX):
                try:
                    return self._transfer(operation, device)
                except OSError as error:
                    if error.errno == errno.EAGAIN and attempt + 1 < _TRIES_MAX:
                        continue
                    raise self._judged(
                        error, adapter, operation.place.address, device) from error
        raise AssertionError('not reached: the last try returns or raises')

    def _checked_adapter(self, operation: I2cBareRead | I2cRead) -> I2cAdapter:
        place = operation.place
        if not ADDRESS_MIN <= place.address <= ADDRESS_MAX:
            raise _Refused('failed', f'0x{place.address:02x} is reserved; expected '
                           f'0x{ADDRESS_MIN:02x} to 0x{ADDRESS_MAX:02x}')
        if isinstance(operation, I2cRead):
            _check_read(operation)
        adapter = self._adapters.i2c_adapter(place.bus)
        if adapter is None:
            raise _Refused('gone', f'there is no adapter i2c-{place.bus}')
        if place.path and place.path != adapter.path:
            raise _Refused('gone', f'i2c-{place.bus} is now {adapter.path}, not {place.path}')
        refusal = self._rules.refusal(adapter)
        if refusal:
            raise _Refused('denied', refusal)
        owner = self._adapters.i2c_owner(adapter, place.address)
        if owner:
            raise _Refused('busy', f'the kernel driver {owner} owns 0x{place.address:02x}')
        return adapter

    def _transfer(self, operation: I2cBareRead | I2cRead, device: Path) -> bytes:
        bus = self._opened(device)
        try:
            bus.claim(operation.place.address)
            if isinstance(operation, I2cBareRead):
                return _bare_read(bus, operation.place.address)
            return _register_read(bus, operation)
        finally:
            bus.close()

    def _opened(self, device: Path) -> I2cDevice:
        try:
            return self._open_bus(str(device))
        except OSError as error:
            if error.errno in NOBODY_ANSWERED:       # of the adapter here, not of an address
                raise _Refused('gone', f'{device} is no longer there') from error
            raise

    def _judged(
        self, error: OSError, adapter: I2cAdapter, address: int, device: Path,
    ) -> _Refused:
        if error.errno == errno.EBUSY:
            owner = self._adapters.i2c_owner(adapter, address)
            return _Refused('busy', f'the kernel driver {owner or "of a multiplexer"} owns '
                            f'0x{address:02x}')
        return _Refused(*judge_os_error(error, device, 'i2c'))

    @contextmanager
    def _held(self, bus: int) -> Iterator[None]:
        with self._locks_lock:
            lock = self._locks.setdefault(bus, threading.Lock())
        if not lock.acquire(timeout=LOCK_WAIT_S):
            raise _Refused('busy', f'another read of i2c-{bus} has lasted for {LOCK_WAIT_S:g} s')
        try:
            yield
        finally:
            lock.release()


class _Run:
    """The reads of one adapter in a scan, on a thread of their own."""

    def __init__(self, probe: I2cProbe, operations: list[I2cBareRead | I2cRead]) -> None:
        self.operations = operations
        self._probe = probe
        self._outcomes: list[Outcome] = []
        self._is_left = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name='i2c_scan', daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def finished(self, timeout_s: float) -> list[Outcome]:
        """Return one outcome for each operation and let the thread end."""
        with self._lock:
            self._is_left = True
            missing = self.operations[len(self._outcomes):]
            return self._outcomes + [
                Outcome(o, error='failed', detail=f'not reached within {timeout_s:g} s')
                for o in missing]

    def _work(self) -> None:
        self._probe._perform_on_one(self.operations, self._keep)

    def _keep(self, outcome: Outcome) -> bool:
        with self._lock:
            if not self._is_left:
                self._outcomes.append(outcome)
            return not self._is_left


def _check_read(operation: I2cRead) -> None:
    if operation.index_bits not in (8, 16):
        raise _Refused('failed', f'expected index_bits 8 or 16; given: {operation.index_bits}')
    if not 0 <= operation.register < 1 << operation.index_bits:
        raise _Refused('failed', f'register 0x{operation.register:x} does not fit '
                       f'{operation.index_bits} bits')
    if not 1 <= operation.size <= READ_BYTES_MAX:
        raise _Refused('failed', f'expected a size of 1 to {READ_BYTES_MAX} bytes; '
                       f'given: {operation.size}')


def _bare_read(bus: I2cDevice, address: int) -> bytes:
    if bus.functions & FUNC_READ_BYTE:
        return bytes((bus.read_byte(address),))
    if bus.functions & FUNC_I2C:
        return _all_of(bus.exchange(address, b'', 1), 1)
    raise _Refused('failed', 'the adapter can neither read single bytes nor plain I2C')


def _register_read(bus: I2cDevice, operation: I2cRead) -> bytes:
    functions, address, size = bus.functions, operation.place.address, operation.size
    if functions & FUNC_I2C:
        index = operation.register.to_bytes(operation.index_bits // 8, 'big')
        return _all_of(bus.exchange(address, index, size), size)
    if operation.index_bits == 16:
        raise _Refused('failed', 'an SMBus-only adapter cannot send an index of 16 bits without '
                       'writing a register')
    if size == 1 and functions & FUNC_READ_BYTE_DATA:
        return bytes((bus.read_byte_data(address, operation.register),))
    if size == 2 and functions & FUNC_READ_WORD_DATA:
        # SMBus sends the low byte first; these are the bytes in the order of the wire.
        return bus.read_word_data(address, operation.register).to_bytes(2, 'little')
    if size <= SMBUS_BLOCK_BYTES_MAX and functions & FUNC_READ_I2C_BLOCK:
        return _all_of(bus.read_block(address, operation.register, size), size)
    raise _Refused('failed', f'this adapter speaks SMBus only and cannot read {size} bytes of a '
                   'register at once')


def _all_of(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise _Refused('failed', f'{len(data)} bytes came back, expected {size}')
    return data
