# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The smallest schedule that still breaks the same promise: delta debugging.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), on the steps of
a schedule. Owns which subsets are tried; refuses to know what the steps do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from swarm_coordinator.sim.cluster import OFTEN
from swarm_coordinator.sim.run import Report, run
from swarm_coordinator.sim.schedule import Schedule, Settings, Step

RUNS_MAX = 600      # chosen without data; a run costs about a second

Runner = Callable[[Schedule], Report]
Told = Callable[[int, int], None]       # runs so far, steps left


class Shrinker:
    """Steps are tried in their order of time, so the outcome is the same each time."""

    def __init__(
        self, schedule: Schedule, runner: Runner = run, runs_max: int = RUNS_MAX,
        told: Told = lambda runs, left: None,
    ) -> None:
        self._schedule = schedule
        self._runner = runner
        self._runs_max = runs_max
        self._told = told
        self.runs = 0
        self.report = runner(schedule)
        if self.report.violation is None:
            raise ValueError(f'seed {schedule.settings.seed} breaks no promise')
        self._promise = self.report.violation.promise

    def smallest(self) -> Schedule:
        """Raises ValueError at construction if nothing fails."""
        self._cut_the_end()
        self._without_kinds()
        self._without_chunks()
        self._fewer_robots()
        return self._schedule

    def _breaks(self, schedule: Schedule) -> bool:
        self.runs += 1
        self._told(self.runs, len(self._schedule.steps))
        report = self._runner(schedule)
        if report.violation is None or report.violation.promise != self._promise:
            return False
        self.report, self._schedule = report, schedule
        return True

    def _cut_the_end(self) -> None:
        """What comes after the violation had no part in it. What shows only after healing needs
        the faults' end at the same time, so the length is kept for that."""
        assert self.report.violation is not None
        settings, at_ms = self._schedule.settings, self.report.violation.at_ms
        if at_ms < settings.length_ms:
            steps = [step for step in self._schedule.steps if step.at_ms <= at_ms]
            shorter = dataclasses.replace(settings, length_ms=at_ms + 1)
            self._breaks(Schedule(shorter, tuple(steps)))

    def _without_kinds(self) -> None:
        """All steps of one verb, or of one client, at a time: the quickest gain."""
        for kind in sorted({_kind(step) for step in self._schedule.steps}):
            if self.runs < self._runs_max:
                self._breaks(self._schedule.with_steps(
                    step for step in self._schedule.steps if _kind(step) != kind
                ))

    def _without_chunks(self) -> None:
        """Chunks of half the steps, then of a quarter and so on; single ones until none can go.
        What is left out is never tried again, as in ddmin's complements."""
        size = max(len(self._schedule.steps) // 2, 1)
        while self._schedule.steps and self.runs < self._runs_max:
            dropped = self._drops_chunks(size)
            if size > 1:
                size //= 2
            elif not dropped:
                return

    def _drops_chunks(self, size: int) -> bool:
        """From the end: what came late depends on what was before, not the other way round."""
        dropped, end = False, len(self._schedule.steps)
        while end > 0 and self.runs < self._runs_max:
            first = max(end - size, 0)
            steps = self._schedule.steps
            if self._breaks(self._schedule.with_steps(steps[:first] + steps[end:])):
                dropped = True
            end = first
        return dropped

    def _fewer_robots(self) -> None:
        """Robots that no step and no promise needs only make the story longer."""
        while self.runs < self._runs_max and self._schedule.settings.non_voters:
            settings: Settings = self._schedule.settings
            fewer = dataclasses.replace(settings, non_voters=settings.non_voters - 1)
            if not self._breaks(Schedule(fewer, self._schedule.steps)):
                return


def _kind(step: Step) -> str:
    return f'{step.verb} {step.words[0]}' if step.verb in OFTEN else step.verb
