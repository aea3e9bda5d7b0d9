# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""An idle swarm in a network namespace of its own, with every packet counted.

    unshare --net python -m bench._wire_field ROBOTS SECONDS

Prints one JSON object (see `Counted`). Nothing else talks in the namespace: the observer that
waits for the swarm leaves before the counting and comes back after it. nftables counts each packet
on its way out, with its IP and UDP headers, by source and by destination port.

The robots speak as between machines, UDP on an Ethernet interface with multicast: with the
discovery range LOCALHOST rmw_fastrtps would use shared memory, whatever FASTDDS_BUILTIN_TRANSPORTS
says, and nothing but discovery would be seen here.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rclpy.serialization import serialize_message

from bench._swarm import FOLDER, Watched
from swarm_coordinator.cli.client import SwarmClient
from swarm_coordinator.local_swarm import LocalSwarm, robot_names
from swarm_coordinator.ros.watcher import Watcher

SWARM_ID = 'bench'
VOTERS = 3
SETTLE_S = 5.0  # registration and the last of DDS discovery, after the observer has left
OBSERVE_S = 5.0
START_S = 180.0  # of 20 robots on two cores
PORT_BASE, DOMAIN_PORTS = 7400, 250  # DDS-RTPS 9.6.2.3
NETWORK = (
    'link set lo up',
    'link add robots type veth peer name wall',
    'address add 10.99.0.1/24 dev robots',
    'link set robots up',
    'link set wall up',
    'route add 224.0.0.0/4 dev robots',
)
RULES = """
table ip bench {
  set sent { type inet_service; flags dynamic; size 65535; }
  set heard { type inet_service; flags dynamic; size 65535; }
  chain out {
    type filter hook output priority 0;
    meta l4proto udp update @sent { udp sport counter }
    meta l4proto udp update @heard { udp dport counter }
  }
}
"""


@dataclass(frozen=True)
class Counted:
    """Per second, over the time of counting; dictionaries by robot."""

    sent: dict[str, float]          # bytes on the wire
    heard: dict[str, float]         # bytes on the wire
    discovery: float                # bytes of all robots to the ports of DDS's own traffic
    user: float                     # bytes of all robots to the ports of topics and services
    cpu_ms: dict[str, float]        # processor time
    messages: dict[str, float]      # published with an envelope, beacons and all
    beacon_bytes: int               # one beacon, serialised


class NetworkSwarm(LocalSwarm):
    def dds_environment(self) -> dict[str, str]:
        return {**super().dds_environment(), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}


def main(count: int, seconds: float) -> None:
    for command in NETWORK:
        subprocess.run(['ip', *command.split()], check=True)
    names = robot_names(count)
    parameters = {'parts': ['coordinator'], 'voters': list(names[:VOTERS])}
    with NetworkSwarm(FOLDER.resolve(), names, parameters, swarm_id=SWARM_ID) as swarm:
        swarm.start_all()
        observe(swarm, 0.0)
        time.sleep(SETTLE_S)
        cpu, began = cpu_ms(swarm), time.monotonic()
        subprocess.run(['nft', '-f', '-'], input=RULES, text=True, check=True)
        time.sleep(seconds)
        sent, heard = bytes_of('sent'), bytes_of('heard')
        took = time.monotonic() - began
        cpu = {name: (ms - cpu[name]) / took for name, ms in cpu_ms(swarm).items()}
        messages, beacon_bytes = observe(swarm, OBSERVE_S)
        counted = by_robot(swarm, sent, heard, took)
    print(json.dumps(dataclasses.asdict(
        Counted(*counted, cpu, messages, beacon_bytes)
    )), flush=True)


def observe(swarm: LocalSwarm, seconds: float) -> tuple[dict[str, float], int]:
    """Wait until the swarm is at rest; then the messages of each robot per second, by the numbers
    of its beacons' envelopes, and the size of one beacon."""
    with SwarmClient(name='bench') as client:
        field = Watched(swarm, client, Watcher(client.node, SWARM_ID))
        field.wait(lambda: field.watcher.settled(swarm.names), 'all have caught up', START_S)
        field.leader()
        first = {name: field.watcher.heard[name] for name in swarm.names}
        client.spin_until(lambda: False, seconds)
        last = {name: field.watcher.heard[name] for name in swarm.names}
    rates = {
        name: (last[name].beacon.envelope.sequence - one.beacon.envelope.sequence)
        / max(last[name].at_s - one.at_s, 1e-9)
        for name, one in first.items()
    }
    return rates, max(len(serialize_message(one.beacon)) for one in last.values())


def cpu_ms(swarm: LocalSwarm) -> dict[str, float]:
    return {
        name: sum(psutil.Process(process.pid).cpu_times()[:2]) * 1000
        for name, process in swarm.processes.items()
    }


def bytes_of(name: str) -> dict[int, int]:
    """Port -> bytes."""
    said = subprocess.run(
        ['nft', '-j', 'list', 'set', 'ip', 'bench', name], capture_output=True, check=True
    )
    parts: list[dict[str, Any]] = json.loads(said.stdout)['nftables']
    elements = next(part['set'] for part in parts if 'set' in part).get('elem', [])
    return {one['elem']['val']: one['elem']['counter']['bytes'] for one in elements}


def by_robot(
    swarm: LocalSwarm, sent: dict[int, int], heard: dict[int, int], seconds: float
) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Sent and heard by each robot, then discovery and the rest of all, in bytes per second."""
    ports = {name: udp_ports(process.pid) for name, process in swarm.processes.items()}
    base = PORT_BASE + DOMAIN_PORTS * swarm.domain.number
    # DDS's own traffic goes to even offsets (multicast 0, unicast 10 + 2 x participant).
    discovery = sum(count for port, count in heard.items() if (port - base) % 2 == 0)
    return (
        {name: sum(sent.get(port, 0) for port in own) / seconds for name, own in ports.items()},
        {name: sum(heard.get(port, 0) for port in own - {base, base + 1}) / seconds
         for name, own in ports.items()},
        discovery / seconds,
        (sum(heard.values()) - discovery) / seconds,
    )


def udp_ports(pid: int) -> set[int]:
    """Local ports of a process, by the sockets it holds (proc(5))."""
    table = Path(f'/proc/{pid}/net/udp').read_text().splitlines()[1:]
    port_of = {line.split()[9]: int(line.split()[1].rpartition(':')[2], 16) for line in table}
    links = [str(link.readlink()) for link in Path(f'/proc/{pid}/fd').iterdir()]
    inodes = {link[8:-1] for link in links if link.startswith('socket:')}
    return {port for inode, port in port_of.items() if inode in inodes}


if __name__ == '__main__':
    main(int(sys.argv[1]), float(sys.argv[2]))
