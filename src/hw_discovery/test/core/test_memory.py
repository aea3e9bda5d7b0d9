# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is remembered across restarts: checked, bounded, and never proof by itself."""

import json
from pathlib import Path

import pytest

from hw_discovery import memory_file
from hw_discovery.catalogue_files import bundled
from hw_discovery.core.device import Verdict
from hw_discovery.core.memory import PLACES_MAX, Remembered, from_text, to_text
from hw_discovery.core.places import PlaceSeen, ProbePolicy
from hw_discovery.core.prober import Perform, Prober
from hw_discovery.core.probing.consent import memory_key
from hw_discovery.core.probing.operation import SerialListen, SerialPlace

CATALOGUE = bundled()
PORT = SerialPlace('/dev/ttyUSB0', '/devices/usb1/1-2/ttyUSB0')
IDS = {entry.id for entry in CATALOGUE.entries}
KEPT = {memory_key(PORT): Remembered('gps_ublox_uart', 115200)}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = str(tmp_path / 'robot' / 'hardware.json')
    assert memory_file.read(path, IDS) == ({}, '')
    assert memory_file.write(path, KEPT) == ''
    assert memory_file.read(path, IDS) == (KEPT, '')
    assert [p.name for p in (tmp_path / 'robot').iterdir()] == ['hardware.json']


def test_an_entry_that_the_catalogue_lost_is_forgotten() -> None:
    assert from_text(to_text({'x': Remembered('gone')}), IDS) == ({}, '')


@pytest.mark.parametrize('text', [
    '', '[]', '{}', '{"format": 2, "places": {}}', '{"format": 1, "places": []}', '[' * 100_000,
    'x' * (1 << 21)])
def test_a_text_of_another_kind_is_nothing_and_said(text: str) -> None:
    found, why = from_text(text, IDS)
    assert found == {} and 'expected' in why


@pytest.mark.parametrize('value', [
    1, [], ['gps_ublox_uart'], ['gps_ublox_uart', -1], ['gps_ublox_uart', True], [None, 0],
    ['gps_ublox_uart', 10**9]])
def test_one_bad_place_costs_only_itself(value: object) -> None:
    places = {'bad': value, 'good': ['gps_ublox_uart', 9600]}
    found, why = from_text(json.dumps({'format': 1, 'places': places}), IDS)
    assert found == {'good': Remembered('gps_ublox_uart', 9600)} and why.startswith('1 ')


def test_no_more_is_kept_or_read_than_the_newest() -> None:
    many = {f'p{n}': Remembered('gps_ublox_uart') for n in range(PLACES_MAX + 5)}
    found, _ = from_text(to_text(many), IDS)
    assert len(found) == PLACES_MAX and 'p4' not in found and f'p{PLACES_MAX + 4}' in found


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    assert 'memory_file' in memory_file.write(str(tmp_path / 'file' / 'x.json'), KEPT)


def test_what_was_there_is_asked_first_and_is_nothing_while_it_is_silent() -> None:
    prober = Prober(CATALOGUE, ProbePolicy(serial=('*',)), KEPT)
    effects = prober.places_changed([PlaceSeen(PORT, 'port', 1)], 0)
    (first,) = [one.operation for one in effects if isinstance(one, Perform)]
    assert isinstance(first, SerialListen) and first.baud == 115200
    (task,) = [task for lane in prober._lanes.values() for task in lane.tasks.values()]
    assert task.plan.verdict().verdict is not Verdict.IDENTIFIED
    assert prober.memory == KEPT
