# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the policy gives to whom, and what requests need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.identity.policy import (
    ALL,
    CANCEL_ANY,
    CANCEL_OWN,
    LOOK,
    NEEDS,
    NOBODY,
    PERMISSIONS,
    STOP,
    SUBMIT,
    Caller,
    Policy,
    covers,
    needed,
)

OPERATOR = Caller('anna', frozenset({'operator'}))
ROBOT = Caller('r1', frozenset({'voter'}))
OBSERVER = Caller('eve', frozenset({'observer'}))


def job(kind: str, *stages: str) -> Any:
    return SimpleNamespace(
        spec=SimpleNamespace(kind=kind),
        stages=[SimpleNamespace(spec=SimpleNamespace(kind=one)) for one in stages],
    )


@pytest.mark.parametrize('caller', [NOBODY, OBSERVER])
def test_strangers_and_observers_may_look_and_nothing_else(caller: Caller) -> None:
    policy = Policy()
    assert [one for one in PERMISSIONS if policy.allows(caller, one)] == [LOOK]


def test_operator_may_everything() -> None:
    assert all(Policy().allows(OPERATOR, one) for one in PERMISSIONS)


@pytest.mark.parametrize(
    'service', ['SetOverride', 'ClearEmergency', 'ChangeMember', 'ChangePolicy', 'AllowProbe',
                'CollectFiles', 'FreezeLearning', 'TransferLeadership'],
)
def test_robot_may_not_what_is_for_operators(service: str) -> None:
    said = Policy().refusal(service, ROBOT, (NEEDS[service],))
    assert NEEDS[service] in said and 'r1 (voter)' in said and 'swarmctl --as' in said


def test_robot_may_what_it_and_programs_on_it_need() -> None:
    policy = Policy()
    for service in ('SubmitJobs', 'AcquireLease', 'RegisterService', 'PublishEvent', 'StoreFile',
                    'FetchFile', 'ClaimDevice', 'RecordModel', 'ListJobs'):
        assert not policy.refusal(service, ROBOT, (NEEDS[service],)), service
    assert policy.allows(ROBOT, CANCEL_OWN) and not policy.allows(ROBOT, CANCEL_ANY)


def test_anybody_may_raise_a_stop_whatever_the_policy_says() -> None:
    nothing = Policy({}, {})
    assert not nothing.refusal(STOP, NOBODY, needed(STOP, None))
    assert nothing.refusal('Status', NOBODY, (LOOK,))


def test_who_does_not_sign_is_told_how_to() -> None:
    said = Policy().refusal('CancelJob', NOBODY, (CANCEL_OWN,))
    for word in ('not signed', CANCEL_OWN, 'swarmctl --as', 'swarmctl keys request'):
        assert word in said


def test_name_has_what_it_is_given_besides_its_roles() -> None:
    policy = Policy(names={'eve': ('jobs.submit.exec',)})
    assert policy.allows(OBSERVER, 'jobs.submit.exec') and policy.allows(OBSERVER, LOOK)
    assert not policy.allows(OBSERVER, 'jobs.submit.python')
    assert not policy.allows(Caller('eve2', OBSERVER.roles), 'jobs.submit.exec')


def test_name_of_nobody_is_given_nothing() -> None:
    policy = Policy(names={'x': (ALL,)})
    assert not policy.allows(Caller('x'), CANCEL_OWN), 'a name without a certificate is no name'


@pytest.mark.parametrize(
    ('request_', 'needs'),
    [
        (job('exec'), ('jobs.submit.exec',)),
        (job('pipeline', 'exec', 'python'), ('jobs.submit.exec', 'jobs.submit.python')),
        (job('pipeline'), (SUBMIT,)),
        (job('magic'), (SUBMIT,)),
        (SimpleNamespace(jobs=[job('exec'), job('call')]), ('jobs.submit.call',
                                                            'jobs.submit.exec')),
        (SimpleNamespace(jobs=[]), (SUBMIT,)),
    ],
)
def test_submission_needs_the_kinds_of_all_its_jobs(request_: Any, needs: tuple[str]) -> None:
    assert needed('SubmitJobs', request_) == needs


def test_service_that_nobody_has_heard_of_needs_everything() -> None:
    assert needed('Detonate', None) == (ALL,)


@given(st.sampled_from(sorted(PERMISSIONS)), st.sampled_from(sorted(PERMISSIONS)))
def test_permission_covers_itself_and_what_is_below_it(granted: str, asked: str) -> None:
    below = granted == ALL or asked.split('.')[: len(granted.split('.'))] == granted.split('.')
    assert covers(granted, asked) == below


@pytest.mark.parametrize(
    ('roles', 'names', 'said'),
    [
        ({'king': ()}, {}, "roles: 'king': expected one of anonymous"),
        ({'voter': ('fly',)}, {}, "roles.voter: no permission 'fly': expected one of all"),
        ({}, {'anna': ('job',)}, "names.anna: no permission 'job'"),
    ],
)
def test_wrong_policy_names_the_key_and_what_was_expected(
    roles: Any, names: Any, said: str
) -> None:
    with pytest.raises(ValueError, match='expected') as caught:
        Policy(roles, names)
    assert said in str(caught.value)


def test_permission_covers_nothing_that_only_begins_like_it() -> None:
    assert covers('files', 'files.read') and not covers('file', 'files.read')
