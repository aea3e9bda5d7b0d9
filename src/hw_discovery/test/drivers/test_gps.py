# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Frames of a GPS receiver and what they mean."""

import math
import random

import pytest

pytest.importorskip('pynmeagps', reason='pip: pynmeagps')
pytest.importorskip('pyubx2', reason='pip: pyubx2')

from pyubx2 import GET, UBXMessage  # noqa: E402

from hw_discovery.drivers.gps.fix import (  # noqa: E402
    CovarianceKind,
    Fix,
    FixStatus,
    GpsState,
    UtcTime,
    Velocity,
)
from hw_discovery.drivers.gps.stream import FrameKind, GpsStream, nmea_checksum  # noqa: E402

# The examples of GGA and RMC that most NMEA descriptions share (gpsd's NMEA.adoc too).
GGA = b'$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n'
RMC = b'$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n'


def sentence(body: str) -> bytes:
    return b'$%s*%02X\r\n' % (body.encode(), nmea_checksum(body.encode()))


def pvt(**fields: int | float) -> bytes:
    values: dict[str, int | float] = {
        'iTOW': 1000, 'year': 2026, 'month': 11, 'day': 21, 'hour': 15, 'min': 0, 'second': 30,
        'validDate': 1, 'validTime': 1, 'nano': -1000, 'fixType': 3, 'gnssFixOk': 1,
        'lon': 11.5166, 'lat': 48.1173, 'height': 592300, 'hMSL': 545400, 'hAcc': 1500,
        'vAcc': 2500, 'velN': 1000, 'velE': 2000, 'velD': -300}
    return bytes(UBXMessage('NAV', 'NAV-PVT', GET, **{**values, **fields}).serialize())


def read(data: bytes, state: GpsState | None = None) -> list[object]:
    state = state or GpsState()
    return [reading for frame in GpsStream().feed(data) for reading in state.feed(frame)]


def test_a_fix_is_above_the_ellipsoid_with_a_covariance_from_hdop() -> None:
    (fix,) = read(GGA)
    assert isinstance(fix, Fix)
    assert (fix.latitude_deg, fix.longitude_deg) == pytest.approx((48.1173, 11.516666667))
    assert fix.altitude_m == pytest.approx(545.4 + 46.9)
    assert (fix.status, fix.service) == (FixStatus.FIX, 1)
    assert fix.covariance_kind is CovarianceKind.APPROXIMATED
    assert fix.covariance_m2[0] == pytest.approx((0.9 * 5.0) ** 2)
    assert fix.covariance_m2[8] == pytest.approx((0.9 * 10.0) ** 2)


def test_speed_and_course_become_a_velocity_to_the_east_and_the_time_is_utc() -> None:
    time, velocity = read(RMC)
    assert time == UtcTime(764426119 * 10**9), '1994-03-23T12:35:19Z'
    assert isinstance(velocity, Velocity)
    speed = 22.4 * 1852 / 3600
    assert velocity.east_mps == pytest.approx(speed * math.sin(math.radians(84.4)))
    assert velocity.north_mps == pytest.approx(speed * math.cos(math.radians(84.4)))
    assert math.isnan(velocity.up_mps), 'RMC does not say'


def test_a_receiver_without_a_fix_says_so_and_gives_no_numbers() -> None:
    (fix,) = read(sentence('GPGGA,,,,,,0,,,,,,,,'))
    assert isinstance(fix, Fix) and fix.status is FixStatus.NO_FIX
    assert math.isnan(fix.latitude_deg) and math.isnan(fix.altitude_m)
    assert fix.covariance_kind is CovarianceKind.UNKNOWN
    assert read(sentence('GPRMC,123519,V,,,,,,,230394,,')) == [], 'nor the time of its own clock'


@pytest.mark.parametrize(('quality', 'status'), [
    (1, FixStatus.FIX), (2, FixStatus.SBAS), (4, FixStatus.GBAS), (5, FixStatus.GBAS),
    (6, FixStatus.NO_FIX), (7, FixStatus.NO_FIX), (8, FixStatus.NO_FIX)])
def test_only_satellites_make_a_fix(quality: int, status: FixStatus) -> None:
    (fix,) = read(sentence(
        f'GNGGA,000001,4807.038,N,01131.000,E,{quality},8,0.9,1.0,M,2.0,M,,'))
    assert isinstance(fix, Fix) and fix.status is status


def test_without_the_geoid_the_altitude_is_unknown_not_guessed() -> None:
    (fix,) = read(sentence('GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,,,,'))
    assert isinstance(fix, Fix) and math.isnan(fix.altitude_m) and fix.latitude_deg > 48


def test_the_receivers_own_accuracy_wins_over_hdop_once_it_comes() -> None:
    state = GpsState()

    def epoch(second: int) -> list[object]:
        return read(sentence(
            f'GPGGA,1235{second:02d},4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,')
            + sentence(f'GPGST,1235{second:02d},1.0,1.5,1.2,90.0,1.25,1.5,2.5'), state)

    (first,) = epoch(10)
    assert isinstance(first, Fix) and first.covariance_kind is CovarianceKind.APPROXIMATED
    (second,) = epoch(11)
    assert isinstance(second, Fix) and second.covariance_kind is CovarianceKind.DIAGONAL_KNOWN
    assert second.covariance_m2 == (1.5**2, 0, 0, 0, 1.25**2, 0, 0, 0, 2.5**2), 'east first'


def test_a_fix_whose_accuracy_does_not_come_is_told_with_the_next() -> None:
    state = GpsState()
    read(sentence('GPGST,123509,1.0,1.5,1.2,90.0,1.25,1.5,2.5'), state)
    assert read(GGA, state) == []
    later = sentence('GPGGA,123520,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,')
    assert len(read(later, state)) == 2, 'the one that waited, and this: nothing is waited for'


def test_the_systems_in_use_are_told_as_service() -> None:
    state = GpsState()
    read(sentence('GNGSA,A,3,04,05,,,,,,,,,,,2.5,1.3,2.1,1')
         + sentence('GNGSA,A,3,70,,,,,,,,,,,,2.5,1.3,2.1,2'), state)
    (fix,) = read(sentence('GNGGA,123519,4807.038,N,01131.000,E,1,8,0.9,1,M,2,M,,'), state)
    assert isinstance(fix, Fix) and fix.service == 1 | 2


def test_ubx_gives_a_fix_with_its_accuracy_and_a_velocity_in_three_axes() -> None:
    time, velocity, fix = read(pvt())
    assert velocity == Velocity(2.0, 1.0, 0.3)
    assert time == UtcTime(1795273230 * 10**9 - 1000), '2026-11-21T15:00:30Z less 1 us'
    assert isinstance(fix, Fix) and fix.altitude_m == pytest.approx(592.3)
    assert fix.covariance_m2 == (2.25, 0, 0, 0, 2.25, 0, 0, 0, 6.25)
    assert fix.covariance_kind is CovarianceKind.DIAGONAL_KNOWN


@pytest.mark.parametrize('fields', [
    {'fixType': 0}, {'fixType': 5}, {'fixType': 1}, {'gnssFixOk': 0}, {'invalidLlh': 1}])
def test_ubx_without_a_good_fix_is_none(fields: dict[str, int]) -> None:
    fix = read(pvt(**fields))[-1]
    assert isinstance(fix, Fix) and fix.status is FixStatus.NO_FIX and math.isnan(fix.latitude_deg)


def test_ubx_rtk_is_gbas_and_two_dimensions_have_no_altitude() -> None:
    rtk, flat = read(pvt(carrSoln=2))[-1], read(pvt(fixType=2))[-1]
    assert isinstance(rtk, Fix) and rtk.status is FixStatus.GBAS
    assert isinstance(flat, Fix) and math.isnan(flat.altitude_m) and flat.status is FixStatus.FIX


def test_a_full_covariance_is_turned_from_north_east_down() -> None:
    state = GpsState()
    cov = UBXMessage('NAV', 'NAV-COV', GET, iTOW=1000, posCovValid=1, posCovNN=2.0, posCovEE=3.0,
                     posCovDD=5.0, posCovNE=.5, posCovND=.25, posCovED=.125).serialize()
    read(pvt() + cov, state)
    fix = read(pvt() + cov, state)[-1]
    assert isinstance(fix, Fix) and fix.covariance_kind is CovarianceKind.KNOWN
    assert fix.covariance_m2 == (3.0, .5, -.125, .5, 2.0, -.25, -.125, -.25, 5.0)


def test_a_receiver_that_speaks_both_is_not_told_twice() -> None:
    state = GpsState()
    assert len([r for r in read(pvt() + GGA, state) if isinstance(r, Fix)]) == 1
    later = read(GGA * 60, state)
    assert 0 < len(later) < 60, 'if UBX stops, NMEA is heard again'


def test_a_dollar_in_a_ubx_payload_starts_no_sentence() -> None:
    frames = GpsStream().feed(_ubx(0x04, 0x02, GGA) + GGA)      # INF-NOTICE
    assert [f.kind for f in frames] == [FrameKind.UBX, FrameKind.NMEA]


def _ubx(kind: int, number: int, payload: bytes) -> bytes:
    from hw_discovery.drivers.gps.stream import ubx_checksum
    body = bytes((kind, number)) + len(payload).to_bytes(2, 'little') + payload
    return b'\xb5\x62' + body + ubx_checksum(body)


def test_frames_come_out_the_same_however_the_bytes_are_cut() -> None:
    data = b'\x00junk$' + GGA + pvt() + b'\xb5\x62\x01\x07\xff\xff' + RMC + GGA[:20] + pvt() + GGA
    whole = GpsStream().feed(data)
    stream = GpsStream()
    assert [f for byte in data for f in stream.feed(bytes((byte,)))] == whole
    assert len(whole) == 5 and stream.rejected_bytes == len(data) - sum(len(f.data) for f in whole)


@pytest.mark.parametrize('seed', range(10))
def test_noise_is_no_frame_and_fills_no_memory(seed: int) -> None:
    rng = random.Random(seed)
    stream, state = GpsStream(), GpsState()
    for _ in range(50):
        frames = stream.feed(rng.randbytes(500) + b'$GP')
        for frame in frames:
            state.feed(frame)
        assert len(stream._buffer) < 2600
    assert stream.rejected_bytes > 20_000


def test_a_broken_checksum_is_no_frame() -> None:
    assert GpsStream().feed(GGA.replace(b'48', b'49')) == []
    bad = bytearray(pvt())
    bad[30] ^= 1
    assert GpsStream().feed(bytes(bad)) == []


def test_sentences_with_senseless_fields_are_counted_not_raised() -> None:
    state = GpsState()
    for body in ('GPGGA,999999,9999.9,N,99999.9,E,1,x,y,z,M,q,M,,', 'GPRMC', 'GPZDA,,,,,,', 'XX',
                 'GPGGA,123519,,N,,E,1,,,,M,,M,,'):
        for reading in read(sentence(body), state):
            assert isinstance(reading, Fix) and reading.status is FixStatus.NO_FIX
