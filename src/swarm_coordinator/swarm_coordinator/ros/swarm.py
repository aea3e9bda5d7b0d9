# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The swarm for robot code: leases, services of robots, jobs and events from any rclpy program.

Decides nothing: any ROS client can do the same through the services.
"""

import itertools
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rclpy.context import Context
from rclpy.node import Node
from swarm_msgs import msg, srv

from swarm_coordinator.core.replicated.event_log import kind_matches
from swarm_coordinator.orders import JobOptions, JobOrder, Pipeline
from swarm_coordinator.ros.conversions import pairs_to_msg
from swarm_coordinator.ros.executor import SwarmExecutor
from swarm_coordinator.ros.held_lease import HeldLease, LeaseLost, LeaseRefused, Renewal
from swarm_coordinator.ros.job_client import JobClient
from swarm_coordinator.ros.job_handle import Job, RemoteError
from swarm_coordinator.ros.job_requests import Refused, checked
from swarm_coordinator.ros.requests import Unavailable
from swarm_coordinator.ros.robot_calls import CALL_S

__all__ = [
    'HeldLease',
    'Job',
    'JobOptions',
    'JobOrder',
    'LeaseLost',
    'LeaseRefused',
    'Pipeline',
    'Refused',
    'RemoteError',
    'Swarm',
    'SwarmExecutor',
    'Unavailable',
]

REPLAY_EVERY_S = 5.0
REPLAY_LIMIT = 1000


class Swarm(JobClient):
    """Use as a context manager, or call close(). See RobotCalls for its arguments."""

    def __init__(
        self, node_or_robot: Node | str, context: Context | None = None, **whose: str
    ) -> None:
        super().__init__(node_or_robot, context, **whose)
        self._keys = itertools.count(1)
        self._run = uuid.uuid4().hex

    def _key(self) -> str:
        return f'{self._run}-{next(self._keys)}'

    # ---- leases

    @contextmanager
    def lease(
        self,
        resource: str,
        ttl_s: float = 10.0,
        wait_s: float = 0.0,
        holder: str = '',
        on_lost: Callable[[str], None] | None = None,
    ) -> Iterator[HeldLease]:
        """Hold `resource` for the length of a with block; renewed in the background.

        ttl_s   how long the swarm waits for a holder that fell silent; the holder itself must
                stop after two thirds of it without a renewal: see HeldLease.is_valid
        wait_s  how long to queue for it
        Raises LeaseRefused (it is held, or cannot be), Unavailable, and LeaseLost at the end of
        the block if it was lost on the way.
        """
        held = self.acquire(resource, ttl_s, wait_s, holder)
        held.on_lost = on_lost or held.on_lost
        stop = threading.Event()
        renewer = threading.Thread(
            target=self._keep, args=(held, stop), name=f'lease-{resource}', daemon=True
        )
        renewer.start()
        try:
            yield held
            held.check()
        finally:
            stop.set()
            renewer.join()
            self.release(held)

    def acquire(
        self, resource: str, ttl_s: float = 10.0, wait_s: float = 0.0, holder: str = ''
    ) -> HeldLease:
        """A lease that the caller renews and releases. Raises LeaseRefused or Unavailable."""
        holder = holder or f'{self.robot}/{os.getpid()}'
        request = srv.AcquireLease.Request(
            resource=resource,
            holder=holder,
            ttl_ms=round(ttl_s * 1000),
            wait_ms=round(wait_s * 1000),
            idempotency_key=self._key(),
        )
        sent_ns = time.monotonic_ns()
        answer = self.ask(srv.AcquireLease, 'acquire_lease', request, wait_s + CALL_S)
        kinds = srv.AcquireLease.Response
        if answer.code == kinds.REFUSED:
            raise LeaseRefused(answer.reason)
        if answer.code != kinds.GRANTED:
            raise Unavailable(answer.reason)
        lease = answer.lease
        held = HeldLease(
            resource, holder, lease.token, lease.ttl_ms, sent_ns, time.monotonic_ns
        )
        if time.monotonic_ns() - sent_ns > held.renew_every_ms * 1_000_000:
            # It was waited for: when it was granted is not known here, when it is renewed is.
            self.renew(held)
            held.check()
        return held

    def renew(self, held: HeldLease) -> None:
        """Raises LeaseLost if it is no longer ours; no answer in time changes nothing yet."""
        request = srv.RenewLease.Request(
            resource=held.resource,
            token=held.token,
            ttl_ms=held.ttl_ms,
            expiry_ms=held.renew_every_ms,
        )
        sent_ns = time.monotonic_ns()
        try:
            answer = self.ask(
                srv.RenewLease, 'renew_lease', request, held.renew_every_ms / 1000
            )
        except Unavailable:
            held.renewed(Renewal(sent_ns, confirmed=False))
            return
        kinds = srv.RenewLease.Response
        refused = answer.reason if answer.code == kinds.REFUSED else ''
        held.renewed(Renewal(sent_ns, answer.code == kinds.RENEWED, refused))
        if refused:
            raise LeaseLost(held.resource, held.token, refused)

    def _keep(self, held: HeldLease, stop: threading.Event) -> None:
        while not stop.wait(held.renew_every_ms / 1000):
            try:
                self.renew(held)
            except LeaseLost:
                return
            if not held.is_valid:
                return

    def release(self, held: HeldLease) -> None:
        """Best effort: what cannot be released runs out."""
        held.ended('it was released')
        request = srv.ReleaseLease.Request(
            resource=held.resource, token=held.token, expiry_ms=held.ttl_ms
        )
        try:
            self.ask(srv.ReleaseLease, 'release_lease', request, max(2.0, held.ttl_ms / 1000))
        except Unavailable as error:
            self._node.get_logger().warning(f'{held.resource} was not released: {error}')

    # ---- services of robots

    def register_service(
        self,
        name: str,
        interface_type: str = '',
        address: str = '',
        metadata: Mapping[str, str] | None = None,
        ttl_s: float = 0.0,
    ) -> None:
        """Offer a service of this robot to the swarm; ttl_s 0 = as long as the robot lives.

        Raises Refused or Unavailable.
        """
        request = srv.RegisterService.Request(
            service=msg.ServiceEntry(
                name=name,
                interface_type=interface_type,
                address=address,
                robot_id=self.robot,
                metadata=pairs_to_msg((metadata or {}).items()),
            ),
            ttl_ms=round(ttl_s * 1000),
            idempotency_key=self._key(),
        )
        answer = self.ask(srv.RegisterService, 'register_service', request)
        checked(answer, srv.RegisterService.Response.ACCEPTED)

    def unregister_service(self, name: str) -> None:
        """Raises Refused if it is not registered, or Unavailable."""
        request = srv.UnregisterService.Request(name=name, robot_id=self.robot)
        answer = self.ask(srv.UnregisterService, 'unregister_service', request)
        checked(answer, srv.UnregisterService.Response.ACCEPTED)

    def find_services(
        self,
        name: str = '',
        capabilities: Sequence[str] = (),
        where: str = '',
        robot: str = '',
        linearizable: bool = False,
    ) -> list[msg.ServiceEntry]:
        """Services by name, by what their robot can do, and by conditions on their metadata,
        e.g. where='floor >= 2, kind = lidar'. Raises Refused or Unavailable."""
        request = srv.FindService.Request(
            name=name,
            robot_id=robot,
            capabilities=list(capabilities),
            where=where,
            linearizable=linearizable,
        )
        answer = self.ask(srv.FindService, 'find_service', request)
        return list(checked(answer, srv.FindService.Response.ACCEPTED).services)

    # ---- events

    def publish_event(
        self,
        kind: str,
        text: str,
        subject: str = '',
        severity: int = msg.SwarmEvent.SEVERITY_INFO,
        attributes: Mapping[str, str] | None = None,
        durable: bool = False,
    ) -> int:
        """The log index of a durable event, 0 of another. Raises Refused or Unavailable."""
        request = srv.PublishEvent.Request(
            kind=kind,
            severity=severity,
            subject=subject,
            text=text,
            attributes=pairs_to_msg((attributes or {}).items()),
            durable=durable,
            idempotency_key=self._key(),
        )
        answer = self.ask(srv.PublishEvent, 'publish_event', request)
        return int(checked(answer, srv.PublishEvent.Response.ACCEPTED).log_index)

    def replay(
        self, from_index: int = 0, kinds: Sequence[str] = (), subjects: Sequence[str] = ()
    ) -> tuple[list[msg.SwarmEvent], int]:
        """Durable events from a log index on, oldest first, and the index to go on from."""
        events: list[msg.SwarmEvent] = []
        while True:
            request = srv.ReplayEvents.Request(
                from_index=from_index,
                kinds=list(kinds),
                subjects=list(subjects),
                limit=REPLAY_LIMIT,
            )
            answer = self.ask(srv.ReplayEvents, 'replay_events', request)
            events += answer.events
            from_index = answer.next_index
            if len(answer.events) < REPLAY_LIMIT:
                return events, from_index

    @contextmanager
    def watch(
        self,
        callback: Callable[[msg.SwarmEvent], None],
        kinds: Sequence[str] = (),
        subjects: Sequence[str] = (),
        from_index: int | None = None,
    ) -> Iterator[None]:
        """Have `callback` called for each event, on a thread of this client.

        kinds       any of them; 'job_*' is every kind that begins so; empty = all
        from_index  None: what happens from now on, each at most once; an index: durable events
                    from there on, each exactly once and in order, and none of the others
        """
        if from_index is None:
            subscription = self._listen(
                '/swarm/events', lambda event: _matching(event, kinds, subjects, callback)
            )
            try:
                yield
            finally:
                self._node.destroy_subscription(subscription)
            return
        news, stop = threading.Event(), threading.Event()
        subscription = self._listen('/swarm/events', lambda event: news.set())
        follower = threading.Thread(
            target=self._follow,
            args=(callback, kinds, subjects, from_index, news, stop),
            daemon=True,
        )
        follower.start()
        try:
            yield
        finally:
            stop.set()
            news.set()
            follower.join()
            self._node.destroy_subscription(subscription)

    def _follow(
        self,
        callback: Callable[[msg.SwarmEvent], None],
        kinds: Sequence[str],
        subjects: Sequence[str],
        from_index: int,
        news: threading.Event,
        stop: threading.Event,
    ) -> None:
        """The topic only says that there is news; the log says what, so none is missed."""
        while not stop.is_set():
            news.clear()
            try:
                events, from_index = self.replay(from_index, kinds, subjects)
            except Unavailable:
                continue
            for event in events:
                callback(event)
            news.wait(REPLAY_EVERY_S)


def _matching(
    event: msg.SwarmEvent,
    kinds: Sequence[str],
    subjects: Sequence[str],
    callback: Callable[[msg.SwarmEvent], None],
) -> None:
    if kind_matches(event.kind, kinds) and (not subjects or event.subject in subjects):
        callback(event)
