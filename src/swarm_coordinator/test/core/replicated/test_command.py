# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The encoding of commands: what goes in comes out, and nothing else is let in."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from coordinator_samples import R1, TEXT, from_dataclass, ref, spec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.jobs.job import JobSpec
from swarm_coordinator.core.jobs.kinds.pipeline_kind import Feed, PipelineWork, Stage
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.command import (
    COMMAND_BYTES_MAX,
    COMMANDS,
    INTEGER_MAX,
    CancelJob,
    Command,
    FailJob,
    Issued,
    MalformedCommand,
    MarkRobot,
    NewerCommand,
    RegisterRobot,
    ReportJobs,
    RevokeJob,
    SetOverride,
    SubmitJob,
    decode,
    encode,
)

NUMBERS = st.integers(0, INTEGER_MAX)


@pytest.mark.parametrize('name', COMMANDS)
def test_every_command_survives_the_round_trip(name: str) -> None:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(command=from_dataclass(COMMANDS[name]), robot=TEXT, serial=NUMBERS, acked=NUMBERS)
    def check(command: Command, robot: Any, serial: int, acked: int) -> None:
        issued = Issued(robot, 3, serial, acked, command)
        again = decode(encode(issued))
        assert again == issued
        assert type(again.command) is COMMANDS[name]

    check()


def test_list_of_commands_is_complete() -> None:
    assert len(COMMANDS) == 29
    assert all(kind.__name__ == name for name, kind in COMMANDS.items())


def document(command: Command | None = None, **changes: Any) -> bytes:
    issued = Issued(R1, 1, 2, 1, command or CancelJob('j1', 'why'))
    return json.dumps({**json.loads(encode(issued)), **changes}).encode()


def with_fields(command: Command, **changes: Any) -> bytes:
    fields = json.loads(encode(Issued(R1, 1, 2, 1, command)))['with']
    return document(command, **{'with': {**fields, **changes}})


def test_the_document_that_refusals_start_from_is_accepted() -> None:
    assert decode(document()).command == CancelJob('j1', 'why')


@pytest.mark.parametrize('field', ['v', 'robot', 'incarnation', 'serial', 'acked_below', 'do',
                                   'with'])
def test_missing_head_field_is_refused(field: str) -> None:
    whole = json.loads(document())
    del whole[field]
    with pytest.raises(MalformedCommand):
        decode(json.dumps(whole).encode())


def test_unknown_head_field_is_refused_by_name() -> None:
    with pytest.raises(MalformedCommand, match='extra'):
        decode(document(extra=1))


@pytest.mark.parametrize('field', ['job_id', 'reason'])
def test_missing_field_of_a_command_is_refused(field: str) -> None:
    fields = {'job_id': 'j1', 'reason': 'why'}
    del fields[field]
    with pytest.raises(MalformedCommand, match='expected exactly the fields job_id, reason'):
        decode(document(**{'with': fields}))


def test_unknown_field_of_a_command_is_refused() -> None:
    with pytest.raises(MalformedCommand, match='colour'):
        decode(with_fields(CancelJob('j1', 'why'), colour='red'))


def test_unknown_command_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(MalformedCommand, match='CancelJob.*SubmitJob'):
        decode(document(do='FormatDisk'))


@pytest.mark.parametrize('version', [0, '1', True, 1.0, None, [1]])
def test_other_version_is_refused(version: Any) -> None:
    with pytest.raises(MalformedCommand, match='"v": 1'):
        decode(document(v=version))


def test_later_version_says_that_an_update_is_needed() -> None:
    with pytest.raises(NewerCommand, match='version 2, this software reads up to 1: update it'):
        decode(document(v=2))


@pytest.mark.parametrize(
    ('field', 'value'),
    [('serial', True), ('serial', 1.0), ('serial', '1'), ('incarnation', None), ('robot', 7),
     ('acked_below', [1]), ('do', ['CancelJob']), ('do', None), ('with', [])],
)
def test_head_field_of_another_type_is_refused(field: str, value: Any) -> None:
    with pytest.raises(MalformedCommand):
        decode(document(**{field: value}))


@pytest.mark.parametrize(
    ('command', 'field', 'value'),
    [
        (RevokeJob('j', 1, ''), 'token', True),  # bool is an int in Python
        (SetOverride(Mode.NORMAL, 'o', 'r', 5), 'duration_ms', False),
        (SetOverride(Mode.NORMAL, 'o', 'r', 5), 'duration_ms', 1.5),
        (SetOverride(Mode.NORMAL, 'o', 'r', 5), 'duration_ms', None),
        (RevokeJob('j', 1, ''), 'reason', 5),
        (ReportJobs((FailJob('j', 1, 1, 1, ''),)), 'reports', [{'FailJob': {'job_id': 'j'}}]),
        (ReportJobs(()), 'reports', [{'StartJob': {'job_id': 'j', 'token': True}}]),
        (ReportJobs(()), 'reports', [{'CancelJob': {'job_id': 'j', 'reason': ''}}]),
        (ReportJobs(()), 'reports', [{}]),
        (ReportJobs(()), 'reports', ['StartJob']),
        (RegisterRobot(R1, 1, True, '', '', 1, ()), 'voter', 1),
        (RegisterRobot(R1, 1, True, '', '', 1, ()), 'capabilities', {}),
        (RegisterRobot(R1, 1, True, '', '', 1, ()), 'capabilities', ['gpu']),
        (SubmitJob('j', R1, spec(), '', ''), 'spec', 'true'),
    ],
)
def test_field_of_another_type_is_refused(command: Command, field: str, value: Any) -> None:
    with pytest.raises(MalformedCommand):
        decode(with_fields(command, **{field: value}))


def test_unknown_kind_of_work_is_refused_with_the_valid_ones() -> None:
    fields = json.loads(encode(Issued(R1, 1, 2, 1, SubmitJob('j1', R1, spec(), '', ''))))['with']
    fields['spec']['work'] = {'shell': fields['spec']['work']['exec']}
    with pytest.raises(MalformedCommand, match="'shell': expected one of exec, python"):
        decode(document(do='SubmitJob', **{'with': fields}))


def test_pipelines_survive_the_round_trip() -> None:
    stages = (
        Stage('a', spec(outputs=('o',))),
        Stage('b', spec(), ('a',), (Feed('a', 'o', 'in'),)),
    )
    command = SubmitJob('j1', R1, JobSpec(PipelineWork(stages)), '', '')
    assert decode(encode(Issued(R1, 1, 1, 1, command))).command == command


def test_unknown_member_of_an_enum_is_refused_with_the_valid_ones() -> None:
    good = {'robot_id': 'r1', 'incarnation': 1, 'phase': 'DEAD'}
    assert isinstance(decode(document(do='MarkRobot', **{'with': good})).command, MarkRobot)
    with pytest.raises(MalformedCommand, match='HEALTHY'):
        decode(document(do='MarkRobot', **{'with': {**good, 'phase': 'dead'}}))


def test_hash_that_could_be_a_path_is_refused_before_it_is_in_the_state() -> None:
    command = SubmitJob('j', R1, spec(inputs=(ref('a'),)), '', '')
    data = encode(Issued(R1, 1, 1, 1, command)).replace(b'a' * 64, b'/etc/passwd')
    with pytest.raises(MalformedCommand, match='64 lower-case'):
        decode(data)


@pytest.mark.parametrize('number', [INTEGER_MAX + 1, -INTEGER_MAX - 1, 10**400])
def test_integer_beyond_64_bits_is_refused(number: int) -> None:
    decode(document(serial=INTEGER_MAX))
    with pytest.raises(MalformedCommand, match='64 bits'):
        decode(document(serial=number))


def test_oversize_is_refused_before_it_is_parsed() -> None:
    largest = COMMAND_BYTES_MAX - len(document(CancelJob('j1', '')))
    assert decode(document(CancelJob('j1', 'x' * largest)))
    with pytest.raises(MalformedCommand, match='at most'):
        decode(document(CancelJob('j1', 'x' * (largest + 1))))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300))
def test_garbage_raises_nothing_but_malformed_command(data: bytes) -> None:
    with pytest.raises(MalformedCommand):
        decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner,
                                                                max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(COMMANDS)), fields=JSON, head=JSON, at=st.integers(0, 4))
def test_wrong_values_raise_nothing_but_malformed_command(
    name: str, fields: Any, head: Any, at: int
) -> None:
    changes: dict[str, Any] = {'do': name, 'with': fields}
    if at < 4:
        changes[('robot', 'serial', 'v', 'do')[at]] = head
    try:
        decode(document(**changes))
    except MalformedCommand:
        return
    assert name == 'ExtendLeases' or isinstance(head, (str, int))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_mangled_command_raises_nothing_but_malformed_command(data: st.DataObject) -> None:
    command = SubmitJob('j', R1, spec(inputs=(ref(),), outputs=('o',)), '/out', 'key')
    good = bytearray(encode(Issued(R1, 1, 2, 1, command)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedCommand):
        decode(bytes(good))


@pytest.mark.parametrize('where', ['job_id', 'do', 'robot', 'v'])
def test_deep_nesting_raises_nothing_but_malformed_command(where: str) -> None:
    """Around the recursion limit, where the parser may still pass what a message about it
    cannot print."""
    for depth in [*range(800, 1010, 1), 100_000]:
        nested = '[' * depth + ']' * depth
        fields = '{"job_id":0,"reason":""}'
        text = (
            '{"v":1,"robot":"r","incarnation":1,"serial":1,"acked_below":1,"do":"CancelJob",'
            f'"with":{fields}}}'
        )
        old = {'job_id': '"job_id":0', 'do': '"do":"CancelJob"', 'robot': '"robot":"r"',
               'v': '"v":1'}[where]
        with pytest.raises(MalformedCommand):
            decode(text.replace(old, f'"{where}":{nested}').encode())
