# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Operations on serial ports: on pseudo terminals, and on a fake port where speed matters."""

import errno
import fcntl
import os
import struct
import termios
import threading
import time
from pathlib import Path

import pytest
from fakes.dynamixel import FakeDynamixelBus
from fakes.gps import FakeGps
from fakes.lidar import FakeLd06, FakeRplidar
from fakes.pty_line import FakeDevice, on_pty
from fakes.stepper import FakeGrbl, FakeTmc2209
from fakes.vehicle import FakeAutopilot, FakeFlightController, FakeSabertooth, FakeVesc

from hw_discovery.buses.port_owner import PortOwner, PortOwners, PortUse
from hw_discovery.buses.serial_probe import CANCELLED, SerialProbe, access_hint
from hw_discovery.buses.tty_port import LineFormat, TtyPort, control_flags
from hw_discovery.core.probing.operation import SerialAsk, SerialListen, SerialPlace
from hw_discovery.core.protocols import match, without_echo


def _listen(path: str, listen_ms: int = 400, baud: int = 115200, **more: int) -> SerialListen:
    return SerialListen(SerialPlace(path), baud, '8N1', listen_ms, **more)


def _ask(path: str, tx: str, enough: int = 16384, timeout_ms: int = 10_000) -> SerialAsk:
    return SerialAsk(SerialPlace(path), 115200, '8N1', bytes.fromhex(tx), timeout_ms, enough)


class _Nobody(PortOwners):
    def use_of(self, device: str) -> PortUse:
        return PortUse()


class _HeldBy(PortOwners):
    def use_of(self, device: str) -> PortUse:
        return PortUse((PortOwner('gpsd', 812, 'open'),))


class _FakePort:
    """Speaks NMEA at one speed, and nonsense at others. Its time goes on when it waits."""

    def __init__(self, baud: int, line: bytes = b'$GPTXT,01,01,02,HI*5C\r\n') -> None:
        self.now_ns, self.calls, self.waits = 0, list[str](), list[int]()
        self._right, self._line, self._baud = baud, line, 0
        self.failure: OSError | None = None

    def configure(self, baud: int, line: LineFormat) -> None:
        self._baud = baud
        self.calls.append(f'configure {baud} {line.data_bits}{line.parity}{line.stop_bits}')

    def discard(self) -> None:
        self.calls.append('discard')

    def wait(self, timeout_ms: int, *, for_room: bool = False) -> bool:
        self.now_ns += timeout_ms * 1_000_000
        self.waits.append(timeout_ms)
        return not for_room

    def read(self, bytes_max: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        line = self._line if self._baud == self._right else bytes(b ^ 0xA7 for b in self._line)
        return line[:bytes_max]

    def write(self, data: bytes) -> int:
        self.calls.append('write')
        return 0

    def close(self) -> None:
        self.calls.append('close')


def _probe_of(port: _FakePort) -> SerialProbe:
    return SerialProbe(_Nobody(), lambda device: port, lambda: port.now_ns)


def test_hunting_hears_sentences_only_at_the_right_speed() -> None:
    line = b'$GPTXT,01,01,02,HI*'
    check = 0
    for byte in line[1:-1]:
        check ^= byte
    port = _FakePort(38400, line + f'{check:02X}\r\n'.encode())
    heard = {baud: _probe_of(port).perform(_listen('/dev/x', baud=baud)).data
             for baud in (9600, 38400, 115200)}
    assert {baud: bool(match('nmea', data).frames) for baud, data in heard.items()} == {
        9600: False, 38400: True, 115200: False}


def test_port_is_closed_whatever_happens() -> None:
    port = _FakePort(9600)
    port.failure = OSError(errno.EPROTO, 'driver broke')
    outcome = _probe_of(port).perform(_listen('/dev/x'))
    assert (outcome.error, outcome.data) == ('failed', b'')
    assert 'driver broke' in outcome.detail and port.calls[-1] == 'close'


def test_port_that_takes_no_bytes_ends_in_time() -> None:
    port = _FakePort(9600)
    outcome = _probe_of(port).perform(_ask('/dev/x', '3F', timeout_ms=300))
    assert outcome.error == 'failed' and 'takes no bytes' in outcome.detail
    assert outcome.took_ns <= 400 * 1_000_000


@pytest.mark.parametrize(('operation', 'words'), [
    (_listen('/dev/x', baud=1200), 'bootloader'),
    (_listen('/dev/x', baud=50), 'expected 300'),
    (_listen('/dev/x', listen_ms=0), 'expected 1'),
    (_listen('/dev/x', listen_ms=10**9), 'expected 1'),
    (_ask('/dev/x', ''), 'bytes to send'),
    (_ask('/dev/x', '00' * 2000), 'bytes to send'),
    (SerialListen(SerialPlace('/dev/x'), 9600, '8X1', 100), 'expected e.g. 8N1'),
])
def test_what_is_out_of_range_is_refused_without_opening(
    operation: SerialListen | SerialAsk, words: str,
) -> None:
    port = _FakePort(9600)
    outcome = _probe_of(port).perform(operation)
    assert outcome.error == 'failed' and words in outcome.detail and not port.calls


def test_port_in_use_is_not_opened_and_its_owner_is_named() -> None:
    port = _FakePort(9600)
    outcome = SerialProbe(_HeldBy(), lambda device: port).perform(_listen('/dev/x'))
    assert outcome.error == 'busy' and 'gpsd (pid 812' in outcome.detail and not port.calls


@pytest.mark.parametrize(('number', 'error'), [
    (errno.ENOENT, 'gone'), (errno.ENODEV, 'gone'), (errno.EACCES, 'denied'),
    (errno.EBUSY, 'busy'), (errno.ENXIO, 'absent'), (errno.EMFILE, 'failed')])
def test_reason_for_not_opening_is_told(number: int, error: str) -> None:
    def refuse(device: str) -> _FakePort:
        raise OSError(number, os.strerror(number))

    assert SerialProbe(_Nobody(), refuse).perform(_listen('/dev/x')).error == error


def test_denied_names_the_group_or_the_rule(tmp_path: Path) -> None:
    device = tmp_path / 'ttyUSB0'
    device.touch()
    device.chmod(0o600)
    assert 'udev rule' in access_hint(str(device))
    if os.geteuid() == 0:
        os.chown(device, 0, 20)
        device.chmod(0o660)
        assert 'usermod -aG' in access_hint(str(device))


@pytest.mark.skipif(os.geteuid() != 0, reason='not here: only root can become another user')
def test_kernel_that_denies_is_reported_with_what_would_help() -> None:
    with on_pty(FakeDevice()) as line:
        os.chmod(line.path, 0o600)
        os.seteuid(65534)
        try:
            outcome = SerialProbe().perform(_listen(line.path))
        finally:
            os.seteuid(0)
    assert outcome.error == 'denied' and 'udev rule' in outcome.detail


@pytest.mark.parametrize('path', ['/dev/null', '/dev/zero', '/etc/passwd', '/dev/no_such_tty'])
def test_what_is_no_serial_port_is_an_error(path: str) -> None:
    assert SerialProbe(_Nobody()).perform(_listen(path)).error in ('failed', 'gone')


def test_listening_sends_nothing_even_to_a_sabertooth() -> None:
    with on_pty(FakeSabertooth()) as line:
        outcome = SerialProbe().perform(_listen(line.path, 150))
        assert (outcome.error, outcome.data) == ('', b'')
        assert not line.device.received and not line.device.harms


@pytest.mark.parametrize(('device', 'protocol', 'kind', 'bytes_max'), [
    (FakeGps(period_ms=50), 'nmea', 'GGA', 700), (FakeGps(period_ms=50), 'ubx', 'NAV-PVT', 700),
    (FakeLd06(), 'ld06', 'points', 200), (FakeAutopilot(12), 'mavlink', 'HEARTBEAT', 42),
    (FakeGrbl(), 'grbl', 'banner', 28)])
def test_device_that_speaks_is_heard(
    device: FakeDevice, protocol: str, kind: str, bytes_max: int,
) -> None:
    with on_pty(device) as line:
        outcome = SerialProbe().perform(_listen(line.path, 10_000, bytes_max=bytes_max))
    assert kind in {frame.kind for frame in match(protocol, outcome.data).frames}


@pytest.mark.parametrize(('device', 'tx', 'protocol', 'kind', 'enough'), [
    (FakeRplidar(), 'A550', 'rplidar', 'info', 27),
    (FakeGps(period_ms=5000), 'B5620A0400000E34', 'ubx', 'MON-VER', 138),
    (FakeDynamixelBus({1: 1020, 2: 1060}), 'FFFFFD00FE0300013142', 'dynamixel2', 'status', 28),
    (FakeGrbl(banner_at_open=False), '3F', 'grbl', 'status', 38),
    (FakeTmc2209(), '0500066F', 'tmc_uart', 'reply', 12),
    (FakeVesc(), '020100000003', 'vesc', 'fw_version', 28),
    (FakeFlightController(), '244D3C000202', 'msp', 'FC_VARIANT', 10)])
def test_device_that_is_asked_answers(
    device: FakeDevice, tx: str, protocol: str, kind: str, enough: int,
) -> None:
    with on_pty(device) as line:
        outcome = SerialProbe().perform(_ask(line.path, tx, enough))
    assert outcome.error == ''
    answer = without_echo(bytes.fromhex(tx), outcome.data)
    assert kind in {frame.kind for frame in match(protocol, answer).frames}
    assert device.harms == []


def test_vesc_answers_after_requests_of_others() -> None:
    with on_pty(FakeVesc()) as line:
        SerialProbe().perform(_ask(line.path, '244D3C000202', timeout_ms=20))
        outcome = SerialProbe().perform(_ask(line.path, '020100000003', 28))
    assert match('vesc', outcome.data).frames


@pytest.mark.parametrize(('tx', 'harm'), [
    ('020100000003', 'CLI opened at once'), ('A552', 'bootloader'), ('23', 'CLI opened')])
def test_fake_flight_controller_is_harmed_as_the_real_one(tx: str, harm: str) -> None:
    with on_pty(FakeFlightController()) as line:
        SerialProbe().perform(_ask(line.path, tx, timeout_ms=300))
        until = time.monotonic() + 5.0
        while not line.device.harms and time.monotonic() < until:
            threading.Event().wait(0.01)
        assert any(harm in told for told in line.device.harms)


def test_reading_ends_at_the_limit_of_bytes() -> None:
    with on_pty(FakeLd06()) as line:
        assert len(SerialProbe().perform(_listen(line.path, 2000, bytes_max=100)).data) == 100


def test_event_is_looked_at_at_least_every_50_ms() -> None:
    port = _FakePort(9600, b'')
    _probe_of(port).perform(_listen('/dev/x', 1000))
    assert port.waits and max(port.waits) <= 50


def test_event_set_from_another_thread_ends_listening() -> None:
    with on_pty(FakeDevice()) as line:
        stop = threading.Event()
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(
            SerialProbe().perform(_listen(line.path, 30_000), stop)))
        thread.start()
        stop.set()
        thread.join(5.0)
    assert (outcomes[0].error, outcomes[0].detail) == ('failed', CANCELLED)


def test_nothing_is_sent_when_the_event_is_set_already() -> None:
    stop = threading.Event()
    stop.set()
    with on_pty(FakeSabertooth()) as line:
        assert SerialProbe().perform(_ask(line.path, '02'), stop).detail == CANCELLED
        assert not line.device.received


def test_cancel_holds_all_threads_until_resumed_and_close_for_good() -> None:
    probe, outcomes = SerialProbe(), []
    with on_pty(FakeDevice()) as one, on_pty(FakeDevice()) as two:
        threads = [threading.Thread(target=lambda path=line.path: outcomes.append(
            probe.perform(_listen(path, 30_000)))) for line in (one, two)]
        for thread in threads:
            thread.start()
        probe.cancel()
        for thread in threads:
            thread.join(5.0)
        assert [outcome.detail for outcome in outcomes] == [CANCELLED, CANCELLED]
        assert probe.perform(_ask(one.path, '02')).detail == CANCELLED
        assert not one.device.received
        probe.resume()
        assert probe.perform(_listen(one.path, 20)).error == ''
        probe.close()
        probe.resume()
        assert probe.perform(_listen(one.path, 20)).detail == CANCELLED


def test_unplugging_in_the_middle_is_gone() -> None:
    with on_pty(FakeGps(period_ms=20)) as line:
        threading.Timer(0.2, line.unplug).start()
        outcome = SerialProbe().perform(_listen(line.path, 10_000))
    assert (outcome.error, outcome.data) == ('gone', b'')


def test_settings_are_restored_but_hang_up_on_close() -> None:
    with on_pty(FakeDevice()) as line:
        fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
        before = termios.tcgetattr(fd)
        before[2] |= termios.HUPCL
        before[4] = before[5] = termios.B4800
        termios.tcsetattr(fd, termios.TCSANOW, before)
        assert SerialProbe(_Nobody()).perform(_listen(line.path, 30, baud=250000)).error == ''
        after = termios.tcgetattr(fd)
        os.close(fd)
    speed_bits = 0o010017            # CBAUD; the speeds themselves are compared below
    assert after[2] & ~speed_bits == before[2] & ~termios.HUPCL & ~speed_bits
    assert after[:2] + after[3:] == before[:2] + before[3:]


@pytest.mark.parametrize('baud', [9600, 128000, 153600, 250000, 420000, 1000000, 3000000])
def test_any_speed_and_format_reaches_the_driver(baud: int) -> None:
    with on_pty(FakeDevice()) as line:
        port = TtyPort(line.path)
        port.configure(baud, LineFormat(8, 'E', 2))
        given = struct.unpack('=4IB19s2I', fcntl.ioctl(port._fd, 0x802C542A, bytes(44)))
        port.close()
    assert given[-2:] == (baud, baud)
    assert not given[2] & (termios.HUPCL | termios.CRTSCTS)


# A pseudo terminal takes neither parity nor other sizes, so the flags are looked at.
@pytest.mark.parametrize(('text', 'on', 'off'), [
    ('8N1', termios.CS8, termios.PARENB | termios.CSTOPB),
    ('8E2', termios.CS8 | termios.PARENB | termios.CSTOPB, termios.PARODD),
    ('7O1', termios.CS7 | termios.PARENB | termios.PARODD, termios.CSTOPB)])
def test_line_format_becomes_its_flags(text: str, on: int, off: int) -> None:
    line = LineFormat.parse(text)
    assert line is not None
    flags = control_flags(line)
    assert flags & on == on and not flags & (off | termios.HUPCL | termios.CRTSCTS)


def test_port_locked_by_another_is_busy() -> None:
    with on_pty(FakeDevice()) as line:
        other = TtyPort(line.path)
        try:
            assert SerialProbe(_Nobody()).perform(_listen(line.path)).error == 'busy'
            found = SerialProbe().perform(_listen(line.path))
        finally:
            other.close()
        assert found.error == 'busy' and f'pid {os.getpid()}' in found.detail
        assert SerialProbe().perform(_listen(line.path, 30)).error == ''


def test_process_that_has_the_port_open_is_found_by_any_name(tmp_path: Path) -> None:
    with on_pty(FakeDevice()) as line:
        link = tmp_path / 'by-id'
        link.symlink_to(line.path)
        assert PortOwners().use_of(str(link)).owners == ()
        fd = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
        owners = PortOwners().use_of(str(link)).owners
        os.close(fd)
    assert [(owner.pid, owner.how) for owner in owners] == [(os.getpid(), 'open')]


def _process(proc: Path, pid: int, comm: str, *arguments: str) -> None:
    here = proc / str(pid)
    (here / 'fd').mkdir(parents=True)
    (here / 'comm').write_text(f'{comm}\n')
    (here / 'cmdline').write_bytes(b'\0'.join(a.encode() for a in arguments) + b'\0')


def test_lock_file_of_a_living_process_counts_and_of_a_dead_one_does_not(tmp_path: Path) -> None:
    proc = tmp_path / 'proc'
    _process(proc, 41, 'python3', 'python3', '/home/pi/klipper/klippy/klippy.py', 'printer.cfg')
    owners = PortOwners(proc, (tmp_path,))
    (tmp_path / 'LCK..ttyUSB0').write_text('        41\n')
    (tmp_path / 'LCK..ttyUSB1').write_text('        42\n')
    (tmp_path / 'LCK..ttyUSB2').write_bytes((41).to_bytes(4, 'little'))
    (tmp_path / 'LCK..ttyUSB3').write_bytes(b'\xff' * 5000)
    assert [str(o) for o in owners.use_of('/dev/ttyUSB0').owners] == [
        'python3 klippy.py (pid 41, lock file)']
    assert owners.use_of('/dev/ttyUSB1').owners == ()
    assert owners.use_of('/dev/ttyUSB2').owners[0].pid == 41
    assert owners.use_of('/dev/ttyUSB3').owners == ()


@pytest.mark.skipif(os.geteuid() == 0, reason='not here: root sees into every process')
def test_processes_of_others_are_counted_as_unseen() -> None:
    assert PortOwners().use_of('/dev/ttyUSB0').unseen > 0


def test_gpsd_that_cannot_be_looked_into_is_known_by_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    proc = tmp_path / 'proc'
    _process(proc, 7, 'gpsd', 'gpsd', '-n', '/dev/ttyACM0')
    _process(proc, 8, 'cat', 'cat', '/dev/ttyACM0')
    listed = os.listdir

    def denied(path: str | Path) -> list[str]:
        if str(path).endswith('/fd'):
            raise PermissionError(errno.EACCES, 'denied')
        return listed(path)

    monkeypatch.setattr(os, 'listdir', denied)
    use = PortOwners(proc, ()).use_of('/dev/ttyACM0')
    assert [str(owner) for owner in use.owners] == ['gpsd (pid 7, command line)']
    assert use.unseen == 2


def test_modem_manager_is_waited_for_only_where_it_runs_and_asks(tmp_path: Path) -> None:
    proc = tmp_path / 'proc'
    _process(proc, 9, 'systemd', 'init')
    assert PortOwners(proc).settling_ms('/dev/ttyACM0') == 0
    _process(proc, 10, 'ModemManager', 'ModemManager')
    assert PortOwners(proc).settling_ms('/dev/ttyACM0') > 0
    assert PortOwners(proc).settling_ms('/dev/ttyAMA0') == 0


def test_no_descriptor_is_left_after_a_hundred_operations() -> None:
    with on_pty(FakeGps(period_ms=10)) as line:
        probe = SerialProbe()
        probe.perform(_listen(line.path, 10))
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(100):
            probe.perform(_listen(line.path, 2))
            probe.perform(_listen('/dev/no_such_tty', 2))
        assert len(os.listdir('/proc/self/fd')) <= before
