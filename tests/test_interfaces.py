# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What every message, service and action keeps to, read from the interface files as text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / 'src' / 'swarm_msgs'
FILES = sorted(FOLDER.glob('*/*.*'))
NAMES = [f'{file.parent.name}/{file.name}' for file in FILES]

# What robots tell one another to agree; a receiver drops it by its envelope alone.
PROTOCOL = (
    'Append', 'AppendReply', 'Concealed', 'Emergency', 'FileChunk', 'FileManifest', 'FileRequest',
    'Heartbeat', 'JobOffer', 'JobReport', 'KeyHandover', 'MemoryBlocks', 'ProbeReply',
    'ProbeRequest', 'Proposal', 'ProposalReply', 'ReadReply', 'ReadRequest', 'Receipts',
    'RobotCard', 'SnapshotChunk', 'SnapshotReply', 'SwarmEvent', 'TimeoutNow', 'Vote',
    'VoteRequest',
)
OF_THE_LEADER = (
    'JobOutcomes', 'JobUpdates', 'ModePolicy', 'ModeState', 'Regime', 'Reputation', 'RouteCosts',
    'SwarmConsciousness', 'SwarmState',
)
OF_A_ROBOT = (
    'Advice', 'HardwareEvent', 'HardwareInventory', 'LearningState', 'LocalConsciousness',
    'LocalState', 'SensorReport',
)
ENVELOPED = (*PROTOCOL, *OF_THE_LEADER, *OF_A_ROBOT)
UNITS = (
    'ns', 'us', 'ms', 's', 'min', 'h', 'hz', 'bytes', 'kb', 'mb', 'kib', 'mib', 'permille',
    'percent', 'celsius', 'c', 'v', 'mv', 'a', 'ma', 'w', 'mw', 'm', 'mm', 'rad', 'deg', 'bps',
    'dbm', 'index', 'term', 'count', 'max', 'jobs', 'epoch', 'round', 'token',
)
NUMBER = re.compile(r'(u?int(8|16|32|64)|float(32|64)|byte)(\[.*\])?$')
LINE = re.compile(r'(?P<type>[\w/<=\[\]]+)\s+(?P<name>\w+)\s*(?P<constant>=\s*[^#\s]+)?'
                  r'(?P<default>\s+[^#\s][^#]*)?\s*(#(?P<comment>.*))?$')


@dataclass(frozen=True)
class Field:
    where: str
    type: str
    name: str
    comment: str
    constant: str  # its value, '' for a field

    @property
    def numeric(self) -> bool:
        return bool(NUMBER.match(self.type)) and not self.constant

    def __str__(self) -> str:
        return f'{self.where} {self.name}'


def parse(file: Path) -> list[Field]:
    """The fields; a comment on lines of its own right above belongs to the field below it."""
    fields, above = [], ''
    for number, line in enumerate(file.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text == '---':
            above = ''
        elif text.startswith('#'):
            above += text
        else:
            match = LINE.match(text)
            assert match, f'{file.name}:{number}: {text}'
            fields.append(Field(
                where=f'{file.name}:{number}',
                type=match['type'],
                name=match['name'],
                comment=(match['comment'] or above).strip(),
                constant=(match['constant'] or '').lstrip('= '),
            ))
            above = ''
    return fields


ALL = {file.stem: parse(file) for file in FILES}
EXPLAINED = {
    field.name for fields in ALL.values() for field in fields if field.comment
}


def says_unit(name: str) -> bool:
    """At its end, or at its start where it counts things: jobs_failed, bytes_in."""
    words = name.split('_')
    return words[-1] in UNITS or words[0] in ('jobs', 'bytes')


def test_there_are_interfaces_of_every_kind() -> None:
    assert {file.suffix for file in FILES} == {'.msg', '.srv', '.action'}


@pytest.mark.parametrize('file', [file for file in FILES if file.suffix != '.srv'],
                         ids=lambda file: file.name)
def test_message_and_action_say_first_what_they_are(file: Path) -> None:
    """A service is named by its verb; what it changes is said at its fields."""
    assert file.read_text().startswith('# ')


@pytest.mark.parametrize('file', FILES, ids=NAMES)
def test_every_number_says_its_unit_or_meaning(file: Path) -> None:
    """By a unit at the end of its name, by a comment, or by a comment on the same name elsewhere:
    one word has one meaning in all interfaces."""
    silent = [
        str(field)
        for field in parse(file)
        if field.numeric
        and not field.comment
        and not says_unit(field.name)
        and field.name not in EXPLAINED
    ]
    assert not silent


@pytest.mark.parametrize('file', FILES, ids=NAMES)
def test_every_float_has_a_comment_or_a_unit(file: Path) -> None:
    silent = [
        str(field)
        for field in parse(file)
        if field.type.startswith('float')
        and not field.comment
        and not says_unit(field.name)
    ]
    assert not silent


@pytest.mark.parametrize('name', ENVELOPED)
def test_message_that_is_believed_starts_with_its_envelope(name: str) -> None:
    first = next(field for field in ALL[name] if not field.constant)
    assert (first.type, first.name) == ('Envelope', 'envelope')


def test_no_other_message_has_an_envelope() -> None:
    with_envelope = {
        stem for stem, fields in ALL.items() if any(field.type == 'Envelope' for field in fields)
    }
    assert with_envelope == set(ENVELOPED)


@pytest.mark.parametrize('file', FILES, ids=NAMES)
def test_enumerated_field_names_constants_that_exist(file: Path) -> None:
    wrong = []
    for field in parse(file):
        for owner, prefix in re.findall(r'(?:(\w+)\.)?([A-Z][A-Z_]*_)\*', field.comment):
            constants = [one for one in ALL.get(owner or file.stem, []) if one.constant]
            if not any(one.name.startswith(prefix) for one in constants):
                wrong.append(f'{field} says {owner}.{prefix}*')
    assert not wrong


@pytest.mark.parametrize('file', FILES, ids=NAMES)
def test_constants_of_one_enumeration_differ(file: Path) -> None:
    constants = Counter(
        (section, field.type, field.name.partition('_')[0], field.constant)
        for section, fields in enumerate(sections(file))
        for field in fields
        if field.constant
    )
    assert [key for key, count in constants.items() if count > 1] == []


def sections(file: Path) -> list[list[Field]]:
    """Request, response, feedback; a message has one."""
    breaks = [n for n, line in enumerate(file.read_text().splitlines(), 1) if line == '---']
    fields = parse(file)
    edges = [0, *breaks, 1 << 30]
    return [
        [field for field in fields if low < int(field.where.rpartition(':')[2]) < high]
        for low, high in zip(edges, edges[1:], strict=False)
    ]


@pytest.mark.parametrize('file', FILES, ids=NAMES)
def test_names_follow_the_ros_rules(file: Path) -> None:
    assert re.fullmatch(r'[A-Z][A-Za-z0-9]*', file.stem)
    for field in parse(file):
        rule = r'[A-Z][A-Z0-9]*(_[A-Z0-9]+)*' if field.constant else r'[a-z][a-z0-9]*(_[a-z0-9]+)*'
        assert re.fullmatch(rule, field.name), str(field)


def test_every_interface_was_generated_and_can_be_imported() -> None:
    import swarm_msgs.action
    import swarm_msgs.msg
    import swarm_msgs.srv

    missing = [
        name
        for file, name in zip(FILES, NAMES, strict=True)
        if not hasattr(getattr(swarm_msgs, file.parent.name), file.stem)
    ]
    assert not missing
