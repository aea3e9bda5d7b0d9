# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A Celery worker, or a client of it; runs in the environment that has it.

    _celery_node.py worker NAME REDIS_PORT VISIBILITY_S
    _celery_node.py client REDIS_PORT VISIBILITY_S

acks_late: a job is acknowledged after it ran, so that the job of a lost worker comes back; with
Redis, after the visibility timeout.
"""

import sys
from pathlib import Path

# At the end: bench/peers has files named like packages.
sys.path.append(str(Path(__file__).parent))

import _job_orders as orders  # type: ignore  # noqa: E402
from celery import Celery  # type: ignore  # noqa: E402
from celery.exceptions import TimeoutError as LateError  # type: ignore  # noqa: E402


def application(port: int, visibility_s: int) -> Celery:
    url = f'redis://127.0.0.1:{port}/0'
    app = Celery('bench', broker=url, backend=url)
    app.conf.update(
        task_acks_late=True,
        broker_transport_options={'visibility_timeout': visibility_s},
        broker_connection_retry_on_startup=True,
        task_default_delivery_mode=2,
        worker_hijack_root_logger=False,
    )
    app.task(name='noop')(orders.noop)
    app.task(name='marked')(orders.marked)
    return app


class Client:
    def __init__(self, app: Celery) -> None:
        self._noop, self._marked = app.tasks['noop'], app.tasks['marked']

    def one(self) -> None:
        self._noop.delay().get(timeout=60)

    def many(self, count: int) -> None:
        asked = [self._noop.delay() for _ in range(count)]
        for one in asked:
            one.get(timeout=300)

    def marked(self, folder: str, hold_s: float) -> None:
        self._asked = self._marked.delay(folder, hold_s)

    def outcome(self, timeout_s: float) -> bool:
        try:
            self._asked.get(timeout=timeout_s)
        except LateError:
            return False
        return True


if __name__ == '__main__':
    made = application(int(sys.argv[-2]), int(sys.argv[-1]))
    if sys.argv[1] == 'worker':
        made.worker_main([
            'worker', f'--hostname={sys.argv[2]}@bench', '--concurrency=1', '--loglevel=ERROR',
            '--without-gossip', '--without-mingle',
        ])
    else:
        orders.serve(Client(made))
