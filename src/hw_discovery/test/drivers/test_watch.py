# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Streams that go stale, slow down or freeze, and whose they are; time is made up."""

import random

import pytest

from hw_discovery.drivers.watch import (
    Claim,
    FaultEdges,
    Health,
    Publisher,
    SensorState,
    SensorWatch,
    Watched,
    WatchLimits,
    is_sensor_type,
    match,
)

MS = 1_000_000
S = 1000 * MS
IMU = Watched('/r1/imu', 'sensor_msgs/msg/Imu', 'i2c:1:0x68')


@pytest.fixture
def watch() -> SensorWatch:
    made = SensorWatch()
    made.watch([IMU], 0)
    return made


def feed(watch: SensorWatch, start_ns: int, count: int, every_ns: int, digest: int = 0) -> int:
    now = start_ns
    for number in range(count):
        now += every_ns
        watch.heard(IMU.topic, now, number if digest == 0 else digest)
    return now


def only(watch: SensorWatch, now_ns: int) -> Health:
    (health,) = watch.health(now_ns)
    return health


def test_a_topic_that_never_spoke_is_unknown_and_then_stale(watch: SensorWatch) -> None:
    assert only(watch, S) == Health(IMU, SensorState.UNKNOWN, None, 0.0)
    health = only(watch, 11 * S)
    assert health.state is SensorState.STALE and '11.0 s' in health.reason


def test_a_steady_stream_is_fresh_with_its_rate_and_age(watch: SensorWatch) -> None:
    now = feed(watch, 0, 100, 10 * MS)
    health = only(watch, now + 3 * MS)
    assert (health.state, health.age_ns) == (SensorState.FRESH, 3 * MS)
    assert health.rate_hz == pytest.approx(100.0) and health.reason == ''


@pytest.mark.parametrize(('every_ms', 'stale_after_ms'), [(1, 500), (10, 500), (200, 2000),
                                                          (30_000, 60_000)])
def test_it_is_stale_after_some_of_its_own_intervals_within_bounds(
    watch: SensorWatch, every_ms: int, stale_after_ms: int,
) -> None:
    limits = WatchLimits(stale_max_ns=60 * S)
    watch = SensorWatch(limits)
    watch.watch([IMU], 0)
    now = feed(watch, 0, 60, every_ms * MS)
    assert only(watch, now + stale_after_ms * MS).state is SensorState.FRESH
    health = only(watch, now + stale_after_ms * MS + 1)
    assert health.state is SensorState.STALE and health.rate_hz == 0.0


def test_a_stream_that_speaks_again_is_fresh_again(watch: SensorWatch) -> None:
    now = feed(watch, 0, 60, 10 * MS) + 5 * S
    assert only(watch, now).state is SensorState.STALE
    watch.heard(IMU.topic, now, 7)
    assert only(watch, now).state is SensorState.FRESH


def test_half_the_rate_is_a_fault_and_does_not_become_usual(watch: SensorWatch) -> None:
    now = feed(watch, 0, 200, 10 * MS)
    now = feed(watch, now, 500, 25 * MS)
    health = only(watch, now)
    assert health.state is SensorState.FAULTY
    assert health.reason == 'slow: 40 Hz; it has been 100 Hz'
    now = feed(watch, now, 40, 10 * MS)
    assert only(watch, now).state is SensorState.FRESH


def test_jitter_bursts_and_a_pause_are_no_fault(watch: SensorWatch) -> None:
    rng = random.Random(1)
    now = 0
    for number in range(1000):
        now += rng.choice([0, 1, 5, 10, 10, 10, 10, 12, 20, 35]) * MS
        if number == 500:
            now += 400 * MS
        watch.heard(IMU.topic, now, number)
        if number > 50:
            assert only(watch, now).state is SensorState.FRESH


def test_a_queue_that_empties_at_once_does_not_become_usual(watch: SensorWatch) -> None:
    now = feed(watch, 0, 20, 0)
    now = feed(watch, now, 300, 10 * MS)
    now = feed(watch, now, 40, 0)
    now = feed(watch, now, 40, 10 * MS)
    assert only(watch, now).state is SensorState.FRESH
    now = feed(watch, now, 300, 5 * MS)
    now = feed(watch, now, 40, 20 * MS)
    assert 'it has been 200 Hz' in only(watch, now).reason, 'but a lasting new rate does'


def test_equal_readings_in_a_row_are_a_frozen_sensor(watch: SensorWatch) -> None:
    now = feed(watch, 0, 50, 10 * MS, digest=5)
    assert only(watch, now).state is SensorState.FRESH
    now = feed(watch, now, 1, 10 * MS, digest=5)
    health = only(watch, now)
    assert health.state is SensorState.FAULTY and 'frozen: 51' in health.reason
    now = feed(watch, now, 1, 10 * MS, digest=6)
    assert only(watch, now).state is SensorState.FRESH


def test_what_may_stand_still_is_not_called_frozen() -> None:
    battery = Watched('/r1/battery', 'sensor_msgs/msg/BatteryState')
    watch = SensorWatch()
    watch.watch([battery], 0)
    for number in range(200):
        watch.heard(battery.topic, number * S, 5)
    assert only(watch, 199 * S).state is SensorState.FRESH


def test_memory_is_bounded_by_topics_and_by_messages() -> None:
    watch = SensorWatch(WatchLimits(streams_max=4))
    watch.watch([Watched(f'/t{n}', 'sensor_msgs/msg/Imu') for n in range(50)], 0)
    assert len(watch.topics) == 4
    for number in range(10_000):
        watch.heard(watch.topics[0], number * MS, number)
    assert max(len(stream.intervals_ns) for stream in watch._streams.values()) == 32


def test_a_topic_that_is_gone_is_forgotten_and_one_of_another_device_begins_anew(
    watch: SensorWatch,
) -> None:
    now = feed(watch, 0, 60, 10 * MS)
    watch.watch([IMU], now)
    assert only(watch, now).state is SensorState.FRESH, 'the same again changes nothing'
    watch.watch([Watched(IMU.topic, IMU.ros_type, 'i2c:1:0x69')], now)
    assert only(watch, now).state is SensorState.UNKNOWN
    watch.watch([], now)
    assert watch.health(now) == ()
    watch.heard(IMU.topic, now, 1)


CLAIMS = (
    Claim('usb:lidar', ('lidar_ab12', 'rplidar'), ('sensor_msgs/msg/LaserScan',)),
    Claim('usb:imu', ('imu_cd34', 'my_imu'), ('sensor_msgs/msg/Imu',)),
    Claim('i2c:imu', ('imu_ef56',), ('sensor_msgs/msg/Imu',)))


def test_a_fault_is_told_when_it_begins_when_it_is_another_one_and_when_it_is_over() -> None:
    edges, camera = FaultEdges(), Watched('/r1/camera', 'sensor_msgs/msg/Image', 'i2c:1:0x68')
    foreign = Watched('/other', 'sensor_msgs/msg/Imu')

    def of(state: SensorState, reason: str = '', watched: Watched = IMU) -> Health:
        return Health(watched, state, None, 0.0, reason)

    def told(*healths: Health) -> tuple[list[str], tuple[str, ...]]:
        new, over = edges.update(healths)
        assert all(device == IMU.device_id for device, _ in new)
        return [text for _, text in new], over

    ill = of(SensorState.FAULTY, 'x', foreign)
    assert told(of(SensorState.FRESH), ill) == ([], ())
    assert told(of(SensorState.STALE, 'for 1 s'), ill) == (['/r1/imu: for 1 s'], ())
    assert told(of(SensorState.STALE, 'for 2 s')) == ([], ()), 'the same one'
    assert told(of(SensorState.FAULTY, 'frozen')) == (['/r1/imu: frozen'], ())
    assert told(of(SensorState.FRESH), of(SensorState.FAULTY, 'dark', camera)) == (
        ['/r1/camera: dark'], ())
    assert told(of(SensorState.FRESH)) == ([], (IMU.device_id,))
    assert told(of(SensorState.FRESH)) == ([], ())


@pytest.mark.parametrize(('publisher', 'frame', 'whose'), [
    (Publisher('/r1/sensors/imu_ef56/data_raw', 'sensor_msgs/msg/Imu', 'x', '/r1'), '', 'i2c:imu'),
    (Publisher('/imu', 'sensor_msgs/msg/Imu', 'micro_ros', '/'), 'r1/imu_cd34', 'usb:imu'),
    (Publisher('/imu', 'sensor_msgs/msg/Imu', 'my_imu', '/r1'), 'base', 'usb:imu'),
    (Publisher('/imu', 'sensor_msgs/msg/Imu', 'x', '/r1/my_imu'), '', 'usb:imu'),
    (Publisher('/scan', 'sensor_msgs/msg/LaserScan', 'x', '/r1'), 'laser', 'usb:lidar'),
    (Publisher('/imu', 'sensor_msgs/msg/Imu', 'x', '/r1'), '', ''),
    (Publisher('/imu_cd34/imu_ef56', 'sensor_msgs/msg/Imu', 'my_imu', '/r1'), '', ''),
    (Publisher('/gps', 'sensor_msgs/msg/NavSatFix', 'x', '/r1'), '', '')])
def test_a_topic_is_of_a_device_only_if_exactly_one_fits(
    publisher: Publisher, frame: str, whose: str,
) -> None:
    assert match(publisher, CLAIMS, frame) == whose


def test_only_readings_are_watched() -> None:
    assert is_sensor_type('sensor_msgs/msg/Range')
    assert not is_sensor_type('sensor_msgs/msg/CameraInfo')
    assert not is_sensor_type('std_msgs/msg/String')
