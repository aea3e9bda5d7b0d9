# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Runs discovery again on a recorded transcript: for bug reports and for tests.

    python -m hw_discovery.replay FILE [--explain] [--json] [--declare PLACE=ENTRY]

Owns the made-up time. Nothing is opened but the file: what was never asked when it was recorded
has no answer, and is listed. Exit codes: 0 replayed, 1 the file cannot be read, 2 arguments.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hw_discovery.buses.transcript import ReplayPerformer, Transcript, read_transcript
from hw_discovery.buses.transcript_json import TranscriptError
from hw_discovery.catalogue_files import load
from hw_discovery.config import Config
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.discovery import (
    ScanFinished,
    Started,
    StartScan,
    TellChange,
    TimePassed,
    UeventSeen,
    WakeAt,
)
from hw_discovery.core.explanation import lines_of
from hw_discovery.core.hardware import (
    Effect,
    Event,
    Hardware,
    OutcomeHeard,
    TellPlaces,
)
from hw_discovery.core.inventory import Snapshot
from hw_discovery.core.places import ProbePolicy
from hw_discovery.core.prober import Perform
from hw_discovery.core.scan import Scan

_MS = 1_000_000
STEPS_MAX = 200_000          # a plan that never ends must not hang a bug report
AFTER_NS = 40_000 * _MS      # made-up time after each scan: all rounds of a slow booter


@dataclass
class Replay:
    """A host that answers as it did when the transcript was recorded."""

    transcript: Transcript
    catalogue: Catalogue
    policy: ProbePolicy = ProbePolicy(('*',), ('*',), ('*',))

    def __post_init__(self) -> None:
        self.hardware = Hardware(
            20 * _MS, 200 * _MS, Config().lost_devices_max, self.catalogue, self.policy)
        self.performer = ReplayPerformer(self.transcript)
        self.changes: list[TellChange] = []
        self.places = TellPlaces({}, {}, {}, (), ())
        self.now_ns = 0
        self._wake_ns: int | None = None
        self._scan = Scan(())
        self._steps = 0

    def run(self) -> Snapshot:
        """Go through the transcript and return what is believed at its end."""
        is_first = True
        for item in self.transcript.items:
            if isinstance(item, UeventSeen):
                self._tell(item)
            elif isinstance(item, Scan):
                self._scan = item
                self._tell(Started() if is_first else UeventSeen('change', '/devices/replay'))
                self._pass(AFTER_NS)
                is_first = False
        return self.hardware.snapshot

    def _pass(self, span_ns: int) -> None:
        """Let time pass until nothing is due within the span."""
        end_ns = self.now_ns + span_ns
        while self._wake_ns is not None and self._wake_ns <= end_ns and self._steps < STEPS_MAX:
            self.now_ns = max(self.now_ns, self._wake_ns)
            self._wake_ns = None
            self._tell(TimePassed())

    def _tell(self, event: Event) -> None:
        todo = [event]
        while todo and self._steps < STEPS_MAX:
            self._steps += 1
            for effect in self.hardware.handle(todo.pop(0), self.now_ns):
                todo += self._take(effect)

    def _take(self, effect: Effect) -> list[Event]:
        if isinstance(effect, StartScan):
            return [ScanFinished(self._scan)]
        if isinstance(effect, Perform):
            outcome = self.performer.perform(effect.operation)
            self.now_ns += max(outcome.took_ns, _MS)
            return [OutcomeHeard(effect.lane, outcome)]
        if isinstance(effect, WakeAt):
            self._wake_ns = effect.at_ns
        elif isinstance(effect, TellChange):
            self.changes.append(effect)
        elif isinstance(effect, TellPlaces):
            self.places = effect
        return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the devices of a transcript."""
    parser = argparse.ArgumentParser(
        prog='python -m hw_discovery.replay', description='Replay a transcript of hw_discovery.')
    parser.add_argument('file', type=Path)
    parser.add_argument('--explain', action='store_true', help='why each device is what it is')
    parser.add_argument('--json', action='store_true', help='the devices as JSON')
    parser.add_argument('--declare', action='append', default=[], metavar='PLACE=ENTRY',
                        help='as the parameter declared_devices')
    parser.add_argument('--catalogue', action='append', default=[], type=Path, metavar='FILE')
    options = parser.parse_args(arguments)
    try:
        declared = Config(declared_devices=tuple(options.declare)).declared_places()
    except ValueError as error:
        parser.error(str(error))
    loaded = load(options.catalogue)
    for problem in loaded.problems:
        print(f'catalogue: {problem}', file=sys.stderr)
    try:
        transcript = read_transcript(options.file)
    except (OSError, TranscriptError) as error:
        print(f'{options.file}: {error}', file=sys.stderr)
        return 1
    replay = Replay(transcript, loaded.catalogue, ProbePolicy(
        ('*',), ('*',), ('*',), declared=declared))
    snapshot = replay.run()
    _print(replay, snapshot, options.explain, options.json)
    return 0


def _print(replay: Replay, snapshot: Snapshot, with_reasons: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{
            'device': d.device_id, 'name': d.name, 'kind': d.kind, 'phase': d.phase.value,
            'verdict': d.verdict.value, 'confidence': round(d.confidence, 3),
            'generation': d.generation, 'catalogue_id': d.catalogue_id,
            'alternatives': list(d.alternatives)} for d in snapshot.devices], indent=2))
    for device in () if as_json else snapshot.devices:
        print(f'{device.device_id}: {device.name} ({device.phase.value}, '
              f'{device.verdict.value} {device.confidence:.2f})')
        if with_reasons:
            verdicts = replay.places.verdicts.get(device.device_id, ())
            places = tuple(s for s in replay.places.seen if s.device_id == device.device_id)
            for line in lines_of(device, verdicts, places)[2:]:
                print(f'    {line}')
    if not replay.transcript.is_complete:
        print('the recording was cut off at its limit', file=sys.stderr)
    if replay.performer.unheard:
        print(f'{len(replay.performer.unheard)} operations are not in the transcript, e.g. '
              f'{replay.performer.unheard[0]}', file=sys.stderr)


if __name__ == '__main__':
    raise SystemExit(main())
