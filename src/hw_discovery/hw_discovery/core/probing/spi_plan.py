# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions to one SPI chip select.

Owns: framing of register reads by signature, what the answers say, and how a chip select is
probed. SPI has no presence signal and no address: nobody is asked unless every entry that could
be there takes the address byte for a read; in practice an operator or the device tree has to
declare what kind of chip it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hw_discovery.core.catalogue.entry import DeviceEntry, RegisterIdentity, SpiSignature
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.consent import Hints, fits
from hw_discovery.core.probing.evidence import CONTRADICTION_BITS, Evidence, Hypotheses
from hw_discovery.core.probing.i2c_plan import FLOATING_BITS, floats, line_bits, matches
from hw_discovery.core.probing.operation import Operation, Outcome, SpiExchange, SpiPlace
from hw_discovery.core.probing.question import Question, Tier
from hw_discovery.core.probing.verdict import PlaceState

EXCHANGE_MS = 0.5


@dataclass(frozen=True, slots=True)
class Framing:
    """How a register is read: the exchanges, which of them answers, and where in it."""

    exchanges: tuple[bytes, ...]
    answers: int  # index of the exchange that carries the value
    skip: int


def framing(signature: SpiSignature, line: RegisterIdentity) -> Framing:
    """Return the exchanges that read one register.

    tmc40 (TMC5160 datasheet 4.1): 5-byte datagrams, the answer comes with the next one after
    a status byte. adis16 (ADIS16470 datasheet, SPI read): 16-bit words, the answer comes with
    the next one. Others: address byte, dummy bytes, value; the first exchange is thrown away,
    it wakes chips that start in I2C mode (BMI160, BMI088).
    """
    size = line.width_bits // 8
    if signature.frame.startswith('tmc'):
        datagram = bytes([line.register & 0x7F, 0, 0, 0, 0])
        return Framing((datagram, datagram), 1, 1)
    if signature.frame.startswith('adis'):
        return Framing((bytes([line.register & 0x7F, 0]), bytes(2)), 1, 0)
    read = bytes([line.register | (signature.read_bit or 0)]) + bytes(
        signature.dummy_bytes + size)
    return Framing((read, read), 1, 1 + signature.dummy_bytes)


@dataclass(frozen=True, slots=True)
class SpiQuestion:
    """Read one register twice, in the framing of the entries that have an identity in it."""

    place: SpiPlace
    mode: int
    speed_hz: int
    register: int
    size: int
    framing: Framing
    about: Mapping[str, float]

    tier = Tier.INERT
    caution = ''

    @property
    def key(self) -> str:
        """Name it by the bytes sent."""
        sent = ' '.join(tx.hex() for tx in self.framing.exchanges)
        return f'register 0x{self.register:02x} by {sent} mode {self.mode} skip {self._skip}'

    @property
    def _skip(self) -> int:
        return self.framing.skip

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The exchanges, twice."""
        return tuple(SpiExchange(self.place, self.mode, self.speed_hz, tx)
                     for tx in self.framing.exchanges * 2)

    @property
    def cost_ms(self) -> float:
        """One for each exchange."""
        return EXCHANGE_MS * len(self.operations)

    def answer(self, outcomes: Sequence[Outcome]) -> bytes:
        """Return the value when both reads agree, else b''."""
        count = len(self.framing.exchanges)
        start = self.framing.skip
        values = [outcomes[turn * count + self.framing.answers].data[start:start + self.size]
                  for turn in range(2)]
        return values[0] if values[0] == values[1] and len(values[0]) == self.size else b''

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Weigh the value for and against the entries that are asked in this way."""
        data = self.answer(outcomes)
        if not data:
            return []
        return [self._weigh(entry, line, data) for entry in entries
                if entry.id in self.about and entry.spi is not None
                for line in entry.spi.identity
                if line.register == self.register and line.width_bits == 8 * self.size]

    def _weigh(self, entry: DeviceEntry, line: RegisterIdentity, data: bytes) -> Evidence:
        if matches(line, data):
            bits = min(line_bits(line), FLOATING_BITS) if floats(data) else line_bits(line)
            says = f'as {entry.model} answers'
        else:
            bits = CONTRADICTION_BITS
            expected = ' or '.join(f'0x{value:02x}' for value in line.expected[:4])
            says = (f'not {entry.model}, which would answer {expected}' if not floats(data)
                    else 'the line floats: nobody drives it')
        return Evidence(entry.id, self.key, bits, Observation(
            source='register', location=f'spidev{self.place.bus}.{self.place.chip_select}',
            seen=f'register 0x{self.register:02x} = 0x{data.hex()}', says=says))


@dataclass(frozen=True, slots=True)
class UndeclaredQuestion:
    """Stands for the probing of a chip select of which nothing was said: never asked."""

    place: SpiPlace
    about: Mapping[str, float]

    key = 'identity registers'
    tier = Tier.LAST
    operations: tuple[Operation, ...] = ()
    cost_ms = 1.0
    caution = ('nothing was declared for this chip select: the same byte is a read for some '
               'chips and a write for others')

    def judge(self, outcomes: Sequence[Outcome],
              entries: Sequence[DeviceEntry]) -> list[Evidence]:
        """Nothing is asked, nothing follows."""
        return []


class SpiTactics:
    """`entries`: of the catalogue with an SPI signature."""

    # 8-bit identity registers, and a chip select that somebody declared.
    bits_min = 6.0
    confirms_all = True
    rounds_max: int | None = 3

    def __init__(self, place: SpiPlace, entries: Sequence[DeviceEntry],
                 hints: Hints) -> None:
        self._place = place
        self._declared = bool(hints.declared)
        self.entries: Sequence[DeviceEntry] = tuple(
            entry for entry in entries
            if not hints.declared or fits(entry, hints.declared))

    def first_evidence(self) -> list[Evidence]:
        """A chip select says nothing."""
        return []

    def parts(self) -> Sequence[str]:
        """One chip select is one die; dies of one product on two selects are not grouped."""
        return []

    def questions(self, hypotheses: Hypotheses, state: PlaceState,
                  answered: frozenset[str], age_ms: int) -> list[Question]:
        """One question for each way to read each register."""
        if not self._declared:
            return [UndeclaredQuestion(self._place, {entry.id: 1.0 for entry in self.entries})]
        found: dict[str, SpiQuestion] = {}
        for entry in self.entries:
            if entry.spi is None or entry.never_probe:
                continue
            for line in entry.spi.identity:
                question = SpiQuestion(
                    self._place, entry.spi.mode, entry.spi.probe_hz, line.register,
                    line.width_bits // 8, framing(entry.spi, line), {})
                about = {**found.get(question.key, question).about, entry.id: line_bits(line)}
                found[question.key] = SpiQuestion(
                    self._place, entry.spi.mode, entry.spi.probe_hz, line.register,
                    line.width_bits // 8, question.framing, about)
        return list(found.values())

    def is_complete(self, entry_id: str, answered: frozenset[str]) -> bool:
        """One register is the whole identity of the chips known so far."""
        return True

    def place_rule(self, question: Question) -> str:
        """Beyond the declaration there is none."""
        return ''

    def after(self, question: Question, hypotheses: Hypotheses, answered: frozenset[str],
              round_number: int) -> list[Evidence]:
        """Nothing beyond the registers."""
        return []

    def round_over(self, hypotheses: Hypotheses, answered: frozenset[str],
                   round_number: int) -> list[Evidence]:
        """Nothing follows."""
        return []

    def state_after(self, question: Question, outcomes: Sequence[Outcome],
                    state: PlaceState) -> PlaceState:
        """A line that somebody drives shows both ones and zeros."""
        if any(not floats(outcome.data) for outcome in outcomes):
            return PlaceState.PRESENT
        return state if state is PlaceState.PRESENT else PlaceState.SILENT
