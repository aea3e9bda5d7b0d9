# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A PySyncObj node with a replicated queue that also works on it, or a client of such a node;
runs in the environment that has it.

    _pysyncobj_worker.py worker CONTROL_PORT OWN_ADDRESS OTHERS
    _pysyncobj_worker.py client CONTROL_PORT

The worker looks into its own copy of the queue every POLL_S, takes one job through the log, runs
it, and tells the result through the log, where the node that was asked hears it at once.
Client and node speak in lines of JSON: [id, name, arguments] and the id when it is done.
"""

import itertools
import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

# At the end: bench/peers has files named like packages.
sys.path.append(str(Path(__file__).parent))

import _job_orders as orders  # type: ignore  # noqa: E402
from pysyncobj import SyncObj, SyncObjConf, SyncObjConsumer, replicated  # type: ignore # noqa: E402
from pysyncobj.batteries import ReplQueue  # type: ignore  # noqa: E402

POLL_S = 0.001
# Its defaults (50 and 100 ms) would be most of what is measured: a follower hears of a commit with
# the next heartbeat, and a job is three commits.
TICK_S, HEARTBEAT_S = 0.002, 0.01


class Results(SyncObjConsumer):  # type: ignore
    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, Any] = {}

    def on(self, job: str, told: Any) -> None:
        self._told[job] = told

    @replicated  # type: ignore
    def done(self, job: str) -> None:
        told = self._told.pop(job, None)
        if told is not None:
            told()


class Worker:
    def __init__(self, own: str, others: list[str]) -> None:
        self._queue, self._results = ReplQueue(), Results()
        self._node = SyncObj(
            own,
            others,
            SyncObjConf(
                autoTickPeriod=TICK_S, appendEntriesPeriod=HEARTBEAT_S, connectionRetryTime=0.2,
                connectionTimeout=3600.0,
            ),
            consumers=[self._queue, self._results],
        )

    def work(self) -> None:
        while True:
            if self._queue.empty():
                time.sleep(POLL_S)
                continue
            try:
                taken = self._queue.get(sync=True, timeout=30)
            except Exception:
                continue  # no leader for a while; a job that was taken then is lost
            if taken is not None:
                job, name, arguments = taken
                getattr(orders, name)(*arguments)
                self._results.done(job)

    def serve(self, port: int) -> None:
        with socket.create_server(('127.0.0.1', port)) as server:
            while True:
                link, _ = server.accept()
                threading.Thread(target=self._take, args=(link,), daemon=True).start()

    def _take(self, link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lock = threading.Lock()

        def told(job: str) -> None:
            with lock:
                link.sendall(f'{job}\n'.encode())

        with link, link.makefile('r') as lines:
            for line in lines:
                if line.strip() == 'ready?':
                    link.sendall(b'yes\n' if self._node.isReady() else b'no\n')
                    continue
                job, name, arguments = json.loads(line)
                self._results.on(job, lambda job=job: told(job))
                self._queue.put((job, name, arguments))


def _connected(port: int) -> socket.socket:
    """As soon as the node listens."""
    for _ in range(600):
        try:
            return socket.create_connection(('127.0.0.1', port))
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError(f'nobody listens on port {port}')


class Client:
    def __init__(self, port: int) -> None:
        self._link = _connected(port)
        self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._link.makefile('r')
        self._numbers = itertools.count()

    def wait_ready(self) -> None:
        while True:
            self._link.sendall(b'ready?\n')
            if self._lines.readline().strip() == 'yes':
                return
            time.sleep(0.1)

    def _submit(self, name: str, *arguments: Any) -> str:
        job = f'{time.time_ns()}-{next(self._numbers)}'
        self._link.sendall(json.dumps([job, name, arguments]).encode() + b'\n')
        return job

    def one(self) -> None:
        self._submit('noop')
        self._lines.readline()

    def many(self, count: int) -> None:
        for _ in range(count):
            self._submit('noop')
        for _ in range(count):
            self._lines.readline()

    def marked(self, folder: str, hold_s: float) -> None:
        self._submit('marked', folder, hold_s)

    def outcome(self, timeout_s: float) -> bool:
        self._link.settimeout(timeout_s)
        try:
            return bool(self._lines.readline())
        except OSError:
            # The file is of no more use after a timeout.
            self._lines = self._link.makefile('r')
            return False
        finally:
            self._link.settimeout(None)


if __name__ == '__main__':
    if sys.argv[1] == 'worker':
        made = Worker(sys.argv[3], sys.argv[4].split(','))
        threading.Thread(target=made.serve, args=(int(sys.argv[2]),), daemon=True).start()
        made.work()
    else:
        client = Client(int(sys.argv[2]))
        client.wait_ready()
        orders.serve(client)
