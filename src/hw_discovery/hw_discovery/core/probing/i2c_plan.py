# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions to one I2C address.

Owns: which registers tell the catalogue's entries of an address apart, and what an answer says.
A value counts when two reads agree and the line does not float (all 0x00 or all 0xFF).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hw_discovery.core.catalogue.entry import DeviceEntry, RegisterIdentity
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence
from hw_discovery.core.probing.i2c_heuristic import HEURISTIC_QUESTIONS
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    Outcome,
)
from hw_discovery.core.probing.question import Question, Tier

# One short transaction at 100 kHz with the system call around it.
TRANSACTION_MS = 1.0
# A reset-state value proves less: a driver may have changed it, another chip may have it too.
FINGERPRINT_SHARE = 0.5
# 0x00 or 0xFF where it is expected: an idle line says the same.
FLOATING_BITS = 1.0
# A wrong value of a chip that may hide its identity (banks, suspend) or of a fingerprint.
SOFT_MISMATCH_BITS = -1.0
# One of several reset values differs: drivers change one (the prescaler of a PCA9685), not most.
CHANGED_DEFAULT_BITS = -2.5


def identity_at(entry: DeviceEntry, address: int) -> tuple[RegisterIdentity, ...]:
    """Return the identity lines that count at this address."""
    if entry.i2c is None:
        return ()
    return tuple(line for line in entry.i2c.identity
                 if not line.addresses or address in line.addresses)


def is_part_at(entry: DeviceEntry, address: int) -> bool:
    """Tell whether the chip has identity lines at other addresses that must match too."""
    return entry.i2c is not None and any(
        line.addresses and address not in line.addresses for line in entry.i2c.identity)


def line_bits(line: RegisterIdentity) -> float:
    """Return what a match weighs: bits of the mask less the choice of accepted values."""
    return max(0.0, line.mask.bit_count() - math.log2(len(set(line.expected))))


def matches(line: RegisterIdentity, data: bytes) -> bool:
    """Tell whether the bytes of a register, in the order of the wire, show the identity."""
    value = int.from_bytes(data[:line.width_bits // 8],
                           'little' if line.little_endian else 'big')
    return (value >> line.shift) & line.mask in line.expected


def floats(data: bytes) -> bool:
    """Tell whether an undriven line would have read the same."""
    return set(data) <= {0x00} or set(data) <= {0xFF}


def steady(outcomes: Sequence[Outcome]) -> bytes:
    """Return the data when all reads succeeded and agree, else b''."""
    first = outcomes[0].data
    if any(outcome.error or outcome.data != first for outcome in outcomes):
        return b''
    return first


def register_key(register: int, index_bits: int, size: int) -> str:
    """Return the name of the question for a register."""
    return f'register 0x{register:02x}/{index_bits}/{size}'


def is_read_fully(entry: DeviceEntry, address: int, answered: frozenset[str]) -> bool:
    """Tell whether every identity register that counts at this address was asked."""
    return entry.i2c is not None and all(
        register_key(line.register, entry.i2c.register_index_bits, line.width_bits // 8)
        in answered for line in identity_at(entry, address))


def register_observation(place: I2cPlace, register: int, data: bytes, says: str) -> Observation:
    """Return the observation of a register for people."""
    return Observation(source='register', location=f'i2c-{place.bus} 0x{place.address:02x}',
                       seen=f'register 0x{register:02x} = 0x{data.hex()}', says=says)


@dataclass(frozen=True, slots=True)
class RegisterQuestion:
    """Read one register twice. Asks for every entry with an identity in it."""

    place: I2cPlace
    register: int
    index_bits: int
    size: int
    about: Mapping[str, float]
    caution: str = ''
    reads: int = 2
    age_ms: int = 0  # how long the place has been known: whoever boots longer is given time

    @property
    def key(self) -> str:
        """Name it by register, index width and size."""
        return register_key(self.register, self.index_bits, self.size)

    @property
    def tier(self) -> Tier:
        """Wide indexes last: a write to every chip with 8-bit registers, known or not."""
        return Tier.INERT if self.index_bits == 8 else Tier.LAST

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Two reads that must agree; one where a remembered device is only confirmed."""
        read = I2cRead(self.place, self.register, self.index_bits, self.size)
        return (read,) * self.reads

    @property
    def cost_ms(self) -> float:
        """One transaction for each read."""
        return self.reads * TRANSACTION_MS

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Weigh the value for and against the entries that say something of the register."""
        data = steady(outcomes)
        if len(data) != self.size:
            return []
        found = []
        for entry in entries:
            for line in self._lines(entry):
                found.append(self._weigh(entry, line, data))
        return found

    def _lines(self, entry: DeviceEntry) -> tuple[RegisterIdentity, ...]:
        if entry.i2c is None or entry.i2c.register_index_bits != self.index_bits:
            return ()
        return tuple(line for line in identity_at(entry, self.place.address)
                     if line.register == self.register and line.width_bits == 8 * self.size)

    def _weigh(self, entry: DeviceEntry, line: RegisterIdentity, data: bytes) -> Evidence:
        assert entry.i2c is not None
        soft = entry.i2c.fingerprint or not entry.i2c.mismatch_excludes
        if matches(line, data):
            bits = line_bits(line) * (FINGERPRINT_SHARE if entry.i2c.fingerprint else 1.0)
            says = f'as {entry.model} answers'
            if floats(data):
                bits, says = min(bits, FLOATING_BITS), f'{says}, and an idle line too'
        else:
            booting = floats(data) and self.age_ms < entry.i2c.boot_delay_ms
            bits = SOFT_MISMATCH_BITS if soft or booting else CONTRADICTION_BITS
            if entry.i2c.fingerprint and len(entry.i2c.identity) > 1:
                bits = CHANGED_DEFAULT_BITS
            expected = ' or '.join(f'0x{value:02x}' for value in line.expected[:4])
            says = f'not {entry.model}, which would answer {expected}'
        return Evidence(entry.id, self.key, bits,
                        register_observation(self.place, self.register, data, says))


@dataclass(frozen=True, slots=True)
class ControlQuestion:
    """Read a matching 8-bit identity and two neighbours: what answers every register with one
    byte (an expander, a mux, a stuck line) is no chip with registers."""

    place: I2cPlace
    register: int
    index_bits: int
    entry_id: str

    key = 'control registers'
    tier = Tier.INERT
    caution = ''

    @property
    def about(self) -> Mapping[str, float]:
        """It can only speak against."""
        return {self.entry_id: 0.0}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One byte each. Not the second neighbour: 0x02 of Bosch chips clears on read."""
        last = (1 << self.index_bits) - 1
        return tuple(I2cRead(self.place, (self.register + step) & last, self.index_bits, 1)
                     for step in (0, 1, 3))

    @property
    def cost_ms(self) -> float:
        """Three transactions."""
        return 3 * TRANSACTION_MS

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Contradict every entry with one-byte identities when all registers are alike."""
        data = steady(outcomes)
        if not data:
            return []
        seen = register_observation(
            self.place, self.register, data,
            'the registers after it hold the same byte: no register map')
        return [Evidence(entry.id, self.key, CONTRADICTION_BITS, seen) for entry in entries
                if _is_one_byte(entry, self.place.address)]


def _is_one_byte(entry: DeviceEntry, address: int) -> bool:
    lines = identity_at(entry, address)
    return bool(lines) and all(line.width_bits == 8 for line in lines) and len(
        {line.expected for line in lines}) == 1


def control_question(place: I2cPlace, entry: DeviceEntry) -> ControlQuestion | None:
    """Return the control that an entry known by one 8-bit register needs, or None."""
    lines = identity_at(entry, place.address)
    if entry.i2c is None or not entry.i2c.register_index_bits or not _is_one_byte(
            entry, place.address):
        return None
    return ControlQuestion(place, lines[0].register, entry.i2c.register_index_bits, entry.id)


@dataclass(frozen=True, slots=True)
class PresenceQuestion:
    """Is anybody there: one byte, no register written before."""

    place: I2cPlace

    key = 'presence'
    tier = Tier.PASSIVE
    caution = ''
    cost_ms = TRANSACTION_MS

    @property
    def about(self) -> Mapping[str, float]:
        """An acknowledge tells nobody from anybody."""
        return {}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """One bare read."""
        return (I2cBareRead(self.place),)

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Presence is no evidence for anybody."""
        return []


def questions_of(place: I2cPlace, entries: Sequence[DeviceEntry],
                 age_ms: int = 0) -> list[Question]:
    """Return all that can be asked of the address for these entries."""
    spots: dict[tuple[int, int, int], list[tuple[DeviceEntry, RegisterIdentity]]] = {}
    found: list[Question] = []
    for entry in entries:
        if entry.i2c is None or entry.never_probe:
            continue
        for line in identity_at(entry, place.address):
            spot = line.register, entry.i2c.register_index_bits, line.width_bits // 8
            spots.setdefault(spot, []).append((entry, line))
        heuristic = HEURISTIC_QUESTIONS.get(entry.i2c.heuristic)
        if heuristic is not None:
            found.append(heuristic(place, entry))
    for spot, lines in sorted(spots.items()):
        found.append(RegisterQuestion(
            place, *spot, about=_worth(lines), age_ms=age_ms,
            caution=_caution([entry for entry, _ in lines])))
    return found


def _worth(lines: Sequence[tuple[DeviceEntry, RegisterIdentity]]) -> dict[str, float]:
    """Return what a match is worth; one value that several share is worth less for each."""
    worth: dict[str, float] = {}
    for entry, line in lines:
        sharers = sum(bool(set(line.expected) & set(other.expected)) for _, other in lines)
        worth[entry.id] = worth.get(entry.id, 0.0) + line_bits(line) / sharers
    return worth


def _caution(entries: Sequence[DeviceEntry]) -> str:
    """Return why only an operator may open the register: no entry in it may be read freely."""
    signatures = [entry.i2c for entry in entries if entry.i2c is not None]
    if any(signature.safe_read for signature in signatures):
        return ''
    return signatures[0].precondition or 'reading it has a lasting effect'
