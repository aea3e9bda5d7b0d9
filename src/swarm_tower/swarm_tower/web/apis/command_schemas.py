# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What each command takes and what is answered, for the description of the API."""

from __future__ import annotations

from typing import Any

from swarm_tower.web.apis.openapi import (
    an_object,
    list_of,
    operation,
    ref,
    table_of,
    text,
    whole,
)
from swarm_tower.web.commands import CHANGES, COMMANDS, MODES, TEXT_MAX, Command

WEEK_S = 7 * 86_400
REASON = text(
    'Why; goes into the events of the swarm.', minLength=1, maxLength=TEXT_MAX, pattern=r'\S'
)
KEYS: dict[str, Any] = {
    'robot': text(
        'The robot to ask; empty = the leader, or any robot that is heard. "*" = every robot '
        '(freeze_learning only).', maxLength=TEXT_MAX,
    ),
    'idempotency_key': text(
        'The same key is the same command: ask again with it when it is not known whether the '
        'first time has happened.', maxLength=TEXT_MAX,
    ),
    'mode': text(enum=list(MODES)),
    'duration_s': {'type': 'number', 'description': 'Then it ends by itself.', 'maximum': WEEK_S},
    'reason': REASON,
    'epoch': whole(
        'Of the emergency that is to be cleared: emergency_epoch of a robot that has stopped.',
        minimum=1,
    ),
    'spec': {
        'type': 'object',
        'description': 'The fields of swarm_msgs/JobSpec, for instance {"kind": "exec", "exec": '
        '[{"argv": ["true"]}]}; bytes as hexadecimal text.',
        'properties': {'kind': text(), 'labels': list_of(text())},
    },
    'input_paths': list_of(text('A file on the machine of the asked robot.')),
    'output_dir': text('Where outputs are put, on the machine of the asked robot.'),
    'job_id': text(minLength=1, maxLength=TEXT_MAX),
    'change': text(enum=list(CHANGES)),
    'robot_id': text('Whom it is about.', minLength=1, maxLength=TEXT_MAX),
    'to': text('A voter; empty = the fittest.', maxLength=TEXT_MAX),
    'frozen': {'type': 'boolean', 'description': 'false: learning goes on.'},
}
SUMMARIES = {
    'override': 'Decide the mode for a time.',
    'clear_override': 'End the override; the policy decides again.',
    'emergency': 'Stop all robots.',
    'clear_emergency': 'Let stopped robots go on.',
    'submit_job': 'Submit a job.',
    'cancel_job': 'Cancel a job.',
    'retry_job': 'Have a job that has ended run again.',
    'change_member': 'Add, promote, demote or remove a member.',
    'transfer_leadership': 'Have another robot lead.',
    'freeze_learning': 'Stop or resume learning on a robot, or on all.',
    'save_recording': 'Keep the last seconds of the flight recorder.',
    'rescan': 'Have a robot look for its hardware anew.',
}
NEEDED = {
    'override': ('mode', 'reason', 'duration_s'),
    'clear_override': ('reason',),
    'emergency': ('reason',),
    'clear_emergency': ('epoch', 'reason'),
    'submit_job': ('spec',),
    'cancel_job': ('job_id', 'reason'),
    'retry_job': ('job_id', 'reason'),
    'change_member': ('change', 'robot_id'),
    'transfer_leadership': (),
    'freeze_learning': ('frozen', 'reason'),
    'save_recording': ('reason',),
    'rescan': (),
}
LEAST_S = {'override': 1, 'freeze_learning': 0}  # of duration_s


def body_of(command: Command) -> dict[str, Any]:
    """Return the schema of what a command takes."""
    properties = {name: KEYS[name] for name in sorted(command.keys)}
    if 'duration_s' in properties:
        properties['duration_s'] = {**KEYS['duration_s'], 'minimum': LEAST_S[command.name]}
    needed = NEEDED[command.name]
    for name in ('reason',):
        if name in properties and name not in needed:
            properties[name] = text('Why.')
    return an_object(properties, optional=set(properties) - set(needed))


def _path(command: Command) -> dict[str, Any]:
    about = f'The service of the robots: {command.service}.'
    if command.anybody:
        about += ' Needs no token where the parameter tower_stop_without_token is true.'
    return {
        'post': operation(
            SUMMARIES[command.name],
            {status: ref('Outcome') for status in (200, 409, 503)},
            about=about, body=body_of(command), errors=(400, 401, 404, 429), tag='commands',
            token=True,
        ),
    }


SCHEMAS = {
    'Outcome': an_object(
        {
            'outcome': text(
                'committed: the swarm did it (200). rejected: it was not done (409). unavailable: '
                'nobody answered in time, or there is no quorum; it may have happened (503).',
                enum=['committed', 'rejected', 'unavailable'],
            ),
            'reason': text('Why not; empty when it was done.'),
            'answer': {
                'type': 'object',
                'description': 'The fields of the response of the service, and answered_by.',
            },
        },
        optional=('answer',),
    ),
}
PATHS: dict[str, Any] = {
    '/api/v1/commands': {
        'get': operation(
            'Who asks, and what there is.',
            {200: an_object({
                'name': text('Of the token; empty = none was given.'),
                'role': text(enum=['observer', 'operator']),
                'may': list_of(text('A command that this asker may ask for.')),
                'token_file': text('On the machine of the tower.'),
                'commands': table_of(list_of(text()), 'What each takes.'),
            })},
            errors=(401, 429), tag='commands',
        ),
    },
    **{f'/api/v1/commands/{name}': _path(command) for name, command in COMMANDS.items()},
}
