# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every parameter is described, every file in config/ is accepted by the parts it is for."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from swarm_coordinator.launch_plan import ARGUMENTS, PART_PARAMETERS
from swarm_coordinator.ros.robot import configured

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / 'src' / 'swarm_coordinator' / 'config').glob('*.yaml'))
ALLOWED = (bool, int, float, str, tuple)


def parts() -> dict[str, Any]:
    return {point.name: point.load()
            for point in importlib.metadata.entry_points(group='swarm.parts')}


PARTS = parts()
BY_NODE = {part.node_name: part.config_type for part in PARTS.values()}


def names(config_type: type) -> set[str]:
    return {field.name for field in dataclasses.fields(config_type)}


def sections(file: Path) -> dict[str, dict[str, Any]]:
    """Parameters by node name; '*' for those of all nodes."""
    found = {}
    for key, section in yaml.safe_load(file.read_text()).items():
        node = '*' if key == '/**' else key.rpartition('/')[2]
        assert node in {*BY_NODE, '*'}, f'{file.name}: no part has a node called {node!r}'
        assert set(section) == {'ros__parameters'}, f'{file.name}: {key}'
        found[node] = section['ros__parameters']
    return found


def test_there_are_files_to_load() -> None:
    assert FILES


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.name)
def test_file_has_no_unknown_parameter(file: Path) -> None:
    for node, given in sections(file).items():
        known = set.union(*map(names, BY_NODE.values())) if node == '*' else names(BY_NODE[node])
        assert set(given) <= known


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.name)
def test_file_is_accepted_by_the_config_of_each_part(file: Path) -> None:
    found = sections(file)
    for node, config_type in BY_NODE.items():
        given = {**found.get('*', {}), **found.get(node, {})}
        mine = {key: value for key, value in given.items() if key in names(config_type)}
        config = configured(config_type, {'robot_id': 'robot', **mine})
        for key, value in mine.items():
            taken = getattr(config, key)
            assert (list(taken) if isinstance(taken, tuple) else taken) == value


@pytest.mark.parametrize('file', FILES, ids=lambda file: file.name)
def test_file_holds_only_what_differs_or_matters(file: Path) -> None:
    """At least one value is no default, and the file says first what it is for."""
    assert file.read_text().startswith('# ')
    found = sections(file)
    differing = [
        key
        for node, given in found.items()
        for field in dataclasses.fields(BY_NODE.get(node, next(iter(BY_NODE.values()))))
        for key in given
        if key == field.name
        and given[key] != (list(field.default) if isinstance(field.default, tuple)
                           else field.default)
    ]
    assert differing


def test_unknown_parameter_and_wrong_type_are_told_apart_from_good_ones(tmp_path: Path) -> None:
    """The checks above must be able to fail."""
    file = tmp_path / 'bad.yaml'
    file.write_text('/**/coordinator:\n  ros__parameters:\n    job_slotz: 1\n')
    assert not set(sections(file)['coordinator']) <= names(BY_NODE['coordinator'])
    with pytest.raises(ValueError, match='job_slots'):
        configured(BY_NODE['coordinator'], {'robot_id': 'robot', 'job_slots': 'many'})


@pytest.mark.parametrize('name', sorted(PARTS))
def test_config_is_frozen_and_every_field_is_described(name: str) -> None:
    config_type = PARTS[name].config_type
    assert config_type.__dataclass_params__.frozen
    assert {'robot_id', 'swarm_id'} <= names(config_type)
    for field in dataclasses.fields(config_type):
        assert field.default is not dataclasses.MISSING, f'{name}.{field.name}'
        assert isinstance(field.default, ALLOWED), f'{name}.{field.name}'
        assert field.metadata.get('help'), f'{name}.{field.name}'


@pytest.mark.parametrize('name', sorted(PARTS))
def test_number_with_a_unit_of_time_or_size_says_it_in_name_or_help(name: str) -> None:
    """A time is _ms, _s, _us or _ns; nothing is called `timeout` alone."""
    for field in dataclasses.fields(PARTS[name].config_type):
        if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
            bare = field.name.rpartition('_')[2] in ('timeout', 'period', 'interval', 'delay',
                                                     'size', 'age', 'ttl', 'duration')
            assert not bare, f'{name}.{field.name} has no unit'


def test_launch_passes_each_part_only_parameters_it_has() -> None:
    assert set(PART_PARAMETERS) == set(PARTS)
    for name, passed in PART_PARAMETERS.items():
        assert set(passed) <= names(PARTS[name].config_type), name


def test_launch_defaults_are_the_defaults_of_every_part() -> None:
    defaults = {argument.name: argument.default for argument in ARGUMENTS}
    for name, part in PARTS.items():
        for field in dataclasses.fields(part.config_type):
            if field.name in defaults and field.name not in ('voters', 'robot_id', 'storage_dir'):
                default = field.default
                text = ','.join(default) if isinstance(default, tuple) else str(default)
                assert defaults[field.name] == text, f'{name}.{field.name}'
