# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Decoders of what devices say on serial lines, by the names that the catalogue uses.

Pure: bytes in, frames out. Nothing raises on any bytes, and every buffer is bounded.
"""

from collections.abc import Mapping
from types import MappingProxyType

from hw_discovery.core.protocols.cola_a import ColaA
from hw_discovery.core.protocols.crsf import Crsf
from hw_discovery.core.protocols.decoder import Decoder
from hw_discovery.core.protocols.dynamixel import Dynamixel1, Dynamixel2, Feetech
from hw_discovery.core.protocols.echo import without_echo
from hw_discovery.core.protocols.frame import Frame
from hw_discovery.core.protocols.grbl import Grbl
from hw_discovery.core.protocols.klipper import Klipper
from hw_discovery.core.protocols.ld06 import Ld06
from hw_discovery.core.protocols.lx16a import Lx16a
from hw_discovery.core.protocols.marlin import Marlin
from hw_discovery.core.protocols.mavlink import Mavlink
from hw_discovery.core.protocols.mip import Mip
from hw_discovery.core.protocols.msp import Msp
from hw_discovery.core.protocols.nmea import Nmea
from hw_discovery.core.protocols.odrive import Odrive
from hw_discovery.core.protocols.ping import Ping
from hw_discovery.core.protocols.roboclaw import Roboclaw
from hw_discovery.core.protocols.rplidar import Rplidar
from hw_discovery.core.protocols.rtcm3 import Rtcm3
from hw_discovery.core.protocols.sbf import Sbf
from hw_discovery.core.protocols.sbp import Sbp
from hw_discovery.core.protocols.sbus import Sbus
from hw_discovery.core.protocols.scip import Scip
from hw_discovery.core.protocols.sirf import Sirf
from hw_discovery.core.protocols.skytraq import Skytraq
from hw_discovery.core.protocols.strength import Match, accident_probability
from hw_discovery.core.protocols.tfmini import Tfmini
from hw_discovery.core.protocols.tmc_uart import TmcUart
from hw_discovery.core.protocols.tmcl import Tmcl
from hw_discovery.core.protocols.tofsense import Tofsense
from hw_discovery.core.protocols.tsip import Tsip
from hw_discovery.core.protocols.ubx import Ubx
from hw_discovery.core.protocols.vectornav import Vectornav
from hw_discovery.core.protocols.vesc import Vesc
from hw_discovery.core.protocols.witmotion import Witmotion
from hw_discovery.core.protocols.xbus import Xbus
from hw_discovery.core.protocols.ydlidar import Ydlidar

_DECODERS: tuple[type[Decoder], ...] = (
    ColaA, Crsf, Dynamixel1, Dynamixel2, Feetech, Grbl, Klipper, Ld06, Lx16a, Marlin, Mavlink,
    Mip, Msp, Nmea, Odrive, Ping, Roboclaw, Rplidar, Rtcm3, Sbf, Sbp, Sbus, Scip, Sirf, Skytraq,
    Tfmini, TmcUart, Tmcl, Tofsense, Tsip, Ubx, Vectornav, Vesc, Witmotion, Xbus, Ydlidar)
PROTOCOLS: Mapping[str, type[Decoder]] = MappingProxyType(
    {decoder.name: decoder for decoder in _DECODERS})

# Far above any plan's listening; bounds the time that judging takes.
_HEARD_BYTES_MAX = 65536
_FRAMES_NEEDED_MAX = 64


def match(name: str, data: bytes) -> Match:
    """Return what one protocol finds in all that was heard. name: a key of PROTOCOLS."""
    heard = data[:_HEARD_BYTES_MAX]
    decoder = PROTOCOLS[name]()
    frames = decoder.feed(heard) + decoder.flush()
    return Match(
        name, tuple(frames), decoder.rejected_bytes, len(heard), decoder.chance, decoder.chances)


def match_all(data: bytes) -> tuple[Match, ...]:
    """Return the protocols that found a frame, the least accidental first."""
    found = [made for made in (match(name, data) for name in PROTOCOLS) if made.frames]
    return tuple(sorted(
        found, key=lambda made: (made.false_probability, -made.coverage, made.protocol)))


def frames_needed(name: str, heard_bytes: int, probability: float) -> int:
    """Return how many distinct frames random bytes give with at most this probability.

    probability: above 0. At most 64 are asked for.
    """
    expected = heard_bytes * PROTOCOLS[name].chance
    for frames in range(1, _FRAMES_NEEDED_MAX):
        if accident_probability(frames, expected) <= probability:
            return frames
    return _FRAMES_NEEDED_MAX


__all__ = [
    'PROTOCOLS', 'Decoder', 'Frame', 'Match', 'accident_probability', 'frames_needed', 'match',
    'match_all', 'without_echo']
