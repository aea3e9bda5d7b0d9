# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One device of the catalogue: how it shows itself, what asking it may do, what it gives.

Values only. Reading and checking files is the business of schema.py; deciding what may be asked
is the planner's.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hw_discovery.core.device import BusKind


class UsbProof(Enum):
    """How much a USB id alone proves."""

    UNIQUE = 'unique'  # one product
    VENDOR_UNIQUE = 'vendor_unique'  # several products of one vendor
    FAMILY = 'family'
    COMPOSITE = 'composite'  # one of several functions of a device
    BOARD_ONLY = 'board_only'  # the board, not what runs on it
    STRING_REQUIRED = 'string_required'  # nothing without the strings
    CLASS = 'class'  # the interface class says it, the id does not
    WEAK = 'weak'
    GENERIC_SHARED = 'generic_shared'  # many unrelated products
    SHARED_BOOT_ID = 'shared_boot_id'  # a bootloader of many boards
    BRIDGE_SHARED = 'bridge_shared'  # a USB-serial chip in front of anything


class BlindSend(Enum):
    """When a request may be sent to a port whose device is not known yet."""

    NEVER = 'never'
    AFTER_USB_HINT = 'after_usb_hint'
    AFTER_PASSIVE = 'after_passive'


class Confidence(Enum):
    """Of the entry's own facts: whether the identity value itself was read in the source."""

    VERIFIED = 'verified'
    MEDIUM = 'medium'
    UNVERIFIED = 'unverified'


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read. `page`: datasheet or address, '' = the file alone."""

    repository: str
    path: str
    place: str = ''
    page: str = ''


@dataclass(frozen=True, slots=True)
class UsbId:
    """`vendor`, `product`: four lower-case hex digits; product '*' = any of the vendor."""

    vendor: str
    product: str
    means: str = ''


@dataclass(frozen=True, slots=True)
class UsbSignature:
    """Patterns are searched in the strings, case as given; None = nothing is asked of them."""

    ids: tuple[UsbId, ...]
    proof: UsbProof
    manufacturer: re.Pattern[str] | None = None
    product: re.Pattern[str] | None = None
    interface_class: str = ''
    bootloader_ids: tuple[UsbId, ...] = ()  # the same device in another state
    ambiguity: str = ''


@dataclass(frozen=True, slots=True)
class RegisterIdentity:
    """(value >> shift) & mask is one of `expected`. `addresses`: counts only there; () = all."""

    register: int
    width_bits: int  # 8, 16, 24 or 32; most significant byte first unless little_endian
    expected: tuple[int, ...]
    mask: int
    shift: int = 0
    little_endian: bool = False
    addresses: tuple[int, ...] = ()
    note: str = ''


@dataclass(frozen=True, slots=True)
class I2cSignature:
    """`register_index_bits`: 0 = no registers, a bare read; 8 or 16."""

    addresses: tuple[int, ...]
    register_index_bits: int
    identity: tuple[RegisterIdentity, ...]
    fingerprint: bool = False  # values of the reset state, no identity register: proves less
    safe_read: bool = True  # pointer write and read have no lasting effect
    precondition: str = ''  # said to people where safe_read is False
    boot_delay_ms: int = 0
    max_khz: int = 100
    side_effects: str = ''
    must_not: str = ''
    distinguish: str = ''
    heuristic: str = ''  # one of HEURISTICS: how a chip without registers is told, weakly
    mismatch_excludes: bool = True  # False: another value does not rule it out (banks, suspend)


# Tests of chips that have no identity register, each harmless to its own chip.
HEURISTICS = (
    'ms56xx_prom_crc4',  # words at 0xA0..0xAE, 4-bit checksum in the last
    'ublox_ddc',  # 0xFD, 0xFE: bytes waiting, most significant first
    'shtp',  # bare read of 4 bytes: length and channel of a packet
    'nmea_stream',  # bare reads give sentences, padded with 0x0A
    'mux_mask',  # a bare read gives the mask of open channels
    'tic_state',  # 0xA1 0x00: state of operation
    'stable_unit_id',  # a number that is neither 0 nor all ones and stays
    'bare_range',  # a bare read gives a distance
    'seesaw_hw_id',  # 16-bit index 0x0001
)


@dataclass(frozen=True, slots=True)
class SpiSignature:
    """`read_bit`: set in the address byte to read. `dummy_bytes` come before the value."""

    mode: int
    probe_hz: int
    read_bit: int | None
    identity: tuple[RegisterIdentity, ...]
    dummy_bytes: int = 0
    write_bit: int | None = None  # set means write: a read of others writes here
    frame: str = ''  # e.g. 'tmc40': 5-byte datagrams, the answer comes with the next one
    precondition: str = ''


@dataclass(frozen=True, slots=True)
class PassiveSignature:
    """What the device says unasked. `frame` names a decoder of core/protocols with a checksum;
    `pattern` is bytes to find, '..' in the file is any byte; `regex` is matched on lines."""

    listen_ms: int
    frame: str = ''
    pattern: re.Pattern[bytes] | None = None
    regex: re.Pattern[bytes] | None = None


@dataclass(frozen=True, slots=True)
class SerialRequest:
    """One question. At least one of reply_prefix, reply_regex, reply_frame is given."""

    name: str
    tx: bytes
    timeout_ms: int
    reply_prefix: bytes = b''
    reply_regex: re.Pattern[bytes] | None = None
    reply_frame: str = ''
    only_after: str = ''  # name of a request that must have been answered before
    note: str = ''
    checksum: str = ''  # of checksums.py: what `tx` ends with; '' = it has none
    reply_bytes: int = 0  # nothing more follows: no need to wait out the time; 0 = not known


@dataclass(frozen=True, slots=True)
class SerialSignature:
    """`bauds`: most likely first. `line_format`: e.g. '8N1'."""

    bauds: tuple[int, ...]
    line_format: str
    blind_send: BlindSend
    moves_hardware: bool  # a request, or opening the port, can move something
    passive: PassiveSignature | None = None
    requests: tuple[SerialRequest, ...] = ()
    safety: str = ''


@dataclass(frozen=True, slots=True)
class NetworkSignature:
    """A device that announces itself: mDNS service types, or UDP datagrams to a port."""

    services: tuple[str, ...] = ()
    udp_ports: tuple[int, ...] = ()
    note: str = ''


@dataclass(frozen=True, slots=True)
class RosDriver:
    """A well-kept package that drives it. `parameters` may hold {device_path}, {baud},
    {address}, {bus}, {frame_id}."""

    package: str
    executable: str
    parameters: tuple[tuple[str, str], ...] = ()
    topics: tuple[tuple[str, str], ...] = ()  # name, message type


@dataclass(frozen=True, slots=True)
class OfferedCapability:
    """`minimum`..`maximum` in `unit`: what it can be set to or measures; None = not said."""

    name: str  # e.g. 'sensor:imu', 'linear_acceleration'
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    count: int = 1  # axes, channels
    rate_hz: float | None = None  # the most that it gives
    ros_type: str = ''  # 'sensor_msgs/msg/Imu'


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """Everything known of one model, or of models that cannot be told apart."""

    id: str
    kind: str  # 'imu', 'lidar', ...
    vendor: str
    model: str
    buses: tuple[BusKind, ...]
    usb: UsbSignature | None = None
    i2c: I2cSignature | None = None
    spi: SpiSignature | None = None
    serial: SerialSignature | None = None
    network: NetworkSignature | None = None
    capabilities: tuple[OfferedCapability, ...] = ()
    ros_types: tuple[str, ...] = ()
    drivers: tuple[RosDriver, ...] = ()
    own_driver: str = ''  # of this package, e.g. 'gps'
    sources: tuple[Source, ...] = ()
    confidence: Confidence = Confidence.UNVERIFIED
    never_probe: bool = False
    facts: tuple[tuple[str, Any], ...] = ()  # model numbers by name and the like
    notes: str = ''

    @property
    def title(self) -> str:
        """Return vendor and model for people; the vendor once where the model begins with it."""
        maker, first = self.vendor.split()[:1], self.model.split()[:1]
        if [word.lower() for word in maker] == [word.lower() for word in first]:
            return self.model
        return f'{self.vendor} {self.model}'.strip()

    def fact(self, name: str) -> Any:
        """Return a fact of this name; '' = there is none."""
        return next((value for key, value in self.facts if key == name), '')
