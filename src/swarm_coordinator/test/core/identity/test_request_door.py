# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who asks a robot for something is proven, asks once and now, and may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.identity import request_door
from swarm_coordinator.core.identity.credit import CREDIT, SECOND_NS
from swarm_coordinator.core.identity.policy import Caller, Policy
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.request_bytes import to_sign
from swarm_coordinator.core.identity.request_door import Denied, RequestDoor, RequestReason

from .requests import NOW_S, SERVICE, Authority, Cancel, Credential, Part, sign, signed

HOUR_NS = 3600 * SECOND_NS


class Door:
    """A robot that started an hour ago."""

    def __init__(self, policy: Policy | None = None, started_ns: int = 0) -> None:
        self.authority = Authority()
        self.now_ns, self.wall_s = HOUR_NS, NOW_S
        self.door = RequestDoor(
            'swarm', 'r1', policy or Policy(), self.authority.admit, self.authority.verify,
            started_ns,
        )

    def ask(self, request: Any, service: str = SERVICE, kind: str = 'CancelJob') -> Any:
        return self.door.check(service, kind, request, self.now_ns, self.wall_s)

    def reason(self, request: Any, **where: str) -> RequestReason | None:
        found = self.ask(request, **where)
        return found.reason if isinstance(found, Denied) else None


def test_signed_request_of_an_operator_is_let_in_with_its_name_and_roles() -> None:
    door = Door()
    request = signed()
    assert door.ask(request) == Caller('anna', frozenset({'operator'}))
    assert door.door.caller_of(request.credential, NOW_S).name == 'anna'


def test_unsigned_request_may_what_the_policy_gives_to_everybody() -> None:
    door = Door()
    assert door.reason(Cancel(), service='/r1/status', kind='Status') is None
    assert door.reason(Cancel()) is RequestReason.ANONYMOUS
    assert door.authority.admitted == door.authority.verified == 0
    assert door.door.counts[RequestReason.ANONYMOUS] == 1


@pytest.mark.parametrize('request_', [Cancel(), signed(key='eve'), signed(recipient='r9')])
def test_stop_is_never_refused(request_: Cancel) -> None:
    door = Door(Policy({}, {}))
    assert door.reason(request_, service='/r1/raise_emergency', kind='RaiseEmergency') is None


@pytest.mark.parametrize(
    ('request_', 'reason'),
    [
        (signed(role='observer'), RequestReason.DENIED),
        (signed('r2', 'voter', kind='SetOverride'), RequestReason.FORGED),
        (signed(swarm_id='other'), RequestReason.SWARM),
        (signed(recipient='r2'), RequestReason.RECIPIENT),
        (signed(service='/r1/retry_job'), RequestReason.FORGED),
        (signed(service='/r2/cancel_job'), RequestReason.FORGED),
        (signed(kind='RetryJob'), RequestReason.FORGED),
        (signed(key='eve'), RequestReason.FORGED),
        (signed('nobody'), RequestReason.FORGED),
        (signed(role='king'), RequestReason.CERTIFICATE),
        (signed(stamp_ms=int((NOW_S - 301) * 1000)), RequestReason.CLOCK),
        (signed(stamp_ms=int((NOW_S + 301) * 1000)), RequestReason.CLOCK),
        (signed(stamp_ms=0), RequestReason.CLOCK),
        (signed(stamp_ms=2**64 - 1), RequestReason.CLOCK),
    ],
)
def test_wrong_request_is_refused_for_its_reason(
    request_: Cancel, reason: RequestReason
) -> None:
    assert Door().reason(request_) is reason


@pytest.mark.parametrize(
    'change',
    [
        {'signature': b''}, {'signature': b'x' * 63}, {'signature': b'x' * 65},
        {'certificate': b''}, {'certificate': b'x' * 2049}, {'caller': ''},
        {'caller': 'x' * 65},
    ],
)
def test_credential_of_the_wrong_size_costs_no_key(change: dict[str, Any]) -> None:
    door = Door()
    request = signed()
    request.credential = replace(request.credential, **change)
    assert door.reason(request) is RequestReason.MALFORMED
    assert door.authority.admitted == door.authority.verified == 0


def test_certificate_of_somebody_else_is_of_no_use() -> None:
    request = signed('eve', 'observer')
    request.credential.certificate = b'anna,operator'
    request.credential.signature = sign('eve', to_sign(SERVICE, 'CancelJob', request))
    assert Door().reason(request) is RequestReason.CERTIFICATE


@pytest.mark.parametrize('reason', ['revoked', 'expired', 'unknown_authority'])
def test_what_the_keyring_says_of_a_certificate_is_passed_on(reason: str) -> None:
    door, request = Door(), signed()
    door.authority.refused[b'anna,operator'] = IdentityRefused(reason, f'it is {reason}: do this')
    found = door.ask(request)
    assert found == Denied(RequestReason.CERTIFICATE, f'it is {reason}: do this')


WHOLE = {
    'reason': 'why', 'expiry_ms': 5, 'weight': 0.1, 'is_urgent': True, 'uuid': list(range(16)),
    'labels': ['a', 'b'], 'parts': [Part('one', [1, 2]), Part('two', [])],
}
CHANGES: list[dict[str, Any]] = [
    {'job_id': 'r1-1-2'}, {'job_id': ''}, {'reason': 'why '}, {'expiry_ms': 6}, {'weight': 0.2},
    {'is_urgent': False}, {'uuid': [1, *range(1, 16)]}, {'labels': ['ab']}, {'labels': ['b', 'a']},
    {'labels': ['a', 'b', '']}, {'parts': []}, {'parts': [Part('one', [1]), Part('two', [2])]},
    {'parts': [Part('one', [1, 2, 0]), Part('two', [])]},
]


@pytest.mark.parametrize('change', CHANGES, ids=str)
def test_request_that_was_changed_anywhere_is_not_let_in(change: dict[str, Any]) -> None:
    door = Door()
    good = signed(**WHOLE)
    assert door.reason(replace(good, **change)) is RequestReason.FORGED
    assert door.reason(good) is None


def test_what_ends_one_list_cannot_begin_the_next() -> None:
    good = signed(labels=['a', 'b', ''], parts=[])
    moved = replace(good, labels=['a'], parts=[Part('b', [])])
    assert Door().reason(moved) is RequestReason.FORGED


@given(st.data())
def test_any_byte_of_a_credential_that_was_changed_is_not_let_in(data: st.DataObject) -> None:
    door, request = Door(), signed(**WHOLE)
    credential = request.credential
    name = data.draw(st.sampled_from(sorted(Credential.get_fields_and_field_types())))
    value = getattr(credential, name)
    if isinstance(value, int):
        changed: Any = value ^ 1 << data.draw(st.integers(0, 63))
    else:
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 127 if isinstance(value, str) else 255))
        changed = raw.decode('latin-1') if isinstance(value, str) else bytes(raw)
    setattr(credential, name, changed)
    assert isinstance(door.ask(request), Denied)
    assert door.reason(signed(**WHOLE)) is None


def test_request_is_carried_out_once() -> None:
    door = Door()
    assert door.reason(signed()) is None
    assert door.reason(signed()) is RequestReason.REPLAYED
    assert door.reason(signed(sequence=2)) is None
    assert door.reason(signed(sequence=1, session=8)) is None, 'another program of hers'
    assert door.reason(signed('bob', sequence=1)) is None, 'somebody else'


def test_request_that_was_overtaken_is_carried_out_within_the_window() -> None:
    door = Door()
    for sequence in (request_door.NUMBERS + 5, 7, 6):
        assert door.reason(signed(sequence=sequence)) is None
    assert door.reason(signed(sequence=7)) is RequestReason.REPLAYED
    assert door.reason(signed(sequence=5)) is RequestReason.REPLAYED, 'nobody knows any more'


@given(st.lists(st.integers(0, 3 * request_door.NUMBERS), max_size=60))
def test_no_number_of_a_session_is_let_in_twice(numbers: list[int]) -> None:
    door, taken = Door(), []
    for number in numbers:
        door.now_ns += SECOND_NS
        if door.reason(signed(sequence=number)) is None:
            taken.append(number)
    assert len(taken) == len(set(taken))


def test_refused_one_is_not_looked_at_again() -> None:
    door, request = Door(), signed(role='observer')
    assert door.reason(request) is RequestReason.DENIED
    assert door.reason(request) is RequestReason.REPLAYED
    assert door.authority.verified == 1


def test_wrong_signature_uses_up_no_number_of_anybody() -> None:
    door = Door()
    assert door.reason(signed(key='eve')) is RequestReason.FORGED
    assert door.reason(signed()) is None


def test_both_clocks_and_their_difference_are_named() -> None:
    found = Door().ask(signed(stamp_ms=int((NOW_S - 7200 - 600) * 1000)))
    assert '130 min behind' not in found.text and '2 h behind' in found.text
    assert '2027-01-15 08:00 UTC' in found.text and 'NTP' in found.text
    ahead = Door().ask(signed(stamp_ms=int((NOW_S + 400) * 1000)))
    assert '7 min ahead' in ahead.text


def test_clock_that_is_off_by_less_is_no_matter() -> None:
    for off_s in (-299, 299):
        assert Door().reason(signed(stamp_ms=int((NOW_S + off_s) * 1000))) is None


def test_what_was_recorded_before_a_robot_started_again_is_refused() -> None:
    door = Door(started_ns=HOUR_NS - 10 * SECOND_NS)
    old = signed(stamp_ms=int((NOW_S - 60) * 1000))
    assert door.reason(old) is RequestReason.CLOCK
    assert door.reason(signed()) is None


def test_clock_that_is_set_back_shuts_nobody_out() -> None:
    door = Door()
    assert door.reason(signed()) is None
    door.wall_s -= 7200
    assert door.reason(signed(sequence=2, stamp_ms=int(door.wall_s * 1000))) is None


def test_forged_requests_cost_a_bounded_number_of_checks() -> None:
    door = Door()
    reasons = [door.reason(signed(key='eve', session=n, sequence=n)) for n in range(1000)]
    assert reasons[-1] is RequestReason.MUTED
    assert door.authority.verified == CREDIT
    door.now_ns += 10 * SECOND_NS
    assert door.reason(signed(sequence=2000)) is None, 'credit comes back'


def test_flood_of_strangers_does_not_shut_out_who_has_proven_itself() -> None:
    door = Door()
    assert door.reason(signed(session=7)) is None
    for n in range(200):
        door.reason(signed(key='eve', session=1000 + n))
    assert door.reason(signed(session=7, sequence=2)) is None


def test_who_is_refused_again_and_again_is_looked_at_less() -> None:
    door = Door()
    for n in range(300):
        door.reason(signed(key='eve', session=1, sequence=n))
    before = door.authority.verified
    assert door.reason(signed(sequence=9, session=2)) is RequestReason.MUTED
    assert door.authority.verified == before


def test_memory_is_bounded_and_what_was_forgotten_is_not_let_in_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_door, 'SESSIONS_MAX', 4)
    door = Door()
    first = signed(session=100, stamp_ms=int(NOW_S * 1000))
    assert door.reason(first) is None
    for n in range(4):
        assert door.reason(signed(session=n, stamp_ms=int(NOW_S * 1000) + 1 + n)) is None
    assert len(door.door._heard['anna'].sessions) == 4
    assert door.reason(first) is RequestReason.REPLAYED
    assert door.reason(signed(session=200, stamp_ms=int(NOW_S * 1000) + 9)) is None


def test_callers_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_door, 'CALLERS_MAX', 1)
    door, first = Door(), signed()
    assert door.reason(first) is None
    assert door.reason(signed('bob', stamp_ms=int(NOW_S * 1000) + 5)) is None
    assert list(door.door._heard) == ['bob']
    assert door.reason(first) is RequestReason.REPLAYED


def test_sessions_of_which_nothing_can_be_repeated_are_forgotten() -> None:
    door = Door()
    for n in range(50):
        assert door.reason(signed(session=n, stamp_ms=int(door.wall_s * 1000))) is None
        door.now_ns += 100 * SECOND_NS
        door.wall_s += 100
    assert len(door.door._heard['anna'].sessions) <= 8


def test_refusal_of_the_policy_says_what_is_missing_and_what_there_is() -> None:
    found = Door().ask(signed(role='observer'))
    assert 'jobs.cancel.own' in found.text and 'anna (observer) has: look' in found.text


def test_last_refusal_names_caller_and_service() -> None:
    door = Door()
    door.ask(signed(role='observer'))
    assert door.door.last == f'anna to {SERVICE}: request is not allowed'
