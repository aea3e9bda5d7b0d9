# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who may ask a robot for what: permissions, whom they are given to, and what each request needs.

    policy.refusal('CancelJob', caller, ('jobs.cancel.own',))     # '' = may

Owns the names of permissions and the default. A permission covers those below it: `jobs.submit`
is every `jobs.submit.KIND`, `all` is everything. To raise a stop needs none: it is for everybody.
Refuses to know files, keys and messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swarm_coordinator.core.identity.certificate import Role

ANONYMOUS = 'anonymous'  # whoever does not sign; no role of a certificate
ROLES = (ANONYMOUS, *(role.value for role in Role))
NAMES_MAX = 1000

ALL = 'all'
LOOK = 'look'
SUBMIT = 'jobs.submit'
CANCEL_OWN, CANCEL_ANY = 'jobs.cancel.own', 'jobs.cancel.any'
# Of jobs; a pipeline is judged by those of its stages.
KINDS = ('exec', 'python', 'record', 'call', 'encode')

# Permission -> what it is for, in the order in which people read it.
PERMISSIONS: dict[str, str] = {
    ALL: 'everything below',
    LOOK: 'status, lists, logs of jobs, explanations, events of before, memory',
    'jobs': 'all about jobs',
    SUBMIT: 'submit jobs of every kind',
    **{f'{SUBMIT}.{kind}': f'submit jobs of kind {kind}' for kind in KINDS},
    'jobs.cancel': 'cancel and retry jobs, whoever submitted them',
    CANCEL_OWN: 'cancel and retry jobs that the same name submitted',
    CANCEL_ANY: 'cancel and retry jobs of others',
    'mode.override': 'decide the mode for a time',
    'emergency.clear': 'end a stop; to raise one needs no permission',
    'members.change': 'who follows, votes and leads',
    'leases': 'acquire, renew and release leases',
    'services': 'register services of a robot and take them back',
    'events': 'publish events',
    'files': 'all about files of the store',
    'files.read': 'have a file brought to a robot, and read stored ones again',
    'files.store': "copy a file of a robot's machine into its store",
    'files.collect': 'let go of stored files',
    'hardware': 'all about devices',
    'hardware.claim': 'use a device alone',
    'hardware.probe': 'scan anew, and let discovery ask what it would not on its own',
    'learning': 'all about learning',
    'learning.record': 'note in the log which content a learned file has',
    'learning.change': 'freeze learning, change which policy is followed',
}

_ROBOT = (LOOK, SUBMIT, CANCEL_OWN, 'leases', 'services', 'events', 'files.read', 'files.store',
          'hardware.claim', 'learning.record')
# The least that does: what robots and the programs on them need, and nothing for strangers.
DEFAULT: dict[str, tuple[str, ...]] = {
    ANONYMOUS: (LOOK,),
    Role.OBSERVER.value: (LOOK,),
    Role.NON_VOTER.value: _ROBOT,
    Role.VOTER.value: _ROBOT,
    Role.OPERATOR.value: (ALL,),
}

# What the request of a service needs, by the name of its type.
STOP = 'RaiseEmergency'
NEEDS: dict[str, str] = {
    'AcquireLease': 'leases',
    'AllowProbe': 'hardware.probe',
    'CancelJob': CANCEL_OWN,  # and CANCEL_ANY for one of another's, which the log tells
    'ChangeMember': 'members.change',
    'ChangePolicy': 'learning.change',
    'ClaimDevice': 'hardware.claim',
    'ClearEmergency': 'emergency.clear',
    'ClearOverride': 'mode.override',
    'CollectFiles': 'files.collect',
    'Explain': LOOK,
    'ExplainDevice': LOOK,
    'ExplainLearning': LOOK,
    'FetchFile': 'files.read',
    'FindService': LOOK,
    'FreezeLearning': 'learning.change',
    'ListDevices': LOOK,
    'ListFiles': LOOK,
    'ListJobs': LOOK,
    'ListLeases': LOOK,
    'ListModels': LOOK,
    'ListPolicies': LOOK,
    'ListRoutes': LOOK,
    'Negotiate': LOOK,
    'PublishEvent': 'events',
    'QueryMemory': LOOK,
    'ReadJobLog': LOOK,
    'RecordModel': 'learning.record',
    'RegisterService': 'services',
    'ReleaseDevice': 'hardware.claim',
    'ReleaseLease': 'leases',
    'RenewLease': 'leases',
    'ReplayEvents': LOOK,
    'Rescan': 'hardware.probe',
    'RetryJob': CANCEL_OWN,
    'RunJob': SUBMIT,
    'SetOverride': 'mode.override',
    'Status': LOOK,
    'StoreFile': 'files.store',
    'SubmitJob': SUBMIT,
    'SubmitJobs': SUBMIT,
    'TransferLeadership': 'members.change',
    'UnregisterService': 'services',
    'VerifyFiles': 'files.read',
    'WaitJobs': LOOK,
}


def needed(service: str, request: Any) -> tuple[str, ...]:
    """Every permission that this request needs. `service`: the name of its type; one that is not
    known needs ALL. Submissions need those of the kinds of their jobs."""
    if service == STOP:
        return ()
    permission = NEEDS.get(service, ALL)
    if permission != SUBMIT:
        return (permission,)
    kinds: set[str] = set()
    for one in getattr(request, 'jobs', None) or (request,):
        kind = getattr(getattr(one, 'spec', None), 'kind', '')
        stages = [stage.spec.kind for stage in getattr(one, 'stages', ())]
        kinds.update(stages if kind == 'pipeline' and stages else (kind,))
    # One that is not known is refused by the robot, with the list of those that are.
    return tuple(sorted({f'{SUBMIT}.{kind}' if kind in KINDS else SUBMIT for kind in kinds}))


@dataclass(frozen=True)
class Caller:
    """Who asks, as proven. No roles = anonymous."""

    name: str = ''
    roles: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_anonymous(self) -> bool:
        return not self.roles

    def __str__(self) -> str:
        if self.is_anonymous:
            return ANONYMOUS
        return f'{self.name} ({", ".join(sorted(self.roles))})'


NOBODY = Caller()


def covers(granted: str, permission: str) -> bool:
    return granted in (ALL, permission) or permission.startswith(f'{granted}.')


@dataclass(frozen=True)
class Policy:
    """What is given to roles, and to single names besides. Raises ValueError that names the key
    and what was expected."""

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT))
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in self.roles:
            if role not in ROLES:
                raise ValueError(f'roles: {role[:60]!r}: expected one of {", ".join(ROLES)}')
        if len(self.names) > NAMES_MAX:
            raise ValueError(f'names: {len(self.names)} of them, at most {NAMES_MAX}')
        for what, table in (('roles', self.roles), ('names', self.names)):
            for key, granted in table.items():
                for permission in granted:
                    if permission not in PERMISSIONS:
                        raise ValueError(f'{what}.{key}: {unknown(permission)}')

    def granted(self, caller: Caller) -> tuple[str, ...]:
        """All that it has, sorted."""
        roles: Iterable[str] = caller.roles or (ANONYMOUS,)
        found = {one for role in roles for one in self.roles.get(role, ())}
        if not caller.is_anonymous:
            found.update(self.names.get(caller.name, ()))
        return tuple(sorted(found))

    def allows(self, caller: Caller, permission: str) -> bool:
        return any(covers(one, permission) for one in self.granted(caller))

    def refusal(self, service: str, caller: Caller, permissions: Iterable[str]) -> str:
        """Why the caller may not ask that, with what to do; '' if it may."""
        missing = [one for one in permissions if not self.allows(caller, one)]
        if not missing:
            return ''
        has = ', '.join(self.granted(caller)) or 'nothing'
        if caller.is_anonymous:
            return (
                f'{service} needs the permission {missing[0]}; this request is not signed, and '
                f'who does not sign has: {has}. Sign as somebody who may: swarmctl --as NAME; '
                'without keys yet: swarmctl keys request NAME, have a certificate issued with '
                '--role operator, swarmctl keys install'
            )
        return (
            f'{service} needs the permission {missing[0]}; {caller} has: {has}. Ask as somebody '
            'who may (swarmctl --as NAME), have a certificate issued with another role (swarmctl '
            f'keys renew {caller.name} --role ROLE), or give it in the policy file of the robots '
            '(swarmctl policy show)'
        )


def unknown(permission: str) -> str:
    """That there is no such permission, and which there are."""
    return f'no permission {permission[:60]!r}: expected one of {", ".join(PERMISSIONS)}'
