# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Commands of swarmctl about the policy: owns how it is shown. They work on files."""

from argparse import Namespace

from swarm_coordinator import policy_file
from swarm_coordinator.cli import tables
from swarm_coordinator.cli.answers import OK, REFUSED, print_json, say
from swarm_coordinator.core.identity.policy import (
    PERMISSIONS,
    ROLES,
    Caller,
    Policy,
    covers,
)


def run(options: Namespace) -> int:
    try:
        policy = policy_file.load(options.file)
    except ValueError as error:
        return say(str(error), REFUSED)
    if options.json:
        return print_json({
            'version': policy_file.VERSION,
            'roles': {role: list(policy.roles.get(role, ())) for role in ROLES},
            'names': {name: list(granted) for name, granted in policy.names.items()},
        })
    if options.what == 'check':
        print(f'{options.file}: in order; {len(policy.names)} names besides the roles')
    else:
        _show(policy)
    return OK


def _show(policy: Policy) -> None:
    callers = {
        **{role: Caller('', frozenset((role,))) for role in ROLES},
        **{name: Caller(name, frozenset(('',))) for name in sorted(policy.names)},
    }
    rows = [
        (permission, *(_mark(policy, callers[who], permission) for who in callers), what)
        for permission, what in PERMISSIONS.items()
    ]
    print(tables.table(('permission', *callers, 'for'), rows))


def _mark(policy: Policy, caller: Caller, permission: str) -> str:
    return 'yes' if any(covers(one, permission) for one in policy.granted(caller)) else '-'
