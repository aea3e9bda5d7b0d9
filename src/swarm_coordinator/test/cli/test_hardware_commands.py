# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl hardware: arguments, tables, JSON and exit codes, against answers that are made up."""

import argparse
import json
from typing import Any

import pytest

pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from swarm_msgs import msg, srv  # noqa: E402

from swarm_coordinator.cli import hardware_commands  # noqa: E402
from swarm_coordinator.cli.answers import FAILED, OK, REFUSED, UNAVAILABLE  # noqa: E402
from swarm_coordinator.cli.hardware_arguments import BUSES, Constraint, Need, need  # noqa: E402
from swarm_coordinator.cli.swarmctl import build_parser  # noqa: E402
from swarm_coordinator.ros.abilities import hardware_capabilities  # noqa: E402

IMU = msg.HardwareDevice(
    device_id='i2c:1/0x68', name='InvenSense MPU-6050', kind='imu', bus=2, phase=3, generation=2,
    verdict=2, confidence=0.98, claimed_by='driver:imu_1', catalogue_id='imu_mpu6050',
    capabilities=[
        msg.Capability(name='sensor:imu', amount=1.0, ros_type='sensor_msgs/msg/Imu', properties=[
            msg.CapabilityProperty(name='rate', has_maximum=True, maximum=1000.0, unit='Hz')])])


class Client:
    """Answers every call with the same answer and keeps the request."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, None

    def call(self, kind: Any, name: str, request: Any, **named: Any) -> Any:
        self.asked = (name, request)
        return self.answer


def run(line: str, answer: Any) -> tuple[int, Client]:
    options = build_parser().parse_args(line.split())
    client = Client(answer)
    command = getattr(hardware_commands, options.run.partition('.')[2])
    return command(client, options), client


def test_bus_words_are_the_numbers_of_the_message() -> None:
    for number, name in enumerate(BUSES):
        assert getattr(msg.HardwareDevice, f'BUS_{name.upper()}') == number
    for number, name in enumerate(hardware_commands.PHASES):
        assert getattr(msg.HardwareDevice, f'PHASE_{name.upper()}') == number


@pytest.mark.parametrize(('text', 'wanted'), [
    ('sensor:imu', Need('sensor:imu')),
    ('memory:ram=2e9B', Need('memory:ram', 2e9, 'B')),
    ('sensor:imu,rate>=100Hz,type=sensor_msgs/msg/Imu', Need(
        'sensor:imu', ros_type='sensor_msgs/msg/Imu',
        constraints=(Constraint('rate', minimum=100.0, unit='Hz'),))),
    ('sensor:camera, frame_width<=640px,format=MJPG|YUYV', Need('sensor:camera', constraints=(
        Constraint('frame_width', maximum=640.0, unit='px'),
        Constraint('format', choices=('MJPG', 'YUYV'))))),
])
def test_a_need_is_read(text: str, wanted: Need) -> None:
    assert need(text) == wanted


@pytest.mark.parametrize('text', ['', '=3', 'a=b', 'a,rate', 'a,rate>=fast', 'a,>=3'])
def test_a_need_that_cannot_be_read_says_what_was_expected(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match='expected'):
        need(text)


@pytest.mark.parametrize('text', [
    'sensor:lidar:rate>=5', 'sensor:lidar:rate<=5', 'sensor:lidar>5', 'sensor:lidar==5'])
def test_a_limit_without_its_comma_is_no_name(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match='sensor:lidar,rate>=5'):
        need(text)


def test_list_shows_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer = srv.ListDevices.Response(devices=[IMU], notices=['add the user to the group i2c'])
    code, client = run('hardware list --bus i2c --capability sensor:imu', answer)
    assert code == OK and list(client.asked[1].buses) == [2]
    told = capsys.readouterr()
    assert 'driver:imu_1' in told.out and 'claimed' in told.out
    assert 'note: add the user to the group i2c' in told.err
    assert run('--json hardware list', answer)[0] == OK
    (row,) = json.loads(capsys.readouterr().out)
    assert row['capabilities'][0]['properties'][0]['maximum'] == 1000.0


def test_explain_show_and_suggest(capsys: pytest.CaptureFixture[str]) -> None:
    known = srv.ExplainDevice.Response(
        device=IMU, lines=['seen:', 'WHO_AM_I\x1b[31m'], launch_fragment='<launch/>')
    assert run('hardware explain imu', known)[0] == OK
    told = capsys.readouterr().out
    assert '<launch/>' in told and '\x1b' not in told
    assert run('hardware show imu', known)[0] == OK
    assert 'rate ..1000 Hz' in capsys.readouterr().out
    assert run('hardware suggest imu', known)[0] == FAILED
    strange = srv.ExplainDevice.Response(device=IMU, catalogue_stanza='schema: 1\n')
    assert run('hardware suggest imu', strange)[0] == OK
    assert 'schema: 1' in capsys.readouterr().out
    nobody = srv.ExplainDevice.Response(code=1, reason='no device is called imu')
    assert run('hardware explain imu', nobody)[0] == FAILED
    assert 'no device' in capsys.readouterr().err


def test_negotiate_fails_with_the_reason_of_every_miss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = srv.Negotiate.Response(
        satisfied=False, chosen_ids=['i2c:1/0x68', ''], misses=['sensor:x: no device offers it'])
    code, client = run('hardware negotiate sensor:imu,rate>=100Hz sensor:x', answer)
    assert code == FAILED and 'no device offers it' in capsys.readouterr().out
    (limit,) = client.asked[1].requirements[0].properties
    assert (limit.has_minimum, limit.minimum, limit.has_maximum) == (True, 100.0, False)


@pytest.mark.parametrize(('code', 'wanted'), [(0, OK), (1, REFUSED), (2, UNAVAILABLE)])
def test_claim_and_release_end_with_their_code(code: int, wanted: int) -> None:
    claim = srv.ClaimDevice.Response(code=code, reason='held by b', device_id='x', ttl_ms=5000)
    ended, client = run('hardware claim x --as mapper --for 5', claim)
    assert ended == wanted
    assert (client.asked[1].claimant, client.asked[1].ttl_ms) == ('mapper', 5000)
    release = srv.ReleaseDevice.Response(code=code, reason='held by b')
    assert run('hardware release x --as mapper', release)[0] == wanted


def test_a_claim_that_stops_a_driver_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    claim = srv.ClaimDevice.Response(
        device_id='x', ttl_ms=5000, reason='the driver gps_1 stops')
    assert run('hardware claim x', claim)[0] == OK
    assert 'note: the driver gps_1 stops' in capsys.readouterr().err
    assert run('--json hardware claim x', claim)[0] == OK
    assert json.loads(capsys.readouterr().out)['consequence'] == 'the driver gps_1 stops'
    free = srv.ClaimDevice.Response(device_id='x', ttl_ms=5000)
    assert run('hardware claim x', free)[0] == OK
    assert capsys.readouterr().err == ''


def test_allow_needs_a_reason() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(['hardware', 'allow', '/dev/ttyUSB0', 'gps_nmea', 'request'])
    answer = srv.AllowProbe.Response(place='/dev/ttyUSB0')
    code, client = run('hardware allow /dev/ttyUSB0 gps_nmea request --reason mine', answer)
    assert code == OK and client.asked[1].expiry_ms == 60_000


def test_what_a_robot_has_is_offered_to_jobs_and_what_is_ill_is_not() -> None:
    ill = msg.HardwareDevice(phase=4, capabilities=[msg.Capability(name='sensor:gps', amount=1.0)])
    servo = msg.HardwareDevice(
        phase=2, capabilities=[msg.Capability(name='actuator:servo', amount=1.0)])
    offered = hardware_capabilities(msg.HardwareInventory(devices=[IMU, ill, servo]))
    assert [one.name for one in offered] == ['actuator:servo', 'sensor:imu']
