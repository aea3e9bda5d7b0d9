# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Calls one ROS service or action and waits for its end.

Owns how a call ends: by its response, by cancelling the goal where the job is asked to end, or
with a sentence that says whether the server may have acted.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from unique_identifier_msgs.msg import UUID

from swarm_coordinator.core.jobs.kinds.call_kind import CallWork, read_request
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.ros.jobs.call_progress import CallProgress
from swarm_coordinator.ros.jobs.interfaces import UnknownInterface, interface_class
from swarm_coordinator.ros.jobs.json_messages import fill, plain
from swarm_coordinator.ros.jobs.session import Session
from swarm_coordinator.runner.jobs.assignment import (
    RESULT_BYTES_MAX,
    Assignment,
    Ended,
    JobFailed,
    Report,
    Stop,
    text_of,
    whole_file,
)

APPEAR_S = 10.0  # for the server: discovery took up to 6 s with 20 processes on two cores
GONE_S = 3.0  # without a server before the call is given up: it may be restarting; no data
CANCEL_S = 1.5  # for a cancelled goal to end: a job has 2 s before it is killed
ACCEPT_S = 10.0  # for the server to take or refuse a goal, which is its first answer
SILENT_S = 10.0  # without feedback before the server is asked whether it still knows the goal
NOTE_CHARS_MAX = 300
RESPONSE_BYTES_MAX = 64 << 20  # of a response as JSON, in an output

_STATUS = {
    GoalStatus.STATUS_ABORTED: 'the server aborted the goal',
    GoalStatus.STATUS_CANCELED: 'the goal was cancelled by somebody else',
}


def call(assignment: Assignment, report: Report, stop: Stop) -> str:
    """The response as JSON. Raises as serve() expects."""
    work = CallWork(
        text_of(assignment.work, 'name'),
        text_of(assignment.work, 'interface_type'),
        text_of(assignment.work, 'request'),
    )
    work.check(
        tuple(FileRef(name, 0, '0' * 64) for name in assignment.inputs), assignment.outputs
    )
    try:
        interface = interface_class(work.interface_type)
    except UnknownInterface as error:
        raise JobFailed(str(error)) from None
    is_action = '/action/' in work.interface_type
    request = interface.Goal() if is_action else interface.Request()
    try:
        fill(request, read_request(work.request))
    except ValueError as error:
        raise ValueError(f'request of {work.interface_type}: {error}') from None
    session = stop.afterwards.enter_context(Session('call_job', assignment.namespace, stop))
    name = session.resolve(work.name)
    if is_action:
        goal = _Goal(session, interface, name, report, stop, _goal_id(assignment))
        return _answer(plain(goal.run(request)), assignment)
    return _answer(plain(_serviced(session, interface, name, request, report)), assignment)


def _answer(fields: dict[str, Any], assignment: Assignment) -> str:
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
    size_bytes = len(text.encode('utf-8', 'replace'))
    if assignment.outputs:
        if size_bytes > RESPONSE_BYTES_MAX:
            raise JobFailed(f'the response has {size_bytes} bytes: at most {RESPONSE_BYTES_MAX}')
        with whole_file(assignment.outputs[0]) as path, open(path, 'wb') as file:
            file.write(text.encode('utf-8', 'replace') + b'\n')
    return text if size_bytes <= RESULT_BYTES_MAX else _shortened(fields, size_bytes)


def _shortened(fields: dict[str, Any], size_bytes: int) -> str:
    """The fields that fit: the call has been made, so a long response is no failure."""
    kept: dict[str, Any] = {}
    text = ''
    for name, value in fields.items():
        more = json.dumps({'response_bytes': size_bytes, 'kept': {**kept, name: value}})
        if len(more) <= RESULT_BYTES_MAX:
            kept[name] = value
            text = more
    return text or json.dumps({'response_bytes': size_bytes, 'kept': {}})


def _nobody(session: Session, name: str, kind: str, there: list[tuple[str, list[str]]]) -> str:
    same = sorted(one for one, _ in there if one != name)[:20]
    return (
        f'nobody offers the {kind} {name} within {APPEAR_S:g} s; '
        f'of this type there are: {", ".join(same) or "none"}'
    )


# ---- services


def _serviced(
    session: Session, interface: Any, name: str, request: Any, report: Report
) -> Any:
    client = session.node.create_client(interface, name)
    report.note(f'waiting for the service {name}')
    if not session.wait(APPEAR_S, client.service_is_ready):
        kind = f'{interface.__module__.partition(".")[0]}/srv/{interface.__name__}'
        there = [
            one for one in session.node.get_service_names_and_types() if kind in one[1]
        ]
        raise JobFailed(_nobody(session, name, 'service', there))
    report.note(f'called {name}', always=True)
    future = client.call_async(request)
    try:
        gone = _waited(session, future, client.service_is_ready)
    except Ended:
        raise Ended(
            f'ended as asked; a service call cannot be taken back, so {name} may still act'
        ) from None
    if gone:
        raise JobFailed(f'the server of {name} went away before it answered; it may have acted')
    return _result_of(future, name)


def _waited(session: Session, future: Any, is_ready: Any) -> bool:
    """Until the future is done; True where the server went away before. Raises Ended."""
    seen_s = time.monotonic()
    while True:
        if session.wait(0.5, future.done):
            return False
        now_s = time.monotonic()
        if is_ready():
            seen_s = now_s
        elif now_s - seen_s > GONE_S:
            return True


def _result_of(future: Any, name: str) -> Any:
    try:
        return future.result()
    except Exception as error:  # what the middleware says when it cannot
        raise JobFailed(f'the call of {name} failed: {error}') from None


# ---- actions


def _goal_id(assignment: Assignment) -> UUID:
    """The same for one attempt of a job and another for each: who watches the action can tell."""
    if not assignment.job_id:
        return UUID(uuid=list(uuid.uuid4().bytes))
    seed = f'{assignment.job_id}/{assignment.token}'.encode()
    return UUID(uuid=list(hashlib.sha256(seed).digest()[:16]))


class _Goal:
    """One goal, from its request to its end."""

    def __init__(
        self,
        session: Session,
        interface: Any,
        name: str,
        report: Report,
        stop: Stop,
        goal_id: UUID,
    ) -> None:
        self._session, self._name, self._report, self._stop = session, name, report, stop
        self._interface = interface
        self._goal_id = goal_id
        self._client = ActionClient(session.node, interface, name)
        self._progress = CallProgress()
        self._heard_s = 0.0

    def run(self, request: Any) -> Any:
        """The result of a goal that succeeded. Raises JobFailed or Ended."""
        self._report.note(f'waiting for the action {self._name}')
        if not self._session.wait(APPEAR_S, self._client.server_is_ready):
            raise JobFailed(_nobody(self._session, self._name, 'action', self._same_type()))
        sent = self._client.send_goal_async(
            request, feedback_callback=self._fed_back, goal_uuid=self._goal_id
        )
        handle = self._accepted(sent)
        self._report.note(f'{self._name} accepted the goal', always=True)
        try:
            return self._finished(handle)
        except Ended:
            raise Ended(self._cancelled(handle)) from None
        finally:
            self._client.destroy()

    def _same_type(self) -> list[tuple[str, list[str]]]:
        from rclpy.action import get_action_names_and_types

        kind = f'{self._interface.__module__.partition(".")[0]}/action/{self._interface.__name__}'
        return [
            one for one in get_action_names_and_types(self._session.node) if kind in one[1]
        ]

    def _accepted(self, sent: Any) -> Any:
        try:
            answered = self._session.wait(ACCEPT_S, sent.done)
        except Ended:
            # It may be accepted any moment, and then nobody would be there to cancel it.
            if not self._settled(sent) or not _result_of(sent, self._name).accepted:
                raise Ended('ended as asked before the goal was accepted') from None
            raise Ended(self._cancelled(sent.result())) from None
        if not answered:
            raise JobFailed(
                f'{self._name} did not answer the goal within {ACCEPT_S:g} s; it may still take it'
            )
        handle = _result_of(sent, self._name)
        if not handle.accepted:
            raise JobFailed(f'{self._name} refused the goal')
        return handle

    def _fed_back(self, message: Any) -> None:
        self._heard_s = time.monotonic()
        fields = plain(message.feedback)
        text = _brief(fields)
        fraction = self._progress.fraction(fields)
        if fraction is None:
            self._report.note(text)
        else:
            self._report.progress(fraction, text)

    def _finished(self, handle: Any) -> Any:
        """Raises Ended, or JobFailed where the server is gone or knows the goal no more."""
        result = handle.get_result_async()
        self._heard_s = time.monotonic()
        while _waited_silent(self._session, result, self._is_there, lambda: self._heard_s):
            self._heard_s = time.monotonic()
            result = self._asked_again(handle, result)
        return self._judged(_result_of(result, self._name))

    def _asked_again(self, handle: Any, result: Any) -> Any:
        """`result`, or the answer of a server that was restarted: it does not know the goal, and
        would never end it."""
        asked = handle.get_result_async()
        self._session.wait(GONE_S, lambda: asked.done() or result.done())
        return asked if asked.done() and not result.done() else result

    def _is_there(self) -> bool:
        return bool(self._client.server_is_ready())

    def _judged(self, answer: Any) -> Any:
        if answer.status == GoalStatus.STATUS_SUCCEEDED:
            return answer.result
        if answer.status in _STATUS:
            said = _brief(plain(answer.result)) or 'nothing'
            raise JobFailed(f'{self._name}: {_STATUS[answer.status]}; its result says: {said}')
        raise JobFailed(
            f'{self._name} does not know the goal any more: it was restarted, and may have acted'
        )

    def _cancelled(self, handle: Any) -> str:
        """Cancel the goal; returns how that went."""
        cancel = handle.cancel_goal_async()
        result = handle.get_result_async()
        ended = self._settled(result)
        if ended and result.result().status == GoalStatus.STATUS_SUCCEEDED:
            return 'ended as asked; the goal had succeeded before it could be cancelled'
        if ended:
            return 'ended as asked; the goal is cancelled'
        if cancel.done() and cancel.result() is not None and cancel.result().goals_canceling:
            return 'ended as asked; the goal is being cancelled'
        return f'ended as asked; {self._name} did not agree to cancel the goal in time'

    def _settled(self, future: Any) -> bool:
        """Wait although the job was asked to end."""
        end_s = time.monotonic() + CANCEL_S
        while not future.done() and time.monotonic() < end_s:
            self._session.spin()
        return bool(future.done())


def _waited_silent(session: Session, result: Any, is_there: Any, heard_s: Any) -> bool:
    """False when `result` is done, True when the server was silent for SILENT_S.

    Raises JobFailed where it is gone, and Ended.
    """
    seen_s = time.monotonic()
    while not session.wait(0.5, result.done):
        now_s = time.monotonic()
        if is_there():
            seen_s = now_s
        elif now_s - seen_s > GONE_S:
            raise JobFailed('the server of the action went away; what became of the goal is '
                            'unknown')
        if now_s - heard_s() > SILENT_S:
            return True
    return False


def _brief(fields: dict[str, Any]) -> str:
    """What feedback says, for people: its numbers and texts that are not zero or empty."""
    text = ', '.join(_said(fields, ''))
    return text if len(text) <= NOTE_CHARS_MAX else f'{text[:NOTE_CHARS_MAX]}...'


def _said(fields: dict[str, Any], path: str) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _said(value, f'{path}{name}.')
        elif value and not isinstance(value, list):
            shown = f'{value:.4g}' if isinstance(value, float) else value
            yield f'{path}{name} {shown}'
