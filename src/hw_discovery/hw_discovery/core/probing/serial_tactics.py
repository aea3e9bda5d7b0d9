# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How one serial port is probed.

Owns: who could be behind it, at which bauds it is listened to, when a request may be sent.
Nothing is sent at a baud that was not listened to before in the same round, but for a device
that is remembered at this very port.
"""

from collections.abc import Sequence

from hw_discovery.core.catalogue.entry import BlindSend, DeviceEntry, SerialRequest
from hw_discovery.core.device import Observation
from hw_discovery.core.probing.consent import Hints, fits
from hw_discovery.core.probing.evidence import (
    CONTRADICTION_BITS,
    SILENCE_BITS,
    Evidence,
    Hypotheses,
)
from hw_discovery.core.probing.harm import is_write_only
from hw_discovery.core.probing.operation import Outcome, SerialPlace
from hw_discovery.core.probing.question import Question
from hw_discovery.core.probing.serial_plan import (
    LISTEN_WORTH_BITS,
    REQUEST_WORTH_BITS,
    AskQuestion,
    ListenQuestion,
    Protocols,
    is_mute,
)
from hw_discovery.core.probing.usb_evidence import has_usb_id, usb_evidence
from hw_discovery.core.probing.verdict import PlaceState

BRIDGE_KIND = 'usb_uart_bridge'
ACTUATOR_KINDS = ('servo', 'stepper', 'motor_controller')
# Opening and closing at this rate sends native-USB boards into their bootloader.
FORBIDDEN_BAUDS = (1200,)
# A device that speaks has proven that it is not write-only when chance is this unlikely.
SPEAKS_BITS = 16.0
HINTED_BAUD_FACTOR = 8.0


def candidates(place: SerialPlace, entries: Sequence[DeviceEntry]) -> list[DeviceEntry]:
    """Return who could be behind a port: by USB id; behind a bridge also whoever has no USB id
    of its own; on a bare UART everybody with a serial signature."""
    if not place.vendor_id:
        return [entry for entry in entries if entry.serial is not None]
    named = [entry for entry in entries if has_usb_id(entry, place)]
    found = [entry for entry in named if entry.kind != BRIDGE_KIND]
    if len(found) < len(named):
        found += [entry for entry in entries if entry.serial is not None and entry.usb is None]
    return found


class SerialTactics:
    """`entries`: of the whole catalogue."""

    # On a stream of some thousand bytes chance gives short matches: about one in a million.
    bits_min = 20.0
    # A port is not opened again and again: opening alone resets many boards.
    confirms_all = False
    rounds_max: int | None = 3

    def __init__(self, place: SerialPlace, entries: Sequence[DeviceEntry], hints: Hints,
                 protocols: Protocols) -> None:
        self._place = place
        self._hints = hints
        self._protocols = protocols
        self.entries: Sequence[DeviceEntry] = tuple(
            entry for entry in candidates(place, entries)
            if not hints.declared or fits(entry, hints.declared))
        if hints.declared and not self.entries:
            self.entries = tuple(entry for entry in entries
                                 if entry.serial is not None and fits(entry, hints.declared))

    def first_evidence(self) -> list[Evidence]:
        """Weigh the USB identity, and the operator's word on actuators."""
        found = [item for entry in self.entries for item in usb_evidence(entry, self._place)]
        if self._hints.no_loose_actuators:
            found += [self._out(entry, 'operator', 'no such actuator is on this port',
                                'the operator says so') for entry in self.entries
                      if entry.kind in ACTUATOR_KINDS and not has_usb_id(entry, self._place)
                      and not fits(entry, self._hints.declared)]
        return found

    def _out(self, entry: DeviceEntry, source: str, seen: str, says: str) -> Evidence:
        return Evidence(entry.id, f'out by {source}', CONTRADICTION_BITS, Observation(
            source=source, location=self._place.device, seen=seen, says=says))

    def parts(self) -> Sequence[str]:
        """A port shows one device."""
        return []

    def questions(self, hypotheses: Hypotheses, state: PlaceState,
                  answered: frozenset[str], age_ms: int) -> list[Question]:
        """Listen at every baud of whoever could be here; ask where it was listened to."""
        asks = [entry for entry in self.entries if entry.serial is not None]
        listens = self._listens(hypotheses, asks)
        heard_at = {question.baud for question in listens if question.key in answered}
        found: dict[str, Question] = {question.key: question for question in listens}
        for entry in asks:
            for question in self._requests(entry, hypotheses, heard_at, answered):
                known = found.get(question.key)
                if isinstance(known, AskQuestion):
                    question = _merged(known, question)
                found[question.key] = question
        return list(found.values())

    def _listens(self, hypotheses: Hypotheses,
                 entries: Sequence[DeviceEntry]) -> list[ListenQuestion]:
        about: dict[tuple[int, str], dict[str, float]] = {}
        listen_ms: dict[tuple[int, str], int] = {}
        for entry in entries:
            assert entry.serial is not None
            if entry.serial.passive is None and not entry.serial.requests:
                continue
            for rank, baud in enumerate(self._bauds(entry)):
                line = baud, entry.serial.line_format
                worth = LISTEN_WORTH_BITS if entry.serial.passive is not None else 1.0
                about.setdefault(line, {})[entry.id] = worth * self._rank_factor(rank, baud)
                wanted = entry.serial.passive.listen_ms if entry.serial.passive else 100
                listen_ms[line] = max(listen_ms.get(line, 0), wanted)
        return [ListenQuestion(self._place, baud, line_format, listen_ms[baud, line_format],
                               whom, self._protocols)
                for (baud, line_format), whom in sorted(about.items())]

    def _bauds(self, entry: DeviceEntry) -> tuple[int, ...]:
        assert entry.serial is not None
        return tuple(baud for baud in entry.serial.bauds if baud not in FORBIDDEN_BAUDS)

    def _rank_factor(self, rank: int, baud: int) -> float:
        return (HINTED_BAUD_FACTOR if baud in self._hints.bauds else 1.0) / 2.0 ** rank

    def _requests(self, entry: DeviceEntry, hypotheses: Hypotheses, heard_at: set[int],
                  answered: frozenset[str]) -> list[AskQuestion]:
        assert entry.serial is not None
        if entry.never_probe:
            return []
        found = []
        remembered = entry.id == self._hints.remembered
        spoke_at = self._spoke_at(entry, hypotheses)
        kin_at = self._kin_at(entry, hypotheses)
        for rank, baud in enumerate(self._bauds(entry)):
            if (baud not in heard_at and not remembered) or (spoke_at and baud not in spoke_at):
                continue
            for request in entry.serial.requests:
                if request.only_after and not self._was_answered(
                        entry, request.only_after, baud, hypotheses):
                    continue
                about = {entry.id: REQUEST_WORTH_BITS * self._rank_factor(rank, baud)}
                if baud in kin_at:  # the generic entry is not settled before this was asked
                    about.setdefault(kin_at[baud], 0.0)
                found.append(AskQuestion(
                    self._place, baud, entry.serial.line_format, request, about,
                    self._protocols,
                    self._caution(entry, baud in spoke_at or baud in kin_at)))
        return found

    def _spoke_at(self, entry: DeviceEntry, hypotheses: Hypotheses) -> set[int]:
        assert entry.serial is not None
        line_format = entry.serial.line_format
        keys = {item.question for item in hypotheses.of(entry.id) if item.bits > 0}
        return {baud for baud in entry.serial.bauds
                if f'listen at {baud} {line_format}' in keys}

    def _kin_at(self, entry: DeviceEntry, hypotheses: Hypotheses) -> dict[int, str]:
        """Return at which bauds a generic entry of the same kind was heard: a u-blox may be
        behind plain NMEA (gpsd asks so too, after it saw NMEA)."""
        assert entry.serial is not None
        if entry.serial.blind_send is not BlindSend.AFTER_PASSIVE:
            return {}
        return {baud: other.id for other in self.entries
                if is_mute(other) and other.kind == entry.kind and other.id != entry.id
                for baud in sorted(self._spoke_at(other, hypotheses))}

    def _was_answered(self, entry: DeviceEntry, name: str, baud: int,
                      hypotheses: Hypotheses) -> bool:
        assert entry.serial is not None
        keys = {item.question for item in hypotheses.of(entry.id) if item.bits > 0}
        return any(
            request.name == name
            and f'ask {request.tx.hex()} at {baud} {entry.serial.line_format}' in keys
            for request in entry.serial.requests)

    def _caution(self, entry: DeviceEntry, spoke: bool) -> str:
        """Return why a request waits for the operator; '' = it does not."""
        assert entry.serial is not None
        if entry.serial.moves_hardware:
            return f'asking {entry.model} can move hardware'
        if spoke or self._hints.declared or entry.id == self._hints.remembered:
            return ''
        rule = entry.serial.blind_send
        if rule is BlindSend.NEVER:
            return f'{entry.model} is never asked blindly'
        if rule is BlindSend.AFTER_PASSIVE:
            return f'{entry.model} is asked only after it was heard'
        if not has_usb_id(entry, self._place):
            return f'nothing hints at {entry.model} on this port'
        return ''

    def is_complete(self, entry_id: str, answered: frozenset[str]) -> bool:
        """One answer is enough."""
        return True

    def place_rule(self, question: Question) -> str:
        """Ports in use are the business of the bus: it answers busy."""
        return ''

    def after(self, question: Question, hypotheses: Hypotheses, answered: frozenset[str],
              round_number: int) -> list[Evidence]:
        """Rule out write-only devices on a line that speaks, and count silence."""
        found: list[Evidence] = []
        if isinstance(question, ListenQuestion):
            if any(item.question == question.key and item.bits >= SPEAKS_BITS
                   for item in hypotheses.evidence):
                found += [self._out(entry, 'listening', 'the line speaks unasked',
                                    f'{entry.model} never speaks')
                          for entry in self.entries if is_write_only(entry)]
        elif isinstance(question, AskQuestion):
            for entry in self.entries:
                if entry.id in question.about:
                    found += self._silence(entry, hypotheses, answered, round_number)
        return found

    def _silence(self, entry: DeviceEntry, hypotheses: Hypotheses, answered: frozenset[str],
                 round_number: int) -> list[Evidence]:
        """Count who was asked everything at all bauds (or at the one where something was heard)
        and answered nothing. Two different requests count twice."""
        assert entry.serial is not None
        first = [request for request in entry.serial.requests if not request.only_after]
        keys = {f'ask {request.tx.hex()} at {baud} {entry.serial.line_format}'
                for baud in self._spoke_at(entry, hypotheses) or self._bauds(entry)
                for request in first}
        replied = {item.question for item in hypotheses.of(entry.id)
                   if item.bits > 0 and item.question in keys}
        if not keys or not keys <= answered or replied:
            return []
        return [Evidence(
            entry.id, f'silent {round_number}', SILENCE_BITS * min(2, len(first)), Observation(
                source='request', location=self._place.device,
                seen=f'no answer to {" or ".join(request.name for request in first)}',
                says=f'{entry.model} would answer'))]

    def round_over(self, hypotheses: Hypotheses, answered: frozenset[str],
                   round_number: int) -> list[Evidence]:
        """Count who should have been heard at one of its bauds and was not."""
        found = []
        for entry in self.entries:
            serial = entry.serial
            if serial is None or serial.passive is None or serial.requests or \
                    hypotheses.direct_bits(entry.id) > 0:
                continue
            if all(f'listen at {baud} {serial.line_format}' in answered
                   for baud in self._bauds(entry)):
                found.append(Evidence(
                    entry.id, f'not heard {round_number}', SILENCE_BITS, Observation(
                        source='listening', location=self._place.device,
                        seen='nothing of it at any of its bauds',
                        says=f'{entry.model} speaks unasked')))
        return found

    def state_after(self, question: Question, outcomes: Sequence[Outcome],
                    state: PlaceState) -> PlaceState:
        """Whatever is heard, somebody is there."""
        if any(outcome.data for outcome in outcomes) or state is PlaceState.PRESENT:
            return PlaceState.PRESENT
        return PlaceState.SILENT


def _merged(one: AskQuestion, other: AskQuestion) -> AskQuestion:
    """Return one question for entries with the same request: the more patient, and closed only
    when it is closed for all."""
    request: SerialRequest = max(one.request, other.request, key=lambda item: item.timeout_ms)
    return AskQuestion(one.place, one.baud, one.line_format, request,
                       {**one.about, **other.about}, one.protocols,
                       one.caution and other.caution)
