# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cuts the power of one store at every point of its work and starts the product again.

Owns the choice of images, the promise that is checked on each, and the tale of a failure. What a
store is and does is said by its Case.
"""

from __future__ import annotations

import random
import re
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cuts import journal
from cuts.disk import ALL, Change, Choice, Disk, Image, image_of, mixed_choices, plain_choices

BEGINS, SAID, DONE, WATCHED = 'begins', 'said', 'done', 'watched'


class Broken(AssertionError):
    """A promise was not kept."""


@dataclass(frozen=True)
class Told:
    """What the work has told. states[0] is what there was before it.

    said     the last one that was confirmed; `durable`: the last one that a power cut may not take
    killed   the power stayed: all that was written is there
    """

    states: list[Any]
    begun: int = 0
    said: int = 0
    durable: int = 0
    killed: bool = False

    @property
    def allowed(self) -> list[Any]:
        return self.states[self.said if self.killed else self.durable : self.begun + 1]


class Story:
    """The work tells: what will be there after a step, and that it was confirmed."""

    def __init__(self, note: Callable[[str], None], states: list[Any]) -> None:
        self._note, self.states = note, states

    @contextmanager
    def step(self, after: Any, durable: bool = True) -> Iterator[None]:
        """durable: what the step confirms must survive a power cut, else only a kill."""
        self.states.append(after)
        self._note(f'{BEGINS} {len(self.states) - 1}')
        yield
        self._note(f'{DONE if durable else SAID} {len(self.states) - 1}')

    def watch(self, state: Any) -> None:
        """What was done until now is on the disk, and is this; from here on the power may go."""
        self.states[:] = [state]
        self._note(WATCHED)


class Case:
    """One store. `name` is also its word on the command line; the names of files that may be
    there once it has started again and gone on are `names`, a pattern for each relative path."""

    name = ''
    operations = ''
    names = ''
    empty: Any = None  # what it finds where nothing ever was

    def work(self, folder: Path, story: Story) -> None:
        """Everything that it does to files, in the folder, which is empty."""
        raise NotImplementedError

    def start(self, folder: Path) -> Any:
        """Start as the product does after a power cut, look at everything, and end. Raises
        nothing: whatever a cut leaves is no reason not to start."""
        raise NotImplementedError

    def go_on(self, folder: Path) -> None:
        """Something that it does often; what a cut left behind is gone after it."""

    def check(self, found: Any, told: Told) -> None:
        """Raises Broken. Only what stores with other promises need to say anew."""
        if found not in told.allowed:
            expected = '\n    or '.join(repr(one) for one in told.allowed)
            raise Broken(f'found        {found!r}\n  expected {expected}')

    def check_again(self, found: Any, again: Any) -> None:
        """A second start sees what the first one did."""
        if again != found:
            raise Broken(f'a second start found {again!r}\n  after the first {found!r}')


@dataclass(frozen=True)
class Effort:
    """How much is tried of one case.

    images    at most so many, chosen by the seed; those after kill -9 and those of a disk that
              kept only what was synced come first
    nested    so many of them with a second cut while the first one is recovered from
    """

    images: int = 400
    nested: int = 12
    every_byte_to: int = 32
    cuts: int = 4
    mixtures: int = 2


QUICK = Effort()
FULL = Effort(10**9, 60, 1024, 64, 12)


@dataclass
class Report:
    case: str
    operations: str
    steps: int = 0
    calls: int = 0
    writes: int = 0
    possible: int = 0
    tried: int = 0
    nested: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Point:
    """After so many records, with what had been told."""

    records: int
    told: Told


class Engine:
    def __init__(
        self, case: Case, folder: Path, effort: Effort, seed: int, failures_max: int = 5
    ) -> None:
        self._case, self._folder, self._effort = case, folder, effort
        self._seed, self._failures_max = seed, failures_max
        self._seen: set[tuple[int, str]] = set()
        self.report = Report(case.name, case.operations)

    def run(self) -> Report:
        work = self._folder / 'work'
        work.mkdir(parents=True)
        states = [self._case.empty]
        records = journal.recorded(
            work, lambda note: self._case.work(work, Story(note, states)))
        shutil.rmtree(work)
        start, records = _watched(records)
        self._describe(records, states)
        points = _points(records, states)
        chosen = self._chosen(start, records, points)
        rng = random.Random(self._seed)
        nested = set(rng.sample(range(len(chosen)), min(self._effort.nested, len(chosen))))
        disk, at = Disk(start), 0
        for number, (point, label, kept) in enumerate(chosen):
            while at < point.records:
                disk.take(records[at])
                at += 1
            where = f'{label} after call {point.records}'
            told = replace(point.told, killed=label == ALL)
            self._try(disk.image(kept), told, where, records[:at], number in nested)
            if len(self.report.failures) >= self._failures_max:
                break
        return self.report

    def _describe(self, records: list[journal.Record], states: list[Any]) -> None:
        calls = [one for one in records if one.kind is not journal.Kind.NOTE]
        self.report.steps = len(states) - 1
        self.report.calls = len(calls)
        self.report.writes = sum(one.kind is journal.Kind.WRITE for one in calls)

    def _chosen(
        self, start: Image | None, records: list[journal.Record], points: list[Point]
    ) -> list[tuple[Point, str, Any]]:
        first: list[tuple[Point, Choice]] = []
        others: list[tuple[Point, Choice]] = []
        disk, at = Disk(start), 0
        rng = random.Random(self._seed)
        for point in points:
            while at < point.records:
                disk.take(records[at])
                at += 1
            first += ((point, one) for one in plain_choices(disk.pending))
            others += ((point, one) for one in self._mixed(disk.pending, rng))
        self.report.possible = len(first) + len(others)
        room = self._effort.images
        if len(first) > room:
            first = rng.sample(first, room)
        chosen = first + rng.sample(others, min(len(others), max(0, room - len(first))))
        chosen.sort(key=lambda one: one[0].records)
        return [(point, label, kept) for point, (label, kept) in chosen]

    def _mixed(self, pending: list[Change], rng: random.Random) -> Iterator[Choice]:
        effort = self._effort
        return mixed_choices(
            pending, rng, effort.every_byte_to, effort.cuts, effort.mixtures)

    def _try(
        self, image: Image, told: Told, where: str, records: list[journal.Record], nest: bool
    ) -> None:
        if not self._is_new(image, told):
            return
        self.report.tried += 1
        problem = self._problem(image, told)
        if problem:
            self._failed(problem, where, image, records)
        elif nest:
            self._cut_again(image, told, where, records)

    def _is_new(self, image: Image, told: Told) -> bool:
        key = (hash(image), repr((told.durable, told.said if told.killed else 0, told.begun)))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _problem(self, image: Image, told: Told) -> str:
        """What is wrong after a start on this disk; '' = nothing."""
        case, folder = self._case, self._folder / 'image'
        image.write_to(folder)
        try:
            found = case.start(folder)
            case.check(found, told)
            case.check_again(found, case.start(folder))
            case.go_on(folder)
            self._check_names(folder)
        except Broken as error:
            return str(error)
        except Exception:  # whatever the product raises is what is looked for
            return traceback.format_exc()
        finally:
            shutil.rmtree(folder)
        return ''

    def _check_names(self, folder: Path) -> None:
        names = re.compile(self._case.names)
        left = [one for one in image_of(folder).files if not names.fullmatch(one)]
        if left:
            raise Broken(f'left behind: {left}')

    def _cut_again(
        self, image: Image, told: Told, where: str, before: list[journal.Record]
    ) -> None:
        """The power goes a second time, while the product starts."""
        folder = self._folder / 'again'
        image.write_to(folder)
        try:
            records = journal.recorded(folder, lambda note: self._case.start(folder) and None)
        finally:
            shutil.rmtree(folder)
        disk = Disk(image)
        for number, record in enumerate(records):
            disk.take(record)
            choices = [*plain_choices(disk.pending)]
            rng = random.Random(f'{self._seed} {where} {number}')
            choices += [*mixed_choices(disk.pending, rng, 0, 1, 1)][-2:]
            for label, kept in choices:
                second = disk.image(kept)
                then = replace(told, killed=told.killed and label == ALL)
                if len(self.report.failures) >= self._failures_max or not self._is_new(
                    second, then
                ):
                    continue
                self.report.nested += 1
                problem = self._problem(second, then)
                if problem:
                    self._failed(
                        problem, f'{where}; then {label} after call {number + 1} of the start',
                        second, before + records[: number + 1])

    def _failed(
        self, problem: str, where: str, image: Image, records: list[journal.Record]
    ) -> None:
        last = '\n    '.join(str(one) for one in records[-14:])
        files = '\n    '.join(
            f'{name}: {len(content)} bytes' for name, (_, content) in sorted(image.files.items()))
        self.report.failures.append(
            f'{self._case.name}: {where}\n  {problem}\n  last calls:\n    {last}\n'
            f'  on the disk:\n    {files}')


def _watched(records: list[journal.Record]) -> tuple[Image | None, list[journal.Record]]:
    """The disk from which on the power may go, and the calls from then on."""
    for number, record in enumerate(records):
        if record.kind is journal.Kind.NOTE and record.data.decode() == WATCHED:
            disk = Disk()
            for one in records[:number]:
                disk.take(one)
            everything = next(iter(plain_choices(disk.pending)))[1]
            return disk.image(everything), records[number + 1 :]
    return None, records


def _points(records: list[journal.Record], states: list[Any]) -> list[Point]:
    """After each call and what was confirmed then; what begins next has not begun."""
    told, points = Told(states), []
    number = 0
    while number <= len(records):
        shown = told
        while number < len(records) and records[number].kind is journal.Kind.NOTE:
            word, state = _note_of(records[number])
            if word == BEGINS:
                told = replace(told, begun=state)
            else:
                told = shown = replace(
                    told, said=state, durable=state if word == DONE else told.durable)
            number += 1
        points.append(Point(number, shown))
        number += 1
    return points


def _note_of(record: journal.Record) -> tuple[str, int]:
    word, _, number = record.data.decode().partition(' ')
    return word, int(number or 0)
