# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What an operator can ask for through the tower, and how each is asked of a robot: the same
services that the command line uses. Owns the table; knows neither ROS nor HTTP.

A command's body is checked here for what the tower adds to it; the fields themselves are checked
where the request is made, and by the robot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TEXT_MAX = 500
EVERY = '*'  # in the place of a robot's name
Body = dict[str, Any]
MODES = (
    'normal', 'explore', 'conserve', 'defensive', 'hyperfocus', 'recovery', 'maintenance',
)  # by their numbers in ModeState
CHANGES = ('add', 'promote', 'demote', 'remove')  # by their numbers in ChangeMember


class Malformed(ValueError):
    """A body that cannot be a command; the text says what was expected."""


@dataclass(frozen=True)
class Command:
    """One row. `fields(body, owner)` makes the fields of the service's request; `subject(body)`
    is what the event of the audit is about. `widely`: asked of several robots at once, because
    the first that hears it suffices. `each`: may be asked of every robot, by `"robot": "*"`.
    `anybody`: needs no token where the parameter tower_stop_without_token says so. `local`: done
    by the tower itself; no robot is asked."""

    name: str
    service: str
    fields: Callable[[Body, str], Body]
    subject: Callable[[Body], str]
    keys: frozenset[str]
    timeout_s: float = 15.0
    widely: bool = False
    each: bool = False
    anybody: bool = False
    local: bool = False


def text(body: Body, key: str, needed: bool = True) -> str:
    """Return a text of the body. Raises Malformed."""
    value = body.get(key, '')
    if not isinstance(value, str) or len(value) > TEXT_MAX or (needed and not value.strip()):
        least = 1 if needed else 0
        raise Malformed(f'{key}: expected text of {least} to {TEXT_MAX} characters')
    return value


def number(body: Body, key: str, low: float, high: float, default: float | None = None) -> float:
    """Return a number of the body. Raises Malformed."""
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Malformed(f'{key}: expected a number from {low} to {high}')
    return value


def choice(body: Body, key: str, words: tuple[str, ...]) -> int:
    """Return the place of a word of the body. Raises Malformed."""
    value = body.get(key)
    if value not in words:
        raise Malformed(f'{key}: expected one of {", ".join(words)}')
    return words.index(value)


def _override(body: Body, owner: str) -> Body:
    return {
        'mode': choice(body, 'mode', MODES),
        'owner': owner,
        'reason': text(body, 'reason'),
        'duration_ms': round(1000 * number(body, 'duration_s', 1, 7 * 86_400)),
        'idempotency_key': text(body, 'idempotency_key', needed=False),
    }


def _clear_override(body: Body, owner: str) -> Body:
    return {
        'owner': owner,
        'reason': text(body, 'reason'),
        'idempotency_key': text(body, 'idempotency_key', needed=False),
    }


def _emergency(body: Body, owner: str) -> Body:
    return {'raised_by': owner, 'reason': text(body, 'reason')}


def _clear_emergency(body: Body, owner: str) -> Body:
    return {
        'epoch': int(number(body, 'epoch', 1, 2**53)),
        'owner': owner,
        'reason': text(body, 'reason'),
    }


def _submit(body: Body, owner: str) -> Body:
    spec = body.get('spec')
    if not isinstance(spec, dict):
        raise Malformed('spec: expected an object with the fields of a job')
    labels = spec.get('labels', [])
    if not isinstance(labels, list):
        raise Malformed('spec.labels: expected a list of texts')
    paths = body.get('input_paths', [])
    if not isinstance(paths, list):
        raise Malformed('input_paths: expected a list of absolute paths')
    return {
        'spec': {**spec, 'labels': [*labels, f'by:{owner}']},
        'input_paths': paths,
        'output_dir': text(body, 'output_dir', needed=False),
        'idempotency_key': text(body, 'idempotency_key', needed=False),
    }


def _of_job(body: Body, owner: str) -> Body:
    return {
        'job_id': text(body, 'job_id'),
        'reason': f'{owner}: {text(body, "reason")}',
        'idempotency_key': text(body, 'idempotency_key', needed=False),
    }


def _change_member(body: Body, owner: str) -> Body:
    return {'change': choice(body, 'change', CHANGES), 'robot_id': text(body, 'robot_id')}


def _transfer(body: Body, owner: str) -> Body:
    return {'to': text(body, 'to', needed=False)}


def _freeze(body: Body, owner: str) -> Body:
    frozen = body.get('frozen')
    if not isinstance(frozen, bool):
        raise Malformed('frozen: expected true or false')
    return {
        'frozen': frozen,
        'owner': owner,
        'reason': text(body, 'reason'),
        'duration_ms': round(1000 * number(body, 'duration_s', 0, 7 * 86_400, 0)),
    }


def _rescan(body: Body, owner: str) -> Body:
    return {}


def _save_recording(body: Body, owner: str) -> Body:
    return {'reason': text(body, 'reason'), 'by': owner}


def _nothing(body: Body) -> str:
    return ''


def _about(key: str) -> Callable[[Body], str]:
    return lambda body: str(body.get(key, ''))[:64]


def _row(
    name: str, service: str, fields: Callable[[Body, str], Body], keys: str,
    subject: Callable[[Body], str] = _nothing, **more: Any,
) -> Command:
    return Command(name, service, fields, subject, frozenset({*keys.split(), 'robot'}), **more)


COMMANDS: dict[str, Command] = {
    row.name: row
    for row in (
        _row(
            'override', 'set_override', _override, 'mode reason duration_s idempotency_key',
            _about('mode'),
        ),
        _row('clear_override', 'clear_override', _clear_override, 'reason idempotency_key'),
        _row(
            'emergency', 'raise_emergency', _emergency, 'reason', timeout_s=5.0, widely=True,
            anybody=True,
        ),
        _row('clear_emergency', 'clear_emergency', _clear_emergency, 'epoch reason'),
        _row(
            'submit_job', 'submit_job', _submit, 'spec input_paths output_dir idempotency_key'
        ),
        _row(
            'cancel_job', 'cancel_job', _of_job, 'job_id reason idempotency_key',
            _about('job_id'),
        ),
        _row(
            'retry_job', 'retry_job', _of_job, 'job_id reason idempotency_key', _about('job_id')
        ),
        _row(
            'change_member', 'change_member', _change_member, 'change robot_id reason',
            _about('robot_id'), timeout_s=30.0,
        ),
        _row(
            'transfer_leadership', 'transfer_leadership', _transfer, 'to reason', _about('to'),
            timeout_s=30.0,
        ),
        _row(
            'freeze_learning', 'freeze_learning', _freeze, 'frozen reason duration_s',
            _about('robot'), each=True,
        ),
        _row('save_recording', '', _save_recording, 'reason', local=True),
        _row('rescan', 'rescan', _rescan, 'reason', _about('robot'), timeout_s=30.0),
    )
}


def checked(command: Command, body: Any, owner: str) -> tuple[str, Body]:
    """Return the robot to ask ('' = any) and the fields of the request. Raises Malformed."""
    if not isinstance(body, dict):
        raise Malformed('expected an object')
    unknown = sorted(set(body) - command.keys)
    if unknown:
        raise Malformed(
            f'{unknown[0][:40]}: expected only {", ".join(sorted(command.keys))}'
        )
    robot = text(body, 'robot', needed=False)
    if robot == EVERY and not command.each:
        raise Malformed('robot: expected the name of one robot; * is for freeze_learning only')
    return robot, command.fields(body, owner)
