# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whatever byte the power goes at: each store starts again and has what it confirmed.

A seeded choice of what `make cuts` tries in full.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cuts import journal
from cuts.__main__ import run_apart
from cuts.cases import CASES
from cuts.disk import ROOM, WHOLE, Disk, Image, Kept, mixed_choices, plain_choices
from cuts.engine import Report
from cuts.journal import Kind, Record
from cuts.samples import SAMPLES

SEED = 1
CREATED = Record(Kind.CREATE, 'a', mode=0o600)
SYNCED = Record(Kind.SYNC, 'a')
FOLDER_SYNCED = Record(Kind.SYNC, '')


@pytest.fixture(scope='session')
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if journal.compiler() is None:
        pytest.skip('not here: no C compiler')
    return journal.build(tmp_path_factory.mktemp('journal'))


def told(report: Report) -> str:
    said = f'{report.tried} disks of {report.possible}, {report.nested} of a second cut'
    return '\n\n'.join([f'python tests/cuts {report.case!r} --quick  ({said})', *report.failures])


@pytest.mark.parametrize('name', CASES)
def test_power_cut_at_any_write_takes_nothing_that_was_confirmed(
    library: Path, name: str
) -> None:
    report = run_apart(name, library, quick=True, seed=SEED)
    assert not report.failures, told(report)
    assert report.steps and report.writes and report.tried > report.writes, told(report)


def test_store_without_a_fault_has_none(library: Path) -> None:
    report = run_apart('sound', library, quick=True, seed=SEED)
    assert not report.failures, told(report)
    assert report.tried > 40 and report.nested


@pytest.mark.parametrize('name', [name for name in SAMPLES if name != 'sound'])
def test_store_with_a_fault_is_found_out(library: Path, name: str) -> None:
    assert run_apart(name, library, quick=True, seed=SEED).failures


# ---- the disk


def write(data: bytes, offset: int = 0, path: str = 'a') -> Record:
    return Record(Kind.WRITE, path, offset=offset, data=data)


def disk_after(*records: Record, start: Image | None = None) -> Disk:
    disk = Disk(start)
    for record in records:
        disk.take(record)
    return disk


def contents(image: Image) -> dict[str, bytes | str]:
    return {name: content for name, (_, content) in image.files.items()}


def least_and_most(disk: Disk) -> tuple[dict[str, bytes | str], dict[str, bytes | str]]:
    choices = dict(plain_choices(disk.pending))
    most = choices['all']
    return contents(disk.image(choices.get('none', most))), contents(disk.image(most))


def test_synced_file_without_a_synced_name_may_be_gone() -> None:
    assert least_and_most(disk_after(CREATED, write(b'xy'), SYNCED)) == ({}, {'a': b'xy'})


def test_synced_name_of_a_file_that_was_not_synced_may_be_empty() -> None:
    disk = disk_after(CREATED, write(b'xy'), FOLDER_SYNCED)
    assert least_and_most(disk) == ({'a': b''}, {'a': b'xy'})


def test_what_is_synced_with_its_name_stays() -> None:
    disk = disk_after(CREATED, write(b'xy'), SYNCED, FOLDER_SYNCED)
    assert least_and_most(disk) == ({'a': b'xy'}, {'a': b'xy'})
    assert disk.pending == []


def test_rename_is_there_as_a_whole_or_not_at_all() -> None:
    start = Image((), {'a': (0o644, b'new'), 'b': (0o644, b'old')})
    disk = disk_after(Record(Kind.RENAME, 'a', 'b'), start=start)
    assert least_and_most(disk) == ({'a': b'new', 'b': b'old'}, {'b': b'new'})


def test_folder_takes_along_what_is_in_it() -> None:
    start = Image(('draft',), {'draft/a': (0o644, b'x')})
    disk = disk_after(
        Record(Kind.RENAME, 'draft', 'final'), write(b'y', 1, 'final/a'), start=start)
    assert least_and_most(disk) == ({'draft/a': b'x'}, {'final/a': b'xy'})


def test_what_happened_to_one_name_keeps_its_order() -> None:
    start = Image((), {'a': (0o644, b'old')})
    disk = disk_after(
        Record(Kind.UNLINK, 'a'), CREATED, Record(Kind.RENAME, 'a', 'b'), start=start)
    assert contents(disk.image([None, None, WHOLE])) == {'b': b''}
    assert contents(disk.image([WHOLE, None, None])) == {}


@pytest.mark.parametrize(('part', 'content'), [
    (None, b'abc'), (WHOLE, b'aXYZ'), (Kept(0, 2), b'aXY'), (Kept(2, 3), b'abcZ'),
    (ROOM, b'abc\0'), (Kept(0, 1, True), b'aXc\0'),
])
def test_any_part_of_a_write_may_be_there(part: Kept | None, content: bytes) -> None:
    start = Image((), {'a': (0o644, b'abc')})
    assert contents(disk_after(write(b'XYZ', 1), start=start).image([part])) == {'a': content}


def test_every_byte_of_a_small_write_is_a_place_to_cut() -> None:
    disk = disk_after(write(b'0123456789'), start=Image((), {'a': (0o644, b'')}))
    choices = mixed_choices(disk.pending, random.Random(1), 10, 0, 0)
    found = {contents(disk.image(kept))['a'] for _, kept in choices}
    assert found >= {b'0123456789'[:size] for size in range(10)}


def test_mode_of_a_file_stays() -> None:
    disk = disk_after(CREATED, FOLDER_SYNCED)
    assert disk.image([]).files == {'a': (0o600, b'')}
