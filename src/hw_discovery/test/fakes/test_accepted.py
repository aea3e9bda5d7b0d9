# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Other people's clients accept the fakes, so that a fake and our code cannot share an error."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from fakes.dynamixel import FakeDynamixelBus
from fakes.gps import FakeGps
from fakes.known_bytes import rplidar_nodes
from fakes.lidar import FakeRplidar
from fakes.pty_line import on_pty
from fakes.vehicle import FakeAutopilot


def test_dynamixel_sdk_pings_reads_and_moves_a_servo(monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = pytest.importorskip('dynamixel_sdk')
    # It gives an answer 34 ms.
    monkeypatch.setattr('dynamixel_sdk.port_handler.LATENCY_TIMER', 500)
    with on_pty(FakeDynamixelBus({1: 1020, 7: 1060})) as line:
        port, packets = sdk.PortHandler(line.path), sdk.PacketHandler(2.0)
        assert port.openPort()
        try:
            assert packets.ping(port, 7)[:2] == (1060, sdk.COMM_SUCCESS)
            assert packets.ping(port, 9)[1] == sdk.COMM_RX_TIMEOUT
            found, result = packets.broadcastPing(port)
            assert result == sdk.COMM_SUCCESS and sorted(found) == [1, 7]
            packets.write1ByteTxRx(port, 1, 64, 1)
            packets.write4ByteTxRx(port, 1, 116, 3000)
            assert packets.read4ByteTxRx(port, 1, 132)[:2] == (3000, sdk.COMM_SUCCESS)
        finally:
            port.closePort()


@pytest.mark.parametrize(('version', 'autopilot'), [(1, 3), (2, 12)])
def test_pymavlink_hears_the_heartbeat(version: int, autopilot: int) -> None:
    mavutil = pytest.importorskip('pymavlink.mavutil')
    with on_pty(FakeAutopilot(autopilot, version=version)) as line:
        link = mavutil.mavlink_connection(line.path)
        heartbeat = link.wait_heartbeat(timeout=5)
        link.close()
    assert heartbeat is not None and heartbeat.autopilot == autopilot


def test_pyubx2_and_pynmeagps_read_the_receiver() -> None:
    pyubx2 = pytest.importorskip('pyubx2')
    pynmeagps = pytest.importorskip('pynmeagps')
    gps = FakeGps(-33.5, 151.25)
    gps.received += bytes.fromhex('B5620A0400000E34')
    version = pyubx2.UBXReader.parse(gps.heard(b''))
    assert version.identity == 'MON-VER'
    epoch = gps.says()
    pvt = pyubx2.UBXReader.parse(epoch[epoch.index(b'\xb5\x62'):])
    assert (pvt.lat, pvt.lon, pvt.fixType) == (-33.5, 151.25, 3)
    gga = pynmeagps.NMEAReader.parse(epoch.split(b'\r\n')[0] + b'\r\n')
    assert (gga.lat, gga.lon, gga.quality) == (-33.5, 151.25, 1)


def test_rplidar_client_reads_information_and_health() -> None:
    rplidar = pytest.importorskip('rplidar')
    # Its motor is switched by DTR, which a pseudo terminal has not: the parts that need none.
    client = rplidar.RPLidar.__new__(rplidar.RPLidar)
    with on_pty(FakeRplidar()) as line:
        serial = pytest.importorskip('serial')
        client._serial = serial.Serial(line.path, timeout=2)
        client.logger = rplidar.logging.getLogger('rplidar')
        client.scanning = [False, 0, 'normal']
        try:
            assert client.get_info()['model'] == 24
            assert client.get_health() == ('Good', 0)
        finally:
            client._serial.close()


def test_rplidar_client_understands_the_nodes() -> None:
    rplidar = pytest.importorskip('rplidar')
    nodes = rplidar_nodes(40, 10.0)
    first, second = (rplidar._process_scan(nodes[at:at + 5]) for at in (0, 5))
    assert first == (True, 15, 0.0, 1000.0)
    assert second == (False, 15, 10.0, 4013 / 4)


@contextlib.contextmanager
def _gpsd(path: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = ['timeout', '-k', '2', '20', 'gpsd', '-N', '-n', '-b', '-S', str(port), path]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(shutil.which('gpsd') is None, reason='needs: apt-get install gpsd')
def test_gpsd_gets_a_fix_from_the_receiver() -> None:
    # Without NMEA, so that gpsd's own requests do not matter; with it, so that it knows the kind.
    with on_pty(FakeGps(ubx=False)) as line, _gpsd(line.path) as port:
        fix = _first_fix(port)
    assert fix['mode'] >= 2 and abs(fix['lat'] - 48.1173) < 1e-4


def _first_fix(port: int) -> dict[str, float]:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(
                ('127.0.0.1', port), 1) as link:
            link.sendall(b'?WATCH={"enable":true,"json":true}\n')
            with link.makefile('rb') as lines:
                for line in lines:
                    told = json.loads(line)
                    if told['class'] == 'TPV' and told.get('mode', 0) >= 2:
                        return told
    raise AssertionError('gpsd told no fix in 15 s')
