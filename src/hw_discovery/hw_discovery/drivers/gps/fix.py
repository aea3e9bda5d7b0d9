# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""From a receiver's frames to position, velocity and time in SI units. Pure, no ROS.

Where a receiver gives its own accuracy (GST, NAV-PVT, NAV-COV) that is the covariance; else it
is made from HDOP and a user range error, and called approximated. What is not known is NaN.

Sources: NMEA 0183 (GGA, RMC, GST, ZDA, GSA); u-blox UBX-13003221 32.17.15 (NAV-PVT) and
UBX-18010854 (NAV-COV); sensor_msgs/NavSatFix for the meaning of the fields.
"""

import datetime
import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pynmeagps import NMEAReader
from pyubx2 import UBXReader

from hw_discovery.drivers.gps.stream import Frame, FrameKind

_KNOT_MPS = 1852.0 / 3600.0
_NAN = math.nan
# An answer in UBX makes NMEA's less exact one superfluous for so long.
UBX_PREFERRED_FRAMES = 40


class FixStatus(IntEnum):
    """As sensor_msgs/NavSatStatus."""

    NO_FIX = -1
    FIX = 0
    SBAS = 1
    GBAS = 2


class CovarianceKind(IntEnum):
    """As sensor_msgs/NavSatFix."""

    UNKNOWN = 0
    APPROXIMATED = 1
    DIAGONAL_KNOWN = 2
    KNOWN = 3


@dataclass(frozen=True, slots=True)
class Fix:
    """WGS84; altitude above the ellipsoid. `covariance_m2`: 3x3 row-major, east, north, up."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float
    status: FixStatus
    service: int = 0         # bits as in NavSatStatus; 0 = unknown
    covariance_m2: tuple[float, ...] = (0.0,) * 9
    covariance_kind: CovarianceKind = CovarianceKind.UNKNOWN


@dataclass(frozen=True, slots=True)
class Velocity:
    """Over ground; `up_mps` is NaN where the receiver does not say."""

    east_mps: float
    north_mps: float
    up_mps: float


@dataclass(frozen=True, slots=True)
class UtcTime:
    """Of the receiver, since 1970, without leap seconds."""

    unix_ns: int


Reading = Fix | Velocity | UtcTime
NO_FIX = Fix(_NAN, _NAN, _NAN, FixStatus.NO_FIX)

# GGA field 6. 6 (dead reckoning), 7 (manual) and 8 (simulator) are not satellite fixes.
_STATUS_OF_QUALITY = {
    1: FixStatus.FIX, 2: FixStatus.SBAS, 3: FixStatus.FIX, 4: FixStatus.GBAS,
    5: FixStatus.GBAS, 9: FixStatus.SBAS}
# User equivalent range error in m by GGA quality: 5 m for one receiver alone is the figure of
# the GPS standard positioning service with a modest antenna; 0.02 and 0.5 m for RTK fixed and
# float are what receivers' makers promise. Chosen, not measured.
_RANGE_ERROR_M = {1: 5.0, 2: 2.0, 3: 5.0, 4: 0.02, 5: 0.5, 9: 2.0}
VERTICAL_FACTOR = 2.0        # VDOP is about twice HDOP: no satellite is below
_SERVICE_OF_TALKER = {'GP': 1, 'GL': 2, 'GB': 4, 'BD': 4, 'GA': 8}
_SERVICE_OF_SYSTEM_ID = {1: 1, 2: 2, 4: 4, 3: 8}     # NMEA 4.11: GPS, GLONASS, BeiDou, Galileo


class GpsState:
    """Feed frames in order, get readings. `rejected` counts frames that made no sense."""

    def __init__(self) -> None:
        self.rejected = 0
        self._held: tuple[object, Fix] | None = None      # waits for its accuracy: epoch, fix
        self._accuracy_comes = False                      # GST or NAV-COV came last epoch
        self._service = 0
        self._service_now = 0
        self._ubx_frames_left = 0
        self._has_fix = False                             # its clock is set from satellites

    def feed(self, frame: Frame) -> list[Reading]:
        """Return what the frame tells; NO_FIX while the receiver has none."""
        try:
            if frame.kind is FrameKind.UBX:
                return self._on_ubx(UBXReader.parse(frame.data))
            return self._on_nmea(NMEAReader.parse(frame.data))
        # The two libraries raise their own errors, and others on fields that are out of range.
        except Exception:
            self.rejected += 1
            return []

    # ---- NMEA

    def _on_nmea(self, said: Any) -> list[Reading]:
        self._ubx_frames_left = max(0, self._ubx_frames_left - 1)
        if self._ubx_frames_left:
            return []
        kind = said.msgID
        if kind == 'GGA':
            return self._on_gga(said)
        if kind == 'GST':
            return self._on_gst(said)
        if kind == 'RMC':
            return self._on_rmc(said)
        if kind == 'GSA':
            self._on_gsa(said)
        return self._on_zda(said) if kind == 'ZDA' else []

    def _on_gga(self, said: Any) -> list[Reading]:
        readings = self._released()
        self._service, self._service_now = self._service_now, 0
        status = _STATUS_OF_QUALITY.get(_whole(said.quality), FixStatus.NO_FIX)
        position = _position(said.lat, said.lon)
        self._has_fix = status is not FixStatus.NO_FIX and position is not None
        if status is FixStatus.NO_FIX or position is None:
            return [*readings, NO_FIX]
        # pynmeagps gives '' where a field is empty.
        altitude = _number(said.alt) + _number(said.sep)
        service = self._service or _SERVICE_OF_TALKER.get(said.talker, 0)
        error = _number(said.HDOP) * _RANGE_ERROR_M[_whole(said.quality)]
        covariance, kind = _diagonal(
            error, error, error * VERTICAL_FACTOR, CovarianceKind.APPROXIMATED)
        fix = Fix(*position, altitude, status, service, covariance, kind)
        if not self._accuracy_comes:
            return [*readings, fix]
        self._accuracy_comes = False
        self._held = said.time, fix
        return readings

    def _on_gst(self, said: Any) -> list[Reading]:
        self._accuracy_comes = True
        if self._held is None or self._held[0] != said.time:
            return []
        covariance, kind = _diagonal(
            _number(said.stdLong), _number(said.stdLat), _number(said.stdAlt),
            CovarianceKind.DIAGONAL_KNOWN)
        return self._released(covariance, kind)

    def _released(
        self, covariance: tuple[float, ...] = (),
        kind: CovarianceKind = CovarianceKind.UNKNOWN,
    ) -> list[Reading]:
        if self._held is None:
            return []
        fix = self._held[1]
        self._held = None
        if kind is CovarianceKind.UNKNOWN:
            return [fix]
        return [Fix(fix.latitude_deg, fix.longitude_deg, fix.altitude_m, fix.status, fix.service,
                    covariance, kind)]

    def _on_rmc(self, said: Any) -> list[Reading]:
        if said.status != 'A':       # its clock may be as wrong as its position
            return []
        readings: list[Reading] = []
        if isinstance(said.date, datetime.date):
            readings += _utc(said.date, said.time)
        speed = _number(said.spd) * _KNOT_MPS
        course = math.radians(_number(said.cog))
        if not math.isfinite(speed):
            return readings
        if not math.isfinite(course):
            if speed > 0.5:      # below, receivers leave the course out: it is noise
                return readings
            return [*readings, Velocity(0.0, 0.0, _NAN)]
        return [*readings,
                Velocity(speed * math.sin(course), speed * math.cos(course), _NAN)]

    def _on_gsa(self, said: Any) -> None:
        used = any(str(getattr(said, f'svid_{n:02d}', '')) for n in range(1, 13))
        if not used or _whole(said.navMode) < 2:
            return
        system = _SERVICE_OF_SYSTEM_ID.get(_whole(getattr(said, 'systemId', None)), 0)
        self._service_now |= system or _SERVICE_OF_TALKER.get(said.talker, 0)

    def _on_zda(self, said: Any) -> list[Reading]:
        if not self._has_fix:
            return []
        return _utc(datetime.date(_whole(said.year), _whole(said.month), _whole(said.day)),
                    said.time)

    # ---- UBX

    def _on_ubx(self, said: Any) -> list[Reading]:
        if said.identity == 'NAV-PVT':
            return self._on_pvt(said)
        return self._on_cov(said) if said.identity == 'NAV-COV' else []

    def _on_pvt(self, said: Any) -> list[Reading]:
        self._ubx_frames_left = UBX_PREFERRED_FRAMES
        readings = self._released()
        if said.validDate and said.validTime:
            readings += _pvt_time(said)
        position = _position(said.lat, said.lon)
        # 2: 2D, 3: 3D, 4: with dead reckoning. invalidLlh: the numbers mean nothing.
        if said.fixType not in (2, 3, 4) or not said.gnssFixOk or position is None \
                or getattr(said, 'invalidLlh', False):
            return [*readings, NO_FIX]
        status = FixStatus.GBAS if said.carrSoln else (
            FixStatus.SBAS if said.diffSoln else FixStatus.FIX)
        # hAcc is for the plane; taking it for each axis is at most 1.4 times too modest.
        horizontal = said.hAcc / 1000.0
        covariance, kind = _diagonal(
            horizontal, horizontal, said.vAcc / 1000.0, CovarianceKind.DIAGONAL_KNOWN)
        altitude = _NAN if said.fixType == 2 else said.height / 1000.0
        fix = Fix(*position, altitude, status, 0, covariance, kind)
        readings.append(Velocity(said.velE / 1000.0, said.velN / 1000.0, -said.velD / 1000.0))
        if not self._accuracy_comes:
            return [*readings, fix]
        self._accuracy_comes = False
        self._held = said.iTOW, fix
        return readings

    def _on_cov(self, said: Any) -> list[Reading]:
        self._accuracy_comes = True
        if self._held is None or self._held[0] != said.iTOW or not said.posCovValid:
            return []
        # North, east, down there; east, north, up here.
        ee, nn, uu = said.posCovEE, said.posCovNN, said.posCovDD
        en, eu, nu = said.posCovNE, -said.posCovED, -said.posCovND
        covariance = (ee, en, eu, en, nn, nu, eu, nu, uu)
        if not all(map(math.isfinite, covariance)):
            return self._released()
        return self._released(covariance, CovarianceKind.KNOWN)


def _number(field: object) -> float:
    """Return a number, NaN where the field is empty."""
    try:
        return float(field)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _NAN


def _whole(field: object) -> int:
    """Return a whole number; -1 where there is none (no field uses it)."""
    value = _number(field)
    return int(value) if math.isfinite(value) else -1


def _position(latitude: object, longitude: object) -> tuple[float, float] | None:
    pair = _number(latitude), _number(longitude)
    return pair if abs(pair[0]) <= 90.0 and abs(pair[1]) <= 180.0 else None


def _diagonal(
    east_m: float, north_m: float, up_m: float, kind: CovarianceKind,
) -> tuple[tuple[float, ...], CovarianceKind]:
    """Return the covariance of standard deviations; unknown if one of them is not known."""
    if not all(math.isfinite(sigma) and sigma > 0.0 for sigma in (east_m, north_m, up_m)):
        return (0.0,) * 9, CovarianceKind.UNKNOWN
    return (east_m**2, 0.0, 0.0, 0.0, north_m**2, 0.0, 0.0, 0.0, up_m**2), kind


def _utc(date: datetime.date, time: object) -> list[Reading]:
    if not isinstance(time, datetime.time):
        return []
    moment = datetime.datetime.combine(date, time, tzinfo=datetime.timezone.utc)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    if since.days < 0:
        return []
    return [UtcTime((since.days * 86400 + since.seconds) * 1_000_000_000
                    + since.microseconds * 1000)]


def _pvt_time(said: Any) -> list[Reading]:
    moment = datetime.datetime(said.year, said.month, said.day, said.hour, said.min,
                               min(said.second, 59))
    told = _utc(moment.date(), moment.time())
    return [UtcTime(t.unix_ns + said.nano) for t in told if isinstance(t, UtcTime)]
