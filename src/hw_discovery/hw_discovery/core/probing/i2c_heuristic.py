# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions to I2C chips that have no identity register. None of them can identify alone, but
for sentences of a receiver.

Owns: one weak test for each name in catalogue HEURISTICS that can be asked without a write.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hw_discovery.core.catalogue.entry import DeviceEntry
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    Outcome,
)
from hw_discovery.core.probing.question import Question, Tier

# Reads of a receiver's stream: enough for the start of one sentence between padding.
STREAM_READS = 48
TIC_STATES = (0, 2, 4, 6, 8, 10)  # Pololu Tic manual: operation state
SEESAW_HARDWARE = (0x55, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89)  # Adafruit seesaw HW_ID
DDC_WAITING_MAX = 4096  # u-blox: size of the buffer of the DDC port

# data of all operations in order -> (bits, what it says); None = nothing to say.
Judgement = Callable[[tuple[bytes, ...]], 'tuple[float, str] | None']


def crc4_of_prom(words: Sequence[int]) -> int:
    """Return the checksum of the eight PROM words of an MS56xx (TE Connectivity AN520)."""
    rest = 0
    for index in range(16):
        word = words[index >> 1] if index < 14 else words[7] & 0xFF00
        rest ^= word & 0xFF if index & 1 else word >> 8
        for _ in range(8):
            rest = (rest << 1) ^ (0x3000 if rest & 0x8000 else 0)
    return rest >> 12 & 0xF


def _prom(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    words = [int.from_bytes(item, 'big') for item in data]
    if len(set(words)) < 4:  # blank, or one word everywhere
        return CONTRADICTION_BITS, 'the calibration memory is blank'
    if crc4_of_prom(words) == words[7] & 0xF:
        return 4.0, 'the 4-bit checksum of the calibration memory fits (1 of 16 would by chance)'
    return CONTRADICTION_BITS, 'the checksum of the calibration memory does not fit'


def _waiting(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    count = int.from_bytes(data[0], 'big')
    if 0 < count <= DDC_WAITING_MAX:
        return 2.0, f'{count} bytes waiting is plausible'
    return (0.0, 'nothing waiting') if count in (0, 0xFFFF) else (-3.0, 'not a plausible count')


def _sentences(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    text = b''.join(data)
    if any(byte not in b'\r\n' and not 0x20 <= byte < 0x7F for byte in text):
        return CONTRADICTION_BITS, 'not text'
    if b'$G' in text or b'$PMTK' in text:
        return 20.0, 'sentences of a receiver'
    return 2.0, 'padding between sentences'


def _tic(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    if data[0][0] not in TIC_STATES:
        return CONTRADICTION_BITS, 'not a state of operation of a Tic'
    return (0.5, 'zero: a state, or an idle line') if not data[0][0] else (
        5.0, 'a state of operation of a Tic')


def _unit(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    if data[0] != data[1] or set(data[0]) in ({0}, {0xFF}):
        return -3.0, 'no stable unit number'
    return 2.0, 'a stable unit number'


def _seesaw(data: tuple[bytes, ...]) -> tuple[float, str] | None:
    if data[0][0] in SEESAW_HARDWARE:
        return 5.0, 'a hardware id of a seesaw'
    return CONTRADICTION_BITS, 'not a hardware id of a seesaw'


@dataclass(frozen=True, slots=True)
class HeuristicQuestion:
    """Some reads and a judgement of all of them together."""

    place: I2cPlace
    entry_id: str
    name: str
    operations: tuple[Operation, ...]
    judgement: Judgement
    worth_bits: float
    caution: str = ''
    tier: Tier = Tier.LAST

    @property
    def key(self) -> str:
        """Name it by the test and the entry."""
        return f'test {self.name} for {self.entry_id}'

    @property
    def about(self) -> Mapping[str, float]:
        """One entry only."""
        return {self.entry_id: self.worth_bits}

    @property
    def cost_ms(self) -> float:
        """One transaction for each read."""
        return float(len(self.operations))

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Weigh for the one entry; a read that failed says nothing."""
        data = tuple(outcome.data for outcome in outcomes)
        if any(outcome.error or not outcome.data for outcome in outcomes):
            return []
        judged = self.judgement(data)
        if judged is None:
            return []
        seen = b''.join(data).hex()
        where = f'i2c-{self.place.bus} 0x{self.place.address:02x}'
        return [Evidence(self.entry_id, self.key, judged[0], Observation(
            source='heuristic', location=where, seen=f'{self.name}: 0x{seen[:32]}',
            says=judged[1]))]


def _reads(place: I2cPlace, registers: Sequence[int], size: int,
           index_bits: int = 8) -> tuple[Operation, ...]:
    return tuple(I2cRead(place, register, index_bits, size) for register in registers)


def _question(name: str, operations: Callable[[I2cPlace], tuple[Operation, ...]],
              judgement: Judgement, worth_bits: float,
              tier: Tier = Tier.LAST) -> Callable[[I2cPlace, DeviceEntry], Question]:
    def build(place: I2cPlace, entry: DeviceEntry) -> Question:
        assert entry.i2c is not None
        caution = '' if entry.i2c.safe_read else (
            entry.i2c.precondition or 'reading it has a lasting effect')
        return HeuristicQuestion(place, entry.id, name, operations(place), judgement, worth_bits,
                                 caution, tier)
    return build


# 'shtp', 'mux_mask' and 'bare_range' are missing on purpose: the first steals packets from a
# running driver, the others accept whatever any chip answers.
HEURISTIC_QUESTIONS: dict[str, Callable[[I2cPlace, DeviceEntry], Question]] = {
    'ms56xx_prom_crc4': _question(
        'ms56xx_prom_crc4', lambda place: _reads(place, range(0xA0, 0xB0, 2), 2), _prom, 4.0),
    'ublox_ddc': _question(
        'ublox_ddc', lambda place: _reads(place, (0xFD,), 2), _waiting, 2.0),
    'nmea_stream': _question(
        'nmea_stream', lambda place: (I2cBareRead(place),) * STREAM_READS, _sentences, 20.0,
        Tier.PASSIVE),
    'tic_state': _question(
        'tic_state', lambda place: _reads(place, (0xA100,), 1, 16), _tic, 5.0),
    'stable_unit_id': _question(
        'stable_unit_id', lambda place: _reads(place, (0x96, 0x96), 2), _unit, 2.0),
    'seesaw_hw_id': _question(
        'seesaw_hw_id', lambda place: _reads(place, (0x0001,), 1, 16), _seesaw, 5.0),
}
