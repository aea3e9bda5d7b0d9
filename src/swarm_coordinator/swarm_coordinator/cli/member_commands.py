# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about members, leadership and emergencies."""

import argparse
from typing import Any

from swarm_msgs import srv

from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import FAILED, OK, exit_code, print_json, say

CHANGES = {
    'add': srv.ChangeMember.Request.CHANGE_ADD_NON_VOTER,
    'promote': srv.ChangeMember.Request.CHANGE_PROMOTE,
    'demote': srv.ChangeMember.Request.CHANGE_DEMOTE,
    'remove': srv.ChangeMember.Request.CHANGE_REMOVE,
}


def list_members(client: Any, options: argparse.Namespace) -> int:
    state = client.call(srv.Status, 'status', srv.Status.Request()).state
    rows = [
        {
            'robot': name, 'vote': True, 'leads': name == state.leader,
            'came': name not in state.awaited_voter_ids,
        }
        for name in state.voter_ids
    ] + [
        {'robot': name, 'vote': False, 'leads': False, 'came': True}
        for name in state.non_voter_ids
    ]
    if options.json:
        return print_json(rows)
    print(
        tables.table(
            ('robot', 'vote', ''),
            [
                (row['robot'], 'yes' if row['vote'] else 'no', _remark(row))
                for row in rows
            ],
        )
    )
    return OK


def _remark(row: dict[str, Any]) -> str:
    if row['leads']:
        return 'leads'
    return '' if row['came'] else 'never came: its vote counts once the leader has met it'


def change(client: Any, options: argparse.Namespace) -> int:
    request = srv.ChangeMember.Request(
        change=CHANGES[options.what], robot_id=options.robot_id
    )
    answer = client.call(srv.ChangeMember, 'change_member', request)
    if (code := exit_code(answer)) == OK:
        print(f'committed in entry {answer.log_index}')
    return code


def transfer(client: Any, options: argparse.Namespace) -> int:
    request = srv.TransferLeadership.Request(to=options.to)
    answer = client.call(srv.TransferLeadership, 'transfer_leadership', request)
    if (code := exit_code(answer)) == OK:
        print(f'{answer.leader} leads')
    return code


def raise_emergency(client: Any, options: argparse.Namespace) -> int:
    request = srv.RaiseEmergency.Request(raised_by=options.by, reason=options.reason)
    answer = client.call(srv.RaiseEmergency, 'raise_emergency', request)
    print(f'{client.robot} has stopped and tells everyone it can reach; epoch {answer.epoch}')
    return OK


def clear_emergency(client: Any, options: argparse.Namespace) -> int:
    state = client.call(srv.Status, 'status', srv.Status.Request()).state
    if not state.emergency_active:
        return say(f'{client.robot} knows of no emergency', FAILED)
    request = srv.ClearEmergency.Request(
        epoch=state.emergency_epoch, owner=options.by, reason=options.reason
    )
    code = exit_code(client.call(srv.ClearEmergency, 'clear_emergency', request))
    if code == OK:
        print(f'the emergency of epoch {state.emergency_epoch} is over')
    return code


def show_emergency(client: Any, options: argparse.Namespace) -> int:
    state = client.call(srv.Status, 'status', srv.Status.Request()).state
    facts = {
        'active': state.emergency_active,
        'epoch': state.emergency_epoch,
        'reason': state.emergency_reason,
    }
    if options.json:
        return print_json(facts)
    if state.emergency_active:
        print(f'STOP, epoch {state.emergency_epoch}: {state.emergency_reason}')
    else:
        print('no emergency' + ('; the last one is over' if facts['epoch'] else ''))
    return OK
