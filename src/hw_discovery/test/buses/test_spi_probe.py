# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Exchanges on SPI: only declared chip selects, bounded, and the mode is left as it was."""

import errno
import threading
from typing import Any

import pytest

from hw_discovery.buses.adapters import HostAdapters, SpiChipSelect
from hw_discovery.buses.performer import Performers
from hw_discovery.buses.spi_probe import SpiProbe
from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace, SpiExchange, SpiPlace

CONTROLLER = '/devices/platform/soc/fe204000.spi/spi_master/spi0'
WHO_AM_I = SpiExchange(SpiPlace(0, 1), 3, 1_000_000, b'\xf5\x00')


class FakeSpi:
    """Answers with the bytes inverted, and remembers how it was asked."""

    def __init__(self, error: int = 0, cut: int = 0) -> None:
        self.mode = 0
        self.bits_per_word = 16
        self.max_speed_hz = 0
        self.seen: list[tuple[int, int, int]] = []
        self.closed = 0
        self._error, self._cut = error, cut

    def xfer2(self, tx: list[int]) -> list[int]:
        if self._error:
            raise OSError(self._error, 'no')
        self.seen.append((self.mode, self.max_speed_hz, self.bits_per_word))
        return [byte ^ 0xFF for byte in tx][self._cut:]

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def declared(fake_sysfs: Any) -> HostAdapters:
    path = f'{CONTROLLER}/spi0.1'
    fake_sysfs.add(path, 'spi', kind='bus', driver='spidev')
    fake_sysfs.add(f'{path}/spidev/spidev0.1', 'spidev')
    fake_sysfs.add(f'{CONTROLLER}/spi0.0', 'spi', kind='bus', driver='mcp251x')
    return HostAdapters(fake_sysfs.root)


def test_an_exchange_happens_in_the_asked_mode_and_leaves_the_one_it_found(
    declared: HostAdapters,
) -> None:
    spi = FakeSpi()
    outcome = SpiProbe(adapters=declared, open_spi=lambda *_: spi).perform(WHO_AM_I)
    assert (outcome.data, outcome.error) == (b'\x0a\xff', '')
    assert spi.seen == [(3, 1_000_000, 8)]
    assert (spi.mode, spi.closed) == (0, 1)


def test_a_failed_transfer_leaves_mode_and_descriptor_as_well(declared: HostAdapters) -> None:
    spi = FakeSpi(errno.EINVAL)
    outcome = SpiProbe(adapters=declared, open_spi=lambda *_: spi).perform(WHO_AM_I)
    assert outcome.error == 'failed'
    assert (spi.mode, spi.closed) == (0, 1)


def test_spi_knows_no_absence_only_a_controller_that_is_gone(
    declared: HostAdapters, tmp_path: Any,
) -> None:
    (tmp_path / 'spidev0.1').touch()
    for number in (errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN):
        probe = SpiProbe(adapters=declared, dev_root=tmp_path,
                         open_spi=lambda *_, n=number: FakeSpi(n))
        assert probe.perform(WHO_AM_I).error == 'gone'


def test_a_short_answer_is_no_answer(declared: HostAdapters) -> None:
    spi = FakeSpi(cut=1)
    outcome = SpiProbe(adapters=declared, open_spi=lambda *_: spi).perform(WHO_AM_I)
    assert (outcome.error, outcome.data) == ('failed', b'')


@pytest.mark.parametrize(('operation', 'error', 'says'), [
    (SpiExchange(SpiPlace(0, 1), 4, 1_000_000, b'\0'), 'failed', 'expected a mode of 0 to 3'),
    (SpiExchange(SpiPlace(0, 1), 0, 1_000_000, b''), 'failed', 'expected 1 to 256 bytes'),
    (SpiExchange(SpiPlace(0, 1), 0, 1_000_000, bytes(257)), 'failed', 'given: 257'),
    (SpiExchange(SpiPlace(0, 1), 0, 60_000_000, b'\0'), 'failed', 'expected 400 to 50000000 Hz'),
    (SpiExchange(SpiPlace(0, 1), 0, 10_000, bytes(256)), 'failed', 'Hz for 256 bytes'),
    (SpiExchange(SpiPlace(0, 2), 0, 1_000_000, b'\0'), 'gone', 'no chip select 2 is declared'),
    (SpiExchange(SpiPlace(0, 0), 0, 1_000_000, b'\0'), 'busy', 'driver mcp251x owns spi0.0'),
    (SpiExchange(SpiPlace(0, 1, '/devices/other'), 0, 1_000_000, b'\0'), 'gone', 'is now'),
    (I2cBareRead(I2cPlace(1, 0x68)), 'failed', 'is not for an SPI chip select'),
])
def test_what_must_not_be_exchanged_is_refused_and_opens_nothing(
    declared: HostAdapters, operation: Any, error: str, says: str,
) -> None:
    opened: list[int] = []
    probe = SpiProbe(adapters=declared, open_spi=lambda *_: opened.append(1))
    outcome = probe.perform(operation)
    assert outcome.error == error
    assert says in outcome.detail
    assert opened == []


def test_a_list_narrows_what_is_declared(declared: HostAdapters) -> None:
    probe = SpiProbe(('spidev1.*',), declared, open_spi=lambda *_: FakeSpi())
    assert probe.perform(WHO_AM_I).error == 'denied'
    probe = SpiProbe(('spidev0.1',), declared, open_spi=lambda *_: FakeSpi())
    assert probe.perform(WHO_AM_I).error == ''


def test_no_permission_names_the_rules_file(declared: HostAdapters, tmp_path: Any) -> None:
    def refuse(*_: int) -> Any:
        raise PermissionError(errno.EACCES, 'Permission denied')

    (tmp_path / 'spidev0.1').touch(0o600)
    outcome = SpiProbe(adapters=declared, dev_root=tmp_path, open_spi=refuse).perform(WHO_AM_I)
    assert outcome.error == 'denied'
    assert 'group spi' in outcome.detail


def test_chip_selects_are_listed_with_what_drives_them(declared: HostAdapters) -> None:
    assert declared.spi() == (SpiChipSelect(0, 1, f'{CONTROLLER}/spi0.1', 'spidev'),)


def test_chip_selects_of_one_controller_are_not_used_at_once(
    declared: HostAdapters, fake_sysfs: Any,
) -> None:
    fake_sysfs.add(f'{CONTROLLER}/spi0.2', 'spi', kind='bus', driver='spidev')
    fake_sysfs.add(f'{CONTROLLER}/spi0.2/spidev/spidev0.2', 'spidev')
    inside: list[int] = []
    worst: list[int] = []

    class Slow(FakeSpi):
        def xfer2(self, tx: list[int]) -> list[int]:
            inside.append(1)
            worst.append(len(inside))
            threading.Event().wait(0.002)
            inside.pop()
            return tx

    probe = SpiProbe(adapters=declared, open_spi=lambda *_: Slow())
    threads = [
        threading.Thread(target=probe.perform, args=(
            SpiExchange(SpiPlace(0, select), 0, 1_000_000, b'\0'),))
        for select in (1, 2) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 8 and max(worst) == 1


def test_operations_go_to_the_performer_of_their_type(declared: HostAdapters) -> None:
    probe = SpiProbe(adapters=declared, open_spi=lambda *_: FakeSpi())
    both = Performers({SpiExchange: probe})
    assert both.perform(WHO_AM_I).error == ''
    outcome = both.perform(I2cBareRead(I2cPlace(1, 0x68)))
    assert 'I2cBareRead is not performed by this configuration' in outcome.detail
