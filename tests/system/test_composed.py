# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots with all their parts, the demonstration, and garbage on every input."""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile
from swarm_msgs import msg, srv
from system.stalls import assert_kept, stalls

from swarm_coordinator.ros.topics import TOPICS

Make = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
ALL_PARTS = ('coordinator', 'hw_discovery', 'learning')
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def listen(made: Any, kind: type, topic: str) -> list[Any]:
    heard: list[Any] = []
    made.client.node.create_subscription(kind, topic, heard.append, LATCHED)
    return heard


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def test_composed_robots_show_hardware_and_signals_and_the_tower_shows_them(
    field: Make, tmp_path: Path,
) -> None:
    port = free_port()
    made = field(parts=ALL_PARTS, start=False)
    made.swarm.own = {
        'tower': {
            'parts': ['tower'], 'tower_port': port, 'voters': None, 'storage_dir': None,
            'exec_allow': None, 'job_cage': None, 'tower_tokens': str(tmp_path / 'tokens.json'),
        }
    }
    made.swarm.start('tower')
    made.swarm.start_all()
    leader = made.ready()
    inventory = listen(made, msg.HardwareInventory, '/r1/hardware/inventory')
    felt = listen(made, msg.LocalConsciousness, '/r2/consciousness')
    swarm = listen(made, msg.SwarmConsciousness, '/swarm/consciousness')
    made.until(lambda: inventory and inventory[-1].cpu_cores > 0, 'the inventory is latched')
    made.until(lambda: felt and 0.0 <= felt[-1].stability <= 1.0, 'control signals come')

    def aggregated() -> bool:
        if not swarm or swarm[-1].robots != 3:
            return False
        return bool(swarm[-1].envelope.sender == made.watcher.agreed_leader(made.swarm.names))

    made.until(aggregated, 'the aggregate of the leader counts all robots')

    def offers() -> set[str]:
        state = made.call(leader, srv.Status, 'status', srv.Status.Request()).state
        return {one.name for robot in state.robots for one in robot.capabilities}

    made.until(lambda: {'exec:xz', 'compute:cpu'} <= offers(), 'hardware becomes capabilities')

    def shown() -> str:
        try:
            state = f'http://127.0.0.1:{port}/api/v1/state'
            with urllib.request.urlopen(state, timeout=5) as page:
                return json.dumps(json.load(page))
        except OSError:
            return ''  # not yet

    made.until(lambda: all(name in shown() for name in made.swarm.names),
               'the tower shows all robots')


def test_a_demonstration_that_is_told_to_end_ends_its_robots(tmp_path: Path) -> None:
    folder = tmp_path / 'demo'
    demo = subprocess.Popen(
        [sys.executable, 'scripts/demo.py', '--port', '0', '--tree', 'scripts', '--kills', '0',
         '--folder', str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def started() -> set[int]:
        """Processes with the folder of this demonstration in their arguments."""
        found = set()
        for arguments in Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                if str(folder).encode() in arguments.read_bytes():
                    found.add(int(arguments.parent.name))
        return found - {demo.pid}

    assert demo.stdout is not None
    said = ''
    for line in demo.stdout:
        said += line
        if 'all 3 robots agree' in line:
            break
    running = started()
    demo.terminate()
    said += demo.communicate(timeout=60)[0]
    assert len(running) >= 3, said
    assert 'every process is gone' in said
    assert demo.returncode == 130 and not started(), said


def test_demo_loses_its_leader_and_ends_with_every_file_verified(tmp_path: Path) -> None:
    tree = tmp_path / 'tree'
    for number in range(40):
        path = tree / f'd{number % 4}' / f'f{number}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'# file {number}\n' * 4000)
    done = subprocess.run(
        [sys.executable, 'scripts/demo.py', '--once', '--port', '0',
         '--tree', str(tree), '--folder', str(tmp_path / 'demo')],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / 'demo' / 'summary.json').read_text())
    assert summary['files'] == summary['verified'] == summary['jobs_done'] == 40
    assert summary['jobs_accepted_twice'] == summary['jobs_failed'] == 0
    assert summary['kills'] == 1
    assert summary['term_after'] > summary['term_before']
    assert summary['rejoined']


def rogue_messages() -> list[tuple[str, Any]]:
    """What a broken or hostile peer of the same swarm might send."""
    def envelope(sender: str = 'rogue', **fields: Any) -> msg.Envelope:
        return msg.Envelope(swarm_id='test', sender=sender, protocol_version=1, **fields)

    huge = 2**64 - 1
    return [
        ('/swarm/vote_request', msg.VoteRequest(envelope=envelope(), term=huge)),
        ('/swarm/vote', msg.Vote(envelope=envelope('r2'), term=3, granted=True, reason=200)),
        ('/swarm/append', msg.Append(envelope=envelope(), term=huge, commit_index=huge)),
        ('/swarm/append', msg.Append(envelope=envelope('no such name!'), term=1)),
        ('/swarm/append_reply', msg.AppendReply(envelope=envelope(), match_index=huge)),
        ('/swarm/heartbeat', msg.Heartbeat(envelope=envelope(), role=77)),
        ('/swarm/heartbeat', msg.Heartbeat(envelope=envelope(), role=3, term=huge)),
        ('/swarm/heartbeat', msg.Heartbeat(envelope=msg.Envelope(
            swarm_id='test', sender='rogue', protocol_version=999), role=3, term=9)),
        ('/swarm/proposal', msg.Proposal(envelope=envelope(), serial=1, command=b'\xff\x00{')),
        ('/swarm/proposal', msg.Proposal(envelope=envelope(), command=b'{"v":1,"do":"Reboot"}')),
        ('/swarm/proposal_reply', msg.ProposalReply(envelope=envelope(), serial=huge)),
        ('/swarm/job_report', msg.JobReport(envelope=envelope(), job_id='../x', kind=99)),
        ('/swarm/file_request', msg.FileRequest(envelope=envelope(), chunks=[4294967295] * 20)),
        ('/swarm/file_manifest', msg.FileManifest(envelope=envelope(), held=True)),
        ('/swarm/file_chunk', msg.FileChunk(envelope=envelope(), data=[0] * 40_000)),
    ]


def test_garbage_from_a_peer_changes_nothing(field: Make) -> None:
    made = field(security='off')  # as from a robot that belongs: what is unsigned is not looked at
    leader = made.ready()
    term, stalled = made.term(leader), stalls(made.swarm)
    node = made.client.node
    for _ in range(3):
        for name, message in rogue_messages():
            publisher = node.create_publisher(TOPICS[name].kind, name, TOPICS[name].qos)
            made.until(lambda p=publisher: p.get_subscription_count() >= 3, f'{name} is heard')
            publisher.publish(message)
            node.destroy_publisher(publisher)
    job = made.submit(leader, ['true'])
    assert made.ended(leader, [job])[job].phase == msg.JobStatus.PHASE_DONE
    assert_kept(made, leader, term, stalled)  # nobody was talked out of its term
    assert all(process.poll() is None for process in made.swarm.processes.values())
