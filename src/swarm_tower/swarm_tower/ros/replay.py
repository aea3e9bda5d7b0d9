# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Shows a recording on the page: python -m swarm_tower.ros.replay FILE.mcap [--port N].

Read-only: there is no swarm behind it, no command is taken, and nothing is published.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from swarm_tower.config import TowerConfig
from swarm_tower.core.recording import sender_of, swarm_of
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable, readable
from swarm_tower.recorder.recorder import about
from swarm_tower.recorder.travel import replay_of
from swarm_tower.web.gate import Gate
from swarm_tower.web.hub import Hub
from swarm_tower.web.thread import WebThread

HEARTBEAT = '/swarm/heartbeat'
LOOKED_AT_MAX = 1000


def swarm_id_of(file: McapFile) -> str:
    """Return the swarm that a recording is of: as its recorder says, else as its robots do."""
    told = about(file).get('swarm_id', '')
    if told:
        return told
    for count, message in enumerate(file.messages(0)):
        if message.channel.topic == HEARTBEAT and sender_of(message.data):
            return swarm_of(message.data)
        if count > LOOKED_AT_MAX:
            break
    return 'swarm'


def serve(path: Path, config: TowerConfig) -> WebThread:
    """Serve a recording. Raises NotReadable, or ValueError where the port is in use."""
    from swarm_tower.ros.recorder_decoding import FactDecoder
    from swarm_tower.ros.recorder_start import view_of

    begin = view_of(config, 0)
    recordings = replay_of(path, begin, lambda: FactDecoder(config))
    hub = Hub(begin(0), config.window_ms, time.monotonic_ns, time.time_ns)
    gate = Gate({}, time.monotonic)  # nobody has a token
    return WebThread(config, hub, gate=gate, recordings=recordings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog='swarm_replay', description='Shows a recording of a swarm on the page of the tower.'
    )
    parser.add_argument('file', type=Path, help='an MCAP file, for instance of recorder_dir/kept')
    parser.add_argument('--port', type=int, default=8081, help='0 takes any free port')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on')
    parser.add_argument('--swarm-id', default='', help='where a file has several swarms')
    options = parser.parse_args(arguments)
    try:
        swarm_id = options.swarm_id or swarm_id_of(readable(options.file))
        config = TowerConfig(
            swarm_id=swarm_id, tower_host=options.host, tower_port=options.port
        )
        web = serve(options.file, config)
    except ImportError as error:
        print(f'swarm_replay: source ROS 2 and this workspace first: {error}', file=sys.stderr)
        return 2
    except (NotReadable, ValueError) as error:
        print(f'swarm_replay: {error}', file=sys.stderr)
        return 2
    print(f'{options.file.name}: http://{options.host}:{web.port}  (Ctrl-C ends it)', flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    web.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
