# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Puts a coordinator together on a robot: disk, core, threads, topics, services.

Owns construction, timers and shutdown; decides nothing.
"""

import logging
import os
import random
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from swarm_msgs import msg

from swarm_coordinator import __version__
from swarm_coordinator.config import CoordinatorConfig
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.emergency import Release, Stop
from swarm_coordinator.core.events import (
    AdviceHeard,
    Answer,
    CapabilitiesChanged,
    Changed,
    FactsMeasured,
    Halt,
    LeaveAsked,
    ModeFollowed,
    Progressed,
    RoleChanged,
)
from swarm_coordinator.core.ids import RobotId, start_number
from swarm_coordinator.core.raft import RaftCore
from swarm_coordinator.core.registration import RobotIdentity
from swarm_coordinator.core.replicated.command import CapabilitySpec, MemberChange
from swarm_coordinator.ros import conversions, job_conversions
from swarm_coordinator.ros.abilities import Abilities, device_nodes
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.coordination_services import CoordinationServices
from swarm_coordinator.ros.deferred import Alarms, steady_timer
from swarm_coordinator.ros.diagnostics import Diagnostics
from swarm_coordinator.ros.engine import Engine, Handover
from swarm_coordinator.ros.file_services import FileServices
from swarm_coordinator.ros.file_staging import beacon_lateness, make_stager
from swarm_coordinator.ros.guarded_node import GuardedNode, guard_of, level_of
from swarm_coordinator.ros.job_log_service import JobLogService
from swarm_coordinator.ros.job_services import JobServices
from swarm_coordinator.ros.model_services import ModelServices
from swarm_coordinator.ros.services import Services
from swarm_coordinator.ros.topics import latched
from swarm_coordinator.ros.transport import StorageIdentity, Transport
from swarm_coordinator.ros.views import Views
from swarm_coordinator.runner.cage import CagePolicy
from swarm_coordinator.runner.job_logs import JobLogs
from swarm_coordinator.runner.job_runner import JobRunner, RunnerSetup, find_programs
from swarm_coordinator.runner.limits import RunLimits
from swarm_coordinator.storage.blob_store import BlobStore
from swarm_coordinator.storage.emergency_latch import load_emergency
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import LogStore, measure_fsync
from swarm_coordinator.storage.newer import check_readable
from swarm_coordinator.storage.set_aside import open_or_set_aside

MIB = 1024 * 1024
FSYNC_SAMPLES = 20
SENSORS_MAX = 256  # in LocalState
LEAVE_S = 2.0  # above what the coordinator itself waits for its goodbye


class RosLogHandler(logging.Handler):
    """Lines of the edges (staging, runner) go where the node's lines go."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


class CoordinatorNode:
    """Everything of one robot's coordinator. Raises ValueError or StorageFault at the start."""

    def __init__(self, node: Node, config: CoordinatorConfig) -> None:
        self._node = node
        self._config = config
        self.halted: Halt | None = None
        self._stop_process: Callable[[], None] = lambda: None
        self._started_ns = time.monotonic_ns()
        self._folder = Path(config.storage_path)
        self._log = logging.getLogger(f'swarm.{config.robot_id}')
        self._log.setLevel(logging.INFO)
        self._log.propagate = False
        self._log.handlers = [RosLogHandler(node)]
        self._lock = FolderLock.acquire(self._folder)
        try:
            self._log_store = self._open_store()
            self._build()
        except BaseException:
            self._lock.close()
            raise

    def _open_store(self) -> LogStore:
        """A damaged log is set aside where others can bring this robot up again."""
        opened = open_or_set_aside(
            self._folder / 'log.sqlite', may_resync=len(self._config.voter_ids) > 1
        )
        if opened.fault is not None:
            self._log.error(
                '%s; it is set aside in %s, and this robot begins anew without a vote until the '
                'swarm has brought it up to date',
                opened.fault,
                opened.set_aside,
            )
        check_readable(opened.store.path, opened.store.load())
        return opened.store

    def _build(self) -> None:
        config, node = self._config, self._node
        robot_id = RobotId(config.robot_id)
        self._check_identity()
        fsync_p50_us, fsync_p99_us = measure_fsync(self._folder, FSYNC_SAMPLES)
        self._tell_fsync(fsync_p99_us)
        programs, missing = find_programs(config.exec_allow)
        if missing:
            self._log.warning('not installed, so not offered: %s', ', '.join(missing))
        self._storage = StorageIdentity(
            self._log_store.storage_id,
            self._log_store.next_incarnation(),
            self._log_store.lineage,
        )
        self._coordinator = self._make_core(robot_id, self._storage.incarnation)
        # rclpy holds a mutually exclusive group for as long as a coroutine in it waits: services
        # that wait for the log would block every other callback, and their own answer.
        waiting = ReentrantCallbackGroup()
        self._handover = Handover(lambda: node.executor, self._log)
        self._clients = Clients(self._handover)
        self._transport = Transport(
            node, config.swarm_id, robot_id, self._storage, lambda event: self._engine.post(event)
        )
        self._views = Views(
            self._transport, self._coordinator, config.swarm_id, self._started_ns
        )
        self._diagnostics = Diagnostics(
            node, config, self._views.facts, lambda: self._runner.cage
        )
        self._abilities = Abilities(
            robot_id, lambda told: self._clients.post(CapabilitiesChanged(told)), self._log
        )
        store = BlobStore(self._folder, config.storage_quota_mb * MIB)
        encrypted = level_of(node) == 'sign_encrypt'
        self._stager = make_stager(store, self._transport, config, self._log, encrypted)
        logs = JobLogs(self._folder / 'logs', config.job_log_mb_max * MIB, self._log)
        self._runner = JobRunner(
            self._folder / 'jobs',
            store,
            programs,
            RunLimits(
                config.job_timeout_ms_max,
                config.job_file_mb_max * MIB,
                config.job_nice,
                config.job_memory_mb_max * MIB,
                config.job_cpu_milli_max,
                config.job_processes_max,
            ),
            lambda end: self._engine.process_ended(end),
            self._log,
            logs,
            lambda one: self._engine.post(
                Progressed(one.job_id, one.token, one.permille, one.text)
            ),
            RunnerSetup(
                config.python_allow, config.job_slots, node.get_namespace(), cage=self._cage()
            ),
            self._abilities.functions,
        )
        self._runner.clear()
        self._services = Services(
            node, config, self._clients, self._views, fsync_p99_us,
            lambda: self._storage.lineage, waiting,
        )
        alarms = Alarms(node)
        self._jobs = JobServices(
            node, config, self._clients, self._views, self._stager, self._handover, alarms, waiting
        )
        self._files = FileServices(node, self._clients, self._stager, waiting)
        JobLogService(node, robot_id, self._clients, logs, alarms, waiting)
        ModelServices(node, self._clients, waiting)
        self._coordination = CoordinationServices(
            node, config, self._clients, self._views, self._handover, waiting
        )
        self._engine = self._make_engine()
        self._clients.engine = self._engine
        offered = tuple(
            CapabilitySpec(f'exec:{name}', source='config') for name in sorted(programs)
        ) + (CapabilitySpec(f'cage:{self._runner.cage.wall.value}', source='job_cage'),)
        self._abilities.configured(offered, config.call_allow)
        if config.job_slots:
            self._abilities.find_encoders()
        self._connect()
        self._card()
        if isinstance(node, GuardedNode):
            node.says_once(self._card)
        self._stager.start()
        self._engine.start()
        self._runner.warm()
        self._log.info(
            '%s of swarm %s: start %d, entry %d, voters %s, profile %s, fsync %.1f ms (p99 %.1f)',
            robot_id,
            config.swarm_id,
            start_number(self._storage.incarnation),
            self._coordinator.raft.last_index,
            ' '.join(config.voter_ids),
            config.timing_profile,
            fsync_p50_us / 1000,
            fsync_p99_us / 1000,
        )

    def _cage(self) -> CagePolicy:
        config = self._config
        return CagePolicy(
            config.job_cage, config.job_user, config.job_network, config.job_devices,
            config.job_folders, (str(self._folder.absolute()),),
        )

    def _check_identity(self) -> None:
        """A storage folder belongs to one robot of one swarm. Who votes stands in the log."""
        for key, value in (
            ('swarm_id', self._config.swarm_id),
            ('robot_id', self._config.robot_id),
        ):
            known = self._log_store.meta_get(key)
            if known is None:
                self._log_store.meta_set(key, value)
            elif known != value:
                raise ValueError(
                    f'{self._folder} was made with {key}={known!r}, now {key}={value!r} is given: '
                    'expected the same, or an empty storage_dir'
                )

    def _tell_fsync(self, p99_us: int) -> None:
        budget_us = self._config.profile.heartbeat_ms * 1000
        if p99_us > budget_us:
            self._log.warning(
                'the disk takes %.0f ms for a durable write (p99), a heartbeat only %d ms: '
                'choose a slower timing_profile or a faster disk',
                p99_us / 1000,
                self._config.profile.heartbeat_ms,
            )

    def _make_core(self, robot_id: RobotId, incarnation: int) -> Coordinator:
        config, profile = self._config, self._config.profile
        stored = self._log_store.load()
        raft = RaftCore(
            robot_id,
            config.voter_ids,
            profile.timing,
            random.Random(secrets.randbits(64)),
            stored.hard_state,
            stored.entries,
            stored.snapshot,
            self._storage.storage_id,
        )
        self._tell_voters(raft)
        # Listen before voting: another robot may be using this name.
        listen_ticks = -(-config.listen_ms // profile.tick_ms)
        raft.hold_elections(listen_ticks)
        raft.suspend_votes = listen_ticks > 0
        identity = RobotIdentity(
            robot_id=robot_id,
            incarnation=incarnation,
            session_id=secrets.token_bytes(16),
            voter=robot_id in config.voter_ids,
            host=socket.gethostname()[:64],
            software_version=__version__,
            job_slots=config.job_slots,
            timing_profile=config.timing_profile,
        )
        return Coordinator(
            identity,
            raft,
            heartbeat_ns=profile.heartbeat_ms * 1_000_000,
            job_ttl_ms=config.job_lease_ttl_ms,
            hold_ticks=profile.timing.election_timeout_ticks_min,
            started_ns=self._started_ns,
            rng=random.Random(secrets.randbits(64)),
            emergency=load_emergency(self._log_store, robot_id),
        )

    def _tell_voters(self, raft: RaftCore) -> None:
        founded = raft.last_index > 0
        if founded and raft.voters != tuple(sorted(self._config.voter_ids)):
            self._log.warning(
                'voters:=%s only founds a swarm; this one has the voters %s, and swarmctl members '
                'changes them',
                ','.join(self._config.voter_ids),
                ','.join(raft.voters),
            )

    def _make_engine(self) -> Engine:
        profile = self._config.profile
        return Engine(
            self._coordinator,
            self._log_store,
            self._transport,
            self._stager,
            self._runner,
            profile.tick_ms,
            profile.timing,
            self._views.beacon,
            {
                Answer: self._clients.answered,
                Changed: self._changed,
                RoleChanged: self._role_changed,
                ModeFollowed: self._mode_followed,
                Stop: self._stopped,
                Release: self._released,
            },
            self._halt,
            self._log,
        )

    def _connect(self) -> None:
        node, transport = self._node, self._transport
        transport.requested = self._stager.requested
        transport.page_heard = self._stager.page_heard
        transport.chunk_heard = self._stager.chunk_heard
        transport.beacon_heard = beacon_lateness(self._stager, self._config)
        transport.lineage_heard = self._lineage_heard
        transport.listen()
        node.create_subscription(
            msg.LocalConsciousness, 'consciousness', self._on_consciousness, latched()
        )
        node.create_subscription(msg.Advice, 'advice', self._on_advice, latched())
        node.create_subscription(
            msg.HardwareInventory, 'hardware/inventory', self._on_inventory, latched()
        )
        node.create_subscription(
            msg.SensorReport, 'hardware/sensor_health', self._on_sensors, latched()
        )
        steady_timer(node, 1.0, self._publish_local_state)
        if self._config.listen_ms:
            self._listening = steady_timer(
                node, self._config.listen_ms / 1000, self._stop_listening
            )

    def _stop_listening(self) -> None:
        self._listening.cancel()
        self._engine.ask(lambda core: setattr(core.raft, 'suspend_votes', False))

    def _card(self) -> None:
        identity = self._coordinator.identity
        self._transport.send(
            '/swarm/robots',
            msg.RobotCard(
                stamp=conversions.time_msg(time.time_ns()),
                session_id=list(identity.session_id),
                host=identity.host,
                pid=os.getpid(),
                software_version=__version__,
                voter=identity.voter,
                security=level_of(self._node),
                job_slots=identity.job_slots,
                capabilities=[conversions.capability_to_msg(one) for one in self._abilities.all()],
            ),
        )

    def on_halt(self, stop: Callable[[], None]) -> None:
        """Have `stop` called when this robot must end; `halted` says why."""
        self._stop_process = stop
        if self.halted is not None:
            stop()

    # ---- from the coordinator's thread

    def _changed(self, effect: Changed) -> None:
        self._views.changed(effect)
        self._jobs.jobs_changed(list(effect.jobs))
        self._coordination.leases_changed(list(effect.leases))
        if effect.members:
            self._coordination.members_changed()

    def _role_changed(self, effect: RoleChanged) -> None:
        self._log.info(
            '%s of term %d, leader %s (%s)',
            effect.role.name.lower().replace('_', ' '),
            effect.term,
            effect.leader or 'unknown',
            effect.reason,
        )
        self._views.role_changed(effect)
        self._coordination.members_changed()

    def _mode_followed(self, effect: ModeFollowed) -> None:
        self._log.info('this robot acts as %s: %s', effect.mode.label, effect.reason)

    def _stopped(self, effect: Stop) -> None:
        self._log.error('EMERGENCY STOP: %s', effect.register.reason or 'no reason given')
        self._views.stopped(effect)

    def _released(self, effect: Release) -> None:
        self._log.warning('the emergency of epoch %d is over', effect.register.epoch - 1)
        self._views.released(effect)

    def _lineage_heard(self, sender: str, lineage: int) -> None:
        """Another lineage: the swarm was recovered by force, and one of us has missed it."""
        mine = self._storage.lineage
        if lineage > mine and self._coordinator.raft.last_index == 0:
            # Nothing of the old one is here: join the new one.
            self._engine.ask(lambda core: self._adopt(lineage))
            return
        self._node.get_logger().warning(
            f'{sender} is of lineage {lineage} of this swarm, this robot of {mine}: '
            + (
                'the swarm was recovered by force without this robot; give it an empty '
                'storage_dir to let it join'
                if lineage > mine
                else f'give {sender} an empty storage_dir to let it join'
            ),
            throttle_duration_sec=10.0,
        )

    def _adopt(self, lineage: int) -> None:
        if lineage > self._storage.lineage and self._coordinator.raft.last_index == 0:
            self._log_store.join_lineage(lineage)
            self._storage.lineage = lineage
            self._log.warning('joining lineage %d of the swarm', lineage)

    def _halt(self, effect: Halt) -> None:
        self.halted = effect
        self._stop_process()

    # ---- from the executor

    def _on_consciousness(self, message: msg.LocalConsciousness) -> None:
        facts = self._views.facts
        facts.consciousness, facts.consciousness_ns = message, time.monotonic_ns()

    def _on_advice(self, message: msg.Advice) -> None:
        advice = conversions.mode_advice_from_msg(message)
        routes = job_conversions.route_advice_from_msg(message)
        reputations = conversions.reputation_advice_from_msg(message)
        self._engine.post(AdviceHeard(advice, routes, reputations))

    def _on_inventory(self, message: msg.HardwareInventory) -> None:
        self._abilities.hardware(message)
        self._runner.cage.hardware = device_nodes(message)
        self._diagnostics.inventory = message

    def _on_sensors(self, message: msg.SensorReport) -> None:
        facts = self._views.facts
        facts.sensors, facts.sensors_ns = list(message.sensors)[:SENSORS_MAX], time.monotonic_ns()

    def _publish_local_state(self) -> None:
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            self._log.error('storage folder: %s', error)
            free = 0
        engine = self._engine
        late_ns, engine.tick_late_ns_max = engine.tick_late_ns_max, 0
        fsync_ns, engine.fsync_ns_max = engine.fsync_ns_max, 0

        def publish(core: Any) -> None:
            message = self._views.local_state(late_ns, fsync_ns, free)
            self._transport.publish('local_state', message)
            self._diagnostics.publish(core, message)
            self._leave_out(core)
            engine.post(FactsMeasured(self._views.own_facts()))

        engine.ask(publish)

    def _leave_out(self, core: Coordinator) -> None:
        """Who is to be no member reads nothing from now on."""
        guard = guard_of(self._node)
        if guard is not None:
            wishes = core.state.wishes.items()
            guard.removed = frozenset(
                robot for robot, wish in wishes if wish is MemberChange.REMOVE
            )

    def close(self) -> None:
        """Says goodbye, then stops threads and jobs; the log is durable at every moment."""
        if self.halted is None:
            self._engine.post(LeaveAsked())
            self._engine.left.wait(LEAVE_S)
        self._engine.close()
        self._runner.close()
        self._files.close()
        self._stager.close()
        self._jobs.close()
        self._log_store.close()
        self._lock.close()
