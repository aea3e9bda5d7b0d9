# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The swarm for robot code: leases, services of robots, jobs and events from any rclpy program.

Talks to one robot's services on a node and a thread of its own, so that a call may be made from
anywhere, a callback of the program's own executor included. Decides nothing: any ROS client can do
the same through the services.
"""

import itertools
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from swarm_msgs import msg, srv

from swarm_coordinator.core.ids import checked_name
from swarm_coordinator.core.replicated.event_log import kind_matches
from swarm_coordinator.ros.conversions import is_settled, pairs_to_msg
from swarm_coordinator.ros.held_lease import HeldLease, LeaseLost, LeaseRefused, Renewal
from swarm_coordinator.ros.requests import ASK_AGAIN_S, Unavailable, expire_with
from swarm_coordinator.ros.topics import TOPICS

__all__ = ['HeldLease', 'LeaseLost', 'LeaseRefused', 'Refused', 'Swarm', 'Unavailable']

CALL_S = 15.0
SPIN_S = 0.2
REPLAY_EVERY_S = 5.0
REPLAY_LIMIT = 1000


class Refused(Exception):
    """The swarm answered no; the text says what it expected."""


class Swarm:
    """Use as a context manager, or call close().

    node_or_robot  a node in a robot's namespace (/<robot_id>), or the robot_id
    """

    def __init__(self, node_or_robot: Node | str, context: Context | None = None) -> None:
        if isinstance(node_or_robot, str):
            self.robot = checked_name(node_or_robot, 'robot')
        else:
            namespace = node_or_robot.get_namespace().strip('/')
            self.robot = checked_name(namespace, 'namespace of the node')
            context = context or node_or_robot.context
        self._node = Node(
            f'swarm_client_{os.getpid()}_{uuid.uuid4().hex[:8]}',
            context=context or rclpy.get_default_context(),
            namespace=f'/{self.robot}',
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._node.context)
        self._executor.add_node(self._node)
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._keys = itertools.count(1)
        self._run = uuid.uuid4().hex
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._spin, name='swarm-client', daemon=True)
        self._thread.start()

    def __enter__(self) -> 'Swarm':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leases that are still held run out by themselves. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._executor.wake()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def _spin(self) -> None:
        try:
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=SPIN_S)
        except (ExternalShutdownException, ShutdownException):
            pass

    # ---- calls

    def call(self, kind: Any, service: str, request: Any, timeout_s: float = CALL_S) -> Any:
        """The answer of one of the robot's services; asked again where none comes.

        Give the request an idempotency key, if it has one. Raises Unavailable.
        """
        answered = threading.Event()
        futures = []
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0 and not self._closing.is_set():
            client = self._client(kind, service)
            if not client.wait_for_service(timeout_sec=min(left_s, ASK_AGAIN_S)):
                continue
            expire_with(request, end_s)
            future = client.call_async(request)
            futures.append(future)
            future.add_done_callback(lambda _: answered.set())
            if answered.wait(min(max(end_s - time.monotonic(), 0.0), ASK_AGAIN_S)):
                return next(one.result() for one in futures if one.done())
        raise Unavailable(
            f'/{self.robot}/{service} did not answer within {timeout_s:.0f} s: does '
            f'{self.robot} run, in this ROS domain?'
        )

    def _client(self, kind: Any, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._node.create_client(kind, service)
            return self._clients[service]

    def _key(self) -> str:
        return f'{self._run}-{next(self._keys)}'

    def _checked(self, answer: Any, good: int) -> Any:
        if answer.code == good:
            return answer
        raise (Refused if answer.code == type(answer).REFUSED else Unavailable)(answer.reason)

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
        answer = self.call(srv.AcquireLease, 'acquire_lease', request, wait_s + CALL_S)
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
            answer = self.call(
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
            self.call(srv.ReleaseLease, 'release_lease', request, max(2.0, held.ttl_ms / 1000))
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
        answer = self.call(srv.RegisterService, 'register_service', request)
        self._checked(answer, srv.RegisterService.Response.ACCEPTED)

    def unregister_service(self, name: str) -> None:
        """Raises Refused if it is not registered, or Unavailable."""
        request = srv.UnregisterService.Request(name=name, robot_id=self.robot)
        answer = self.call(srv.UnregisterService, 'unregister_service', request)
        self._checked(answer, srv.UnregisterService.Response.ACCEPTED)

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
        answer = self.call(srv.FindService, 'find_service', request)
        return list(self._checked(answer, srv.FindService.Response.ACCEPTED).services)

    # ---- jobs

    def submit(
        self, spec: msg.JobSpec, input_paths: Sequence[str] = (), output_dir: str = ''
    ) -> str:
        """The job_id. Paths are absolute, on this robot. Raises Refused or Unavailable."""
        request = srv.SubmitJob.Request(
            spec=spec,
            input_paths=list(input_paths),
            output_dir=output_dir,
            idempotency_key=self._key(),
        )
        answer = self.call(srv.SubmitJob, 'submit_job', request)
        return str(self._checked(answer, srv.SubmitJob.Response.ACCEPTED).job_id)

    def wait(self, job_id: str, timeout_s: float) -> msg.JobStatus:
        """The job as it ended. Raises Unavailable if it has not ended in time, KeyError if it is
        not known."""
        ended = threading.Event()
        subscription = self._listen(
            '/swarm/jobs',
            lambda updates: _note(updates, job_id, ended),
        )
        end_s = time.monotonic() + timeout_s
        try:
            while True:
                job = self._job(job_id)
                if is_settled(job):
                    return job
                if time.monotonic() >= end_s:
                    raise Unavailable(f'{job_id} has not ended within {timeout_s:.0f} s')
                ended.wait(min(ASK_AGAIN_S, max(0.0, end_s - time.monotonic())))
                ended.clear()
        finally:
            self._node.destroy_subscription(subscription)

    def _job(self, job_id: str) -> msg.JobStatus:
        answer = self.call(
            srv.ListJobs, 'list_jobs', srv.ListJobs.Request(job_ids=[job_id], limit=1)
        )
        if not answer.jobs:
            raise KeyError(f'job {job_id!r} is not known to {self.robot}')
        return answer.jobs[0]

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
        answer = self.call(srv.PublishEvent, 'publish_event', request)
        return int(self._checked(answer, srv.PublishEvent.Response.ACCEPTED).log_index)

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
            answer = self.call(srv.ReplayEvents, 'replay_events', request)
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

    def _listen(self, topic: str, callback: Callable[[Any], Any]) -> Any:
        entry = TOPICS[topic]
        qos = QoSProfile(
            depth=100, reliability=entry.qos.reliability, durability=entry.qos.durability
        )
        return self._node.create_subscription(entry.kind, topic, callback, qos)


def _note(updates: msg.JobUpdates, job_id: str, changed: threading.Event) -> None:
    if any(one.job_id == job_id for one in updates.jobs):
        changed.set()


def _matching(
    event: msg.SwarmEvent,
    kinds: Sequence[str],
    subjects: Sequence[str],
    callback: Callable[[msg.SwarmEvent], None],
) -> None:
    if kind_matches(event.kind, kinds) and (not subjects or event.subject in subjects):
        callback(event)
