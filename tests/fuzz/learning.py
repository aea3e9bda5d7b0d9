# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a learner reads: archives, checkpoints, models and policies from disks and from other
robots, memory blocks, receipts, and the messages of a swarm."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from swarm_msgs import msg

from swarm_learning.core.agents.agent import TabularAgent
from swarm_learning.core.agents.checkpoint import agent_from
from swarm_learning.core.agents.config import AgentConfig
from swarm_learning.core.checkpoint import document_of as statistics_of
from swarm_learning.core.checkpoint import run_times_from
from swarm_learning.core.config import LearningConfig
from swarm_learning.core.events import AuditsHeard, ReceiptsHeard
from swarm_learning.core.learner import Learner
from swarm_learning.core.memory import memory as memories
from swarm_learning.core.memory.packing import canonical, inflated, pack, unpack, unpack_plain
from swarm_learning.core.mind_keeping import Kept, document_of, parts_of
from swarm_learning.core.mode.policies import INPUTS, ModePolicies, checked
from swarm_learning.core.observation import Tick
from swarm_learning.core.policies.network import NetworkPolicy, Observation
from swarm_learning.core.policies.policy import TablePolicy
from swarm_learning.core.policies.practice import policy_from
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.core.reputation.auditor import Auditor
from swarm_learning.core.reputation.notary import Notary
from swarm_learning.core.reputation.witness import Witness
from swarm_learning.core.swarm_mind import SwarmMind
from swarm_learning.ros import (
    conversions,
    heritage,
    memory_conversions,
    regime_conversions,
    reputation_conversions,
)
from swarm_learning.storage import archive, checkpoint_file
from swarm_learning.storage.memory_store import MemoryStore

from . import mutation, samples, wire
from .target import Broken, Target

S = 1_000_000_000
NOW_NS = 1000 * S
CONFIG = LearningConfig(robot_id='r1', mode_dwell_s=2.0, audit_share=1.0)


# ---- archives: a manifest and arrays under seals. Mutations seal again what they change.


def of_archive(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.15:
        return mutation.of_bytes(data, rng)
    try:
        found = archive.from_bytes(data)
        arrays, manifest = dict(found.arrays), found.manifest
        if arrays and rng.random() < 0.5:
            name = rng.choice(sorted(arrays))
            arrays[name] = _other_array(arrays[name], rng)
            if rng.random() < 0.1:
                del arrays[name]
        else:
            manifest = mutation.change_tree(manifest, rng)
        return archive.to_bytes(manifest, arrays)
    except (ValueError, RecursionError, TypeError, OverflowError):
        return mutation.of_bytes(data, rng)


def _other_array(array: Any, rng: random.Random) -> Any:
    what = rng.randrange(7)
    if what == 0:
        return array.astype(rng.choice(('<f8', '<i8', '<u1', '?', '<f4', '<U3', '<i4')))
    if what == 1:
        return array.reshape(-1)
    if what == 2:
        return np.concatenate([array, array]) if array.ndim else np.zeros(3)
    if what == 3:
        return array[: len(array) // 2] if array.ndim else array
    if what == 4:
        return np.zeros(rng.choice(((), (0,), (0, 3), (1, 1, 1), (2, 0))), array.dtype)
    changed = array.copy().reshape(-1)
    if changed.size and changed.dtype.kind in 'iuf':
        limits = (0, -1, 1, 2**31 - 1, float('nan'), float('inf'), -1e308, 1e-320, 255)
        with np.errstate(all='ignore'):
            changed[rng.randrange(changed.size)] = np.array(
                rng.choice(limits)).astype(changed.dtype)
    return changed.reshape(array.shape)


def _read(use: Callable[[Any], None]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with np.errstate(all='ignore'):
            use(archive.from_bytes(data, 4_000_000))
    return run


def _plain_archive(found: Any) -> None:
    again = archive.from_bytes(archive.to_bytes(found.manifest, found.arrays))
    if again.sha256 != found.sha256:
        raise Broken('an archive has two encodings')


def _model_seeds() -> list[bytes]:
    folder = samples.ROOT / 'src/swarm_learning/swarm_learning/models'
    found = [archive.load(folder / 'regimes_1')]
    return [archive.to_bytes(one.manifest, one.arrays) for one in found]


def _small_archive() -> list[bytes]:
    return [archive.to_bytes({'a': [1, 2.5, {'b': None}]}, {
        'x': np.arange(6).reshape(2, 3), 'y': np.array(['ab', 'c']), 'z': np.zeros(())})]


def _regime_model(found: Any) -> None:
    RegimeModel.from_arrays(found.arrays, found.manifest)


def _policy(found: Any) -> None:
    """As the policy desk takes one from a path."""
    policy = policy_from(found.manifest, found.arrays)
    checked(policy)


def _policy_seeds() -> list[bytes]:
    rng = np.random.default_rng(1)
    network = NetworkPolicy(
        Observation('numbers', (INPUTS,)), [rng.random((INPUTS, 4)), rng.random((4, 6))],
        [np.zeros(4), np.zeros(6)])
    tables = [TablePolicy(rng.random((6, 4)))]
    return [archive.to_bytes(one.manifest(), one.arrays()) for one in (network, *tables)]


def _agent(found: Any) -> None:
    """An agent that is refused leaves the source of chance as it was."""
    rng = random.Random(5)
    before = rng.getstate()
    try:
        agent = agent_from(found.manifest, found.arrays, rng)
    except ValueError:
        if rng.getstate() != before:
            raise Broken('refused, and yet the source of chance was changed') from None
        raise
    agent.check_invariants()


def _agent_seeds() -> list[bytes]:
    from agent_kinds import KINDS
    from test_agent_checkpoint import kept, lived

    found = []
    for name in sorted(KINDS):
        one = TabularAgent(AgentConfig(**{'actions': 4, **KINDS[name]}), random.Random(3))
        lived(one, random.Random(4), 30)
        found.append(archive.to_bytes(*kept(one)))
    return [one for one in found if len(one) < 40_000]


# ---- the mind of a robot


@functools.cache
def _kept() -> Kept:
    from mind_samples import live, mind
    one = mind()
    live(one, range(12))
    found = archive.from_bytes(archive.to_bytes(*document_of(one.parts)))
    return Kept(found.manifest, found.arrays)


def _mind(data: bytes) -> None:
    """The input is the manifest of a mind; a part that cannot be used begins anew, and what was
    made of the others works."""
    from mind_samples import live, start
    try:
        manifest = json.loads(data)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if not isinstance(manifest, dict):
        raise ValueError('expected an object')
    with np.errstate(all='ignore'):
        parts, problems = parts_of(CONFIG, start(), Kept(manifest, _kept().arrays), NOW_NS)
        mind = SwarmMind(parts, NOW_NS, 7)
        mind.check_invariants()
        live(mind, range(1000, 1003))
        archive.to_bytes(*document_of(mind.parts))


def _mind_seeds() -> list[bytes]:
    manifest = _kept().manifest
    whole = mutation.json_bytes(manifest)
    return [whole] + [mutation.json_bytes({'schema': manifest['schema'], name: manifest[name]})
                      for name in ('routing', 'reputation', 'regimes', 'modes')]


def _shelf(data: bytes) -> None:
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    policies = ModePolicies.restored(document, 0)
    ModePolicies.restored(json.loads(json.dumps(policies.shelf.document())), 0)


def _statistics(data: bytes) -> None:
    """The input is the content of a checkpoint; its seal is made here."""
    try:
        content = json.loads(data)
        raw = checkpoint_file.encode(content)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    found = run_times_from(checkpoint_file.decode(raw), 3600.0, NOW_NS)
    found.check_invariants()
    checkpoint_file.encode(statistics_of(found, NOW_NS))


def _sealed(data: bytes) -> None:
    checkpoint_file.decode(data)


def _statistics_seeds() -> list[bytes]:
    return [b'{"schema":2,"jobs":[{"kind":"exec","program":"xz","weight":3.0,"mean_log":5.5,'
            b'"variance_log":0.5}],"hits":3.0,"misses":1.0}',
            b'{"schema":1,"kinds":{"exec":{"weight":3.0,"mean_log":5.5,"variance_log":0.5}},'
            b'"hits":3.0,"misses":1.0}']


# ---- memory


@functools.cache
def _records() -> dict[str, bytes]:
    from memory_samples import Disk, history_of, lived
    disk = Disk()
    lived(history_of(400, 1), disk=disk)
    return dict(disk.records)


def _block(data: bytes) -> None:
    block = unpack(data)
    if unpack(pack(block)) != block or unpack_plain(canonical(block)) != block.told():
        raise Broken('a block is not what it was after encoding')


def _plain_block(data: bytes) -> None:
    unpack_plain(data)


def _packed() -> list[bytes]:
    return [one for name, one in sorted(_records().items()) if name.startswith('block/')][:6]


def _life(data: bytes) -> None:
    """One record of a saved memory is what the input says; what cannot be used is said, and the
    memory works on."""
    names = sorted(_records())
    if not data:
        return
    records = {**_records(), names[data[0] % len(names)]: data[1:]}
    memory, _ = memories.restored(memories.MemoryConfig(), 'r1', records, 5)
    memory.check_invariants()
    memory.tick(memory.own.last_ns + S)
    memory.check_invariants()


def _life_seeds() -> list[bytes]:
    names = sorted(_records())
    wanted = ('self', 'best', 'routes', 'ring', 'hour', 'block')
    firsts = [next(one for one in names if one.startswith(word)) for word in wanted
              if any(one.startswith(word) for one in names)]
    return [bytes((names.index(one) % 256,)) + _records()[one] for one in firsts
            if names.index(one) < 256]


def _store(data: bytes) -> None:
    """A file of memory with any content is opened, can be written, and opens again."""
    folder = samples.scratch() / 'memory'
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    store = MemoryStore(folder)
    store.path.write_bytes(data)
    opened = store.open()
    store.write({'x': b'1'})
    store.close()
    again = MemoryStore(folder)
    found = again.open().records
    again.close()
    if found != {**opened.records, 'x': b'1'}:
        raise Broken('what was read is not what is found the next time')


def _store_seeds() -> list[bytes]:
    folder = samples.scratch() / 'memory-seed'
    store = MemoryStore(folder)
    store.open()
    store.write({'a': b'first', 'b': bytes(40)})
    store.write({'c': b'third'}, ('a',))
    store.close()
    return [store.path.read_bytes()]


# ---- messages


def _learner() -> Learner:
    from mind_samples import mind
    one = mind()
    numbers = itertools.count(1)
    auditor = Auditor('r1', lambda: next(numbers), lambda key: one.parts.reputation.attempt(*key))
    return Learner(CONFIG, 0, mind=one, witness=Witness('r1', lambda: next(numbers)),
                   auditor=auditor)


@functools.cache
def _first() -> Learner:
    learner = _learner()
    for second in range(3):
        learner.handle(Tick(), second * S)
    return learner


def _events_of(one: Any) -> list[Any]:
    """As the node makes them."""
    if isinstance(one, msg.LocalState):
        return [conversions.local_state_from_msg(one)]
    if isinstance(one, msg.Heartbeat):
        return [conversions.beacon_from_msg(one, 3 * S)]
    if isinstance(one, msg.JobOutcomes):
        return [conversions.outcome_from_msg(each) for each in one.outcomes[:64]]
    if isinstance(one, msg.SwarmState):
        return [conversions.swarm_state_from_msg(one, heritage.recorded_in(one))]
    if isinstance(one, msg.Receipts):
        sender, told = reputation_conversions.receipts_from_msg(one)
        receipts = [receipt for each in told for receipt in _receipt(each)]
        if any(_notary().check(receipt).words for receipt in receipts):
            raise Broken('a receipt that nobody signed is believed')
        return [ReceiptsHeard(sender, receipts)]
    return [AuditsHeard(one.envelope.sender, reputation_conversions.audits_from_msg(one))]


@functools.cache
def _notary() -> Notary:
    from signing_samples import Certificates
    return Certificates('r1', 'r2', 'r3').notary('r1')


def _receipt(one: Any) -> Iterator[Any]:
    try:
        yield reputation_conversions.receipt_from_msg(one)
    except ValueError:
        return


def _swarm(messages: Iterator[Any]) -> None:
    """Whatever other robots say, the learner goes on and what must hold holds."""
    events = [event for one in messages for event in _events_of(one)]
    learner = copy.deepcopy(_first())
    now_ns = 3 * S
    with np.errstate(all='ignore'):
        for event in [*events, Tick(), Tick()]:
            now_ns += S // 2
            learner.handle(event, now_ns)
            learner.check_invariants()
        assert learner.mind is not None
        archive.to_bytes(*document_of(learner.mind.parts))


SWARM_KINDS = {name: getattr(msg, name) for name in (
    'LocalState', 'Heartbeat', 'JobOutcomes', 'SwarmState', 'Receipts', 'Reputation')}


def _swarm_seeds() -> list[list[Any]]:
    outcome = msg.JobOutcome(
        job_id='j1', attempt=1, kind='exec', program='xz', robot_id='r1', origin='r2',
        outcome=msg.JobOutcome.OUTCOME_DONE, run_ms=300, log_index=5, stamp_ns=10**18)
    receipt = msg.Receipt(
        job_id='j1', attempt=1, log_index=5, role=1, issuer='r2', executor='r1', requester='r2',
        task='exec:xz', verdict=1, run_ms=300, nonce=4, signature=[1] * 64, counter_nonce=5,
        countersignature=[2] * 64)
    envelope = msg.Envelope(swarm_id='swarm', sender='r2')
    state = msg.SwarmState(term=1, log_index=6, leader='r1', robots=[
        msg.RobotStatus(robot_id='r1', job_slots=1), msg.RobotStatus(robot_id='r2', job_slots=1)],
        models=[msg.ModelRef(name='swarm', version=1, sha256='a' * 64, holder='r2')])
    beat = msg.Heartbeat(envelope=envelope, arousal=0.5, stability=0.5, pressure=0.2)
    local = msg.LocalState(robot_id='r1', leader='r1', job_slots=1)
    outcomes = msg.JobOutcomes(outcomes=[outcome])
    receipts = msg.Receipts(envelope=envelope, receipts=[receipt])
    audits = msg.Reputation(envelope=envelope, audits=[
        msg.Audit(job_id='j1', attempt=1, auditor='r1', nonce=5, signature=[6] * 64)])
    alone = [[one] for one in (local, beat, outcomes, state, receipts, audits)]
    return [*alone, [local, state, beat, outcomes, receipts], [outcomes, receipts, receipts]]


@functools.cache
def _heard() -> memories.Memory:
    from memory_samples import history_of, lived
    return lived(history_of(60, 2), robot_id='r1', life=3)


def _memory_messages(messages: Iterator[Any]) -> None:
    """Blocks that are refused leave nothing, and what is kept of others stays within its room."""
    memory = copy.deepcopy(_heard())
    for one in messages:
        if isinstance(one, msg.MemoryBlocks):
            try:
                parcel, _ = memory_conversions.parcel_from_msg(one)
            except ValueError:
                continue
            memory.hear_blocks(parcel, 1_800_000_000 * S)
            memory.check_invariants()
            memory.blocks_to_send(1_800_000_100 * S)
        else:
            try:
                question = memory_conversions.question_from_request(one)
            except ValueError:
                continue
            memory_conversions.answer_to_response(memory.query(question, 1_800_000_000 * S))


def _memory_kinds() -> dict[str, Any]:
    from swarm_msgs.srv import QueryMemory
    return {'MemoryBlocks': msg.MemoryBlocks, QueryMemory.Request.__name__: QueryMemory.Request}


def _memory_seeds() -> list[list[Any]]:
    from memory_samples import history_of, lived
    from swarm_msgs.srv import QueryMemory
    other = lived(history_of(60, 3), robot_id='r2', life=9)
    parcel = other.blocks_to_send(1_800_000_000 * S)
    assert parcel is not None
    told = memory_conversions.parcel_to_msg(parcel, msg.Envelope(sender='r2'))
    told.blocks = told.blocks[:2]
    ask = QueryMemory.Request(channels=['arousal'], begin_ns=0, end_ns=2**62, quantiles=[0.5])
    return [[told], [msg.MemoryBlocks(have=['r1/3/0/60000000000'])], [ask]]


_FIGURES: dict[str, Callable[[Any], Any]] = {
    'Advice': conversions.proposal_from_msg,
    'SwarmConsciousness': conversions.swarm_view_from_msg,
    'Regime': regime_conversions.regime_from_msg,
    'Reputation': reputation_conversions.table_from_msg,
    'JobStatus': reputation_conversions.work_from_msg,
    'ModelRef': heritage.recorded_from_msg,
    'JobOutcome': reputation_conversions.attempt_from_msg,
}


def _told(messages: Iterator[Any]) -> None:
    for one in messages:
        _FIGURES[type(one).__name__](one)


def _told_seeds() -> list[list[Any]]:
    return [[getattr(msg, name)()] for name in _FIGURES] + [[
        msg.Advice(has_mode=True), msg.JobStatus(outputs=[msg.FileRef(name='a')])]]


_CORE = ('swarm_learning.core',)
TARGETS = (
    Target('archive', _read(_plain_archive), (archive.ArchiveRefused,), _small_archive,
           of_archive, ('swarm_learning.storage.archive',)),
    Target('regime_model', _read(_regime_model), (ValueError,), _model_seeds, of_archive, _CORE,
           bytes_max=300_000),
    Target('policy', _read(_policy), (ValueError,), _policy_seeds, of_archive, _CORE),
    Target('agent', _read(_agent), (ValueError,), _agent_seeds, of_archive, _CORE,
           bytes_max=60_000),
    Target('mind', _mind, (ValueError,), _mind_seeds, mutation.of_json, _CORE, bytes_max=200_000),
    Target('policies', _shelf, (ValueError,), lambda: [
        mutation.json_bytes(ModePolicies(0).shelf.document())], mutation.of_json, _CORE),
    Target('statistics', _statistics, (ValueError,), _statistics_seeds, mutation.of_json, _CORE),
    Target('sealed_file', _sealed, (ValueError,), lambda: [
        checkpoint_file.encode(json.loads(one)) for one in _statistics_seeds()],
        mutation.of_json, ('swarm_learning.storage',)),
    Target('memory_block', _block, (ValueError,), _packed, mutation.of_bytes, _CORE),
    Target('memory_block_plain', _plain_block, (ValueError,), lambda: [
        inflated(one) for one in _packed()], mutation.of_bytes, _CORE),
    Target('memory_records', _life, (), _life_seeds, mutation.of_bytes, _CORE),
    Target('memory_file', _store, (), _store_seeds, mutation.of_bytes,
           ('swarm_learning.storage.memory_store',)),
    wire.script_target('learner', SWARM_KINDS, _swarm, _swarm_seeds, (
        'swarm_learning.core', 'swarm_learning.ros'), seconds_max=20),
    wire.script_target('memory_messages', _memory_kinds(), _memory_messages, _memory_seeds, (
        'swarm_learning.core.memory', 'swarm_learning.ros.memory_conversions')),
    wire.script_target('learning_messages', {name: getattr(msg, name) for name in _FIGURES},
                       _told, _told_seeds, ('swarm_learning.ros',),
                       declared=(ValueError, KeyError)),
)
