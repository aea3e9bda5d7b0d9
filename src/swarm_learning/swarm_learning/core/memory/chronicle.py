# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a robot remembers of its life: which figures and which events become memory; refuses
to know how they are kept and where they come from.

What every robot hears is remembered by one of them only, so that the swarm's memory does not count
it n times: an event of the log by the leader, an observation by who made it, an attempt at a job
by who ran it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..observation import Ending, Figures, LocalState, Outcome
from ..regimes.watch import RegimeView
from .events import Event, Occurrence, Sample

SAMPLE_NS = 10_000_000_000  # 0.1 Hz, the rate that the size of the memory was measured with
INFO, WARN, ERROR = 0, 1, 2
SEVERITY = {Ending.DONE: INFO, Ending.CANCELLED: INFO, Ending.STOLEN: INFO}


@dataclass(frozen=True)
class Told:
    """An event that some robot tells. log_index 0 = it was observed by the sender only."""

    sender: str
    log_index: int
    kind: str
    severity: int
    subject: str
    text: str


class Chronicle:
    """stamp_ns are Unix times of this robot's clock."""

    def __init__(self, robot_id: str) -> None:
        self._robot_id = robot_id
        self._state: LocalState | None = None
        self._sampled_ns: int | None = None
        self._alarm = False

    def hear_state(self, state: LocalState) -> None:
        if state.robot_id == self._robot_id:
            self._state = state

    def hear_figures(
        self, figures: Figures, goodput: float | None, stamp_ns: int
    ) -> tuple[Event, ...]:
        """Once in SAMPLE_NS. goodput: of the swarm, where this robot leads; else None."""
        if self._sampled_ns is not None and 0 <= stamp_ns - self._sampled_ns < SAMPLE_NS:
            return ()
        self._sampled_ns = stamp_ns
        values = {
            'arousal': figures.arousal, 'curiosity': figures.curiosity,
            'confidence': figures.confidence, 'stability': figures.stability,
            'pressure': figures.pressure,
        }
        if goodput is not None:
            values['goodput'] = goodput
        state = self._state
        if state is not None:
            values['held_jobs'] = float(state.held_jobs)
            values['queued_ms'] = float(state.queued_work_ms)
            for name, share in (('cpu', state.cpu_load), ('memory', state.memory_used),
                                ('battery', state.battery_charge)):
                if share is not None and share >= 0.0:
                    values[name] = share
        return (Sample(stamp_ns, values),)

    def hear_outcome(self, outcome: Outcome, stamp_ns: int) -> tuple[Event, ...]:
        """Of an attempt on this robot; surprise is left to severity: a failure stands out."""
        if outcome.robot_id != self._robot_id or outcome.ending is None:
            return ()
        task = f'{outcome.kind}:{outcome.program}' if outcome.program else outcome.kind
        word = outcome.ending.value
        values = {'queue_ms': float(outcome.queue_ms)}
        if outcome.run_ms:
            values['run_ms'] = float(outcome.run_ms)
        return (Occurrence(
            stamp_ns, f'job {word}', outcome.job_id, f'{task} {word} after {outcome.run_ms} ms',
            SEVERITY.get(outcome.ending, WARN), values=values),)

    def hear_event(self, told: Told, leads: bool, stamp_ns: int) -> tuple[Event, ...]:
        """leads: whether this robot does."""
        mine = leads if told.log_index else told.sender == self._robot_id
        if not mine:
            return ()
        return (Occurrence(
            stamp_ns, told.kind, told.subject, told.text, max(INFO, min(ERROR, told.severity))),)

    def hear_regime(self, view: RegimeView, leads: bool, stamp_ns: int) -> tuple[Event, ...]:
        """Where an alarm begins or ends."""
        if not leads or view.alarm == self._alarm:
            return ()
        self._alarm = view.alarm
        text = f'{view.regime.label}: {view.reason}'
        kind = 'regime alarm' if view.alarm else 'regime alarm over'
        return (Occurrence(
            stamp_ns, kind, view.regime.label, text, ERROR if view.alarm else INFO),)
