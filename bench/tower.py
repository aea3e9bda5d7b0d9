# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The control tower with 50 robots at 10 beacons a second each, and what it costs a robot.

Latency: from just before a beacon is published in a process of its own until the page has changed
its row (chromium on the same machine, the clock of the machine; MutationObserver), and once more
with clocks in between, which tell where it is spent. Page: bytes of
the first load without cache, and the time from its start until leader and all robots are shown.
Memory: three composed robots, one of which has the tower as a further part; and a day of events
folded as fast as it goes, with one browser that reads and one that never does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench._swarm import watched
from bench._tower_stages import STAGES, notes_of, stage_table, watch, ways
from bench.footprint import shares
from bench.peers import Missing, free_ports
from bench.run import write_samples
from bench.table import Row, row, tail
from swarm_coordinator.local_swarm import LocalSwarm

ROBOTS, RATE_HZ = 50, 10.0
P50_MS, P95_MS = 40.0, 80.0
RSS_MB, PAGE_KB, FIRST_MS, FLAT_KIB = 15.0, 250.0, 500.0, 1024.0
SETTLE_S = 4.0
UP_S = 20.0
FOLDER = Path('build/bench/tower')
ROOT = Path(__file__).resolve().parent.parent


def measure(quick: bool) -> list[Row]:
    rows = page_rows(8.0 if quick else 30.0, 3 if quick else 10)
    rows += stage_rows(5.0 if quick else 20.0)
    rows += composed_rows(6.0 if quick else 30.0)
    return rows + day_rows(4 if quick else 24)


def pages() -> Any:
    """The helpers of the browser tests."""
    sys.path.insert(0, 'src/swarm_tower/test/browser')
    try:
        module = importlib.import_module('pages')
    except ImportError:
        raise Missing('selenium', 'pip install selenium') from None
    if not (module.CHROMIUM.exists() and module.DRIVER.exists()):
        raise Missing('a browser', 'apt-get install chromium chromium-driver')
    return module


class TimedSwarm(LocalSwarm):
    """Towers that note what they do (_timed_tower.py)."""

    def arguments(self, name: str) -> list[str]:
        arguments = super().arguments(name)
        arguments[2] = 'bench._timed_tower'
        return arguments

    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
        return {**super().environment(), 'PYTHONPATH': path, 'BENCH_STAGES': str(self.stages)}

    @property
    def stages(self) -> Path:
        return self.folder / 'stages'


@contextlib.contextmanager
def loaded_tower(
    window_ms: int | None = None, kind: type[LocalSwarm] = LocalSwarm
) -> Iterator[tuple[str, psutil.Process]]:
    """The address and the process of a tower that hears the load."""
    port = free_ports(1)[0]
    # What makes the load has no keys: the tower hears plain messages.
    parameters = {'parts': ['tower'], 'storage_dir': None, 'voters': None, 'tower_port': port,
                  'window_ms': window_ms, 'security': 'off',
                  'tower_tokens': str((FOLDER / 'tokens.json').resolve())}
    swarm = kind(FOLDER.resolve(), ('tower',), parameters, swarm_id='bench')
    with swarm:
        swarm.start('tower')
        load = subprocess.Popen(
            [sys.executable, '-m', 'bench._tower_load', str(ROBOTS), str(RATE_HZ), 'bench'],
            env=swarm.environment(), stdout=subprocess.PIPE)
        try:
            assert load.stdout is not None
            load.stdout.readline()
            url = f'http://127.0.0.1:{port}'
            await_robots(url)
            yield url, psutil.Process(swarm.processes['tower'].pid)
        finally:
            load.kill()
            load.wait()


def await_robots(url: str) -> None:
    deadline = time.monotonic() + UP_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(
            f'{url}/api/v1/state', timeout=5
        ) as answer:
            robots = json.load(answer)['robots'].values()
            if sum(1 for one in robots if one['presence'] == 'fresh') >= ROBOTS:
                return
        time.sleep(0.2)
    raise TimeoutError(f'{ROBOTS} robots not heard by the tower within {UP_S:.0f} s')


def page_rows(seconds: float, loads: int) -> list[Row]:
    module = pages()
    firsts, sizes = [], []
    with loaded_tower() as (url, tower), module.chromium() as browser:
        command = browser.execute_cdp_cmd
        command('Page.addScriptToEvaluateOnNewDocument', {'source': watch(ROBOTS, timed=False)})
        command('Network.setCacheDisabled', {'cacheDisabled': True})
        for _ in range(loads):
            browser.get_log('performance')
            browser.get(url)
            firsts.append(until(lambda: browser.execute_script('return window.shown')))
            sizes.append(received_kb(browser))
        time.sleep(SETTLE_S)
        browser.execute_script('window.took = []')
        busy, drawing = shares([tower, renderer(browser)], seconds)
        took = [float(one) for one in browser.execute_script('return window.took')]
        rss = tower.memory_info().rss / 1e6
    write_samples('tower', {'took_ms': took, 'first_ms': firsts, 'page_kb': sizes})
    what = f'beacon to page, {ROBOTS} robots at {RATE_HZ:.0f} Hz'
    shown = f'{len(took)} of about {seconds * ROBOTS * RATE_HZ:.0f} beacons shown'
    load = f'load {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores'
    return [
        row(f'{what}: median', 'ms', took, target=P50_MS, note=f'{shown}, {load}'),
        tail(f'{what}: 95 of 100', 'ms', took, 95, target=P95_MS),
        row('tower: processor', '% of a core', [busy], note='one browser'),
        row('page: processor', '% of a core', [drawing], note='overview, its renderer'),
        row('tower alone: resident memory', 'MB', [rss]),
        row('page: first load without cache', 'kB', sizes, target=PAGE_KB),
        row('page: until leader and robots are shown', 'ms', firsts, target=FIRST_MS, note=load),
    ]


def stage_rows(seconds: float) -> list[Row]:
    """Where the delay is spent; with clocks inside tower and page, hence not in page_rows()."""
    stages = FOLDER / 'stages'
    stages.unlink(missing_ok=True)
    with loaded_tower(kind=TimedSwarm) as (url, _), pages().chromium() as browser:
        browser.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument',
                                {'source': watch(ROBOTS, timed=True)})
        browser.get(url)
        until(lambda: browser.execute_script('return window.shown'))
        time.sleep(SETTLE_S)
        browser.execute_script('window.drawn = []')
        time.sleep(seconds)  # the figures are of what happens in this time
        told, drawn = browser.execute_script('return [window.told, window.drawn]')
        found = ways(notes_of(stages), told, drawn)
    write_samples('tower_stages', [dict(zip(STAGES, one, strict=True)) for one in found])
    return stage_table(found)


def until(ask: Any) -> float:
    deadline = time.monotonic() + UP_S
    while time.monotonic() < deadline:
        if (found := ask()) is not None:
            return float(found)
        time.sleep(0.02)
    raise TimeoutError(f'the page has not shown the robots within {UP_S:.0f} s')


def renderer(browser: Any) -> psutil.Process:
    """The process that runs and draws the page: that of its renderers which has worked most."""
    started = psutil.Process(browser.service.process.pid).children(recursive=True)
    renderers = [one for one in started if '--type=renderer' in one.cmdline()]
    return max(renderers, key=lambda one: sum(one.cpu_times()[:2]))


def received_kb(browser: Any) -> float:
    """Bytes of all answers over HTTP since the last call, with their heads."""
    total = 0.0
    for line in browser.get_log('performance'):
        message = json.loads(line['message'])['message']
        if message['method'] == 'Network.loadingFinished':
            total += message['params']['encodedDataLength']
    return total / 1000


def composed_rows(seconds: float) -> list[Row]:
    """Three robots alike, but that one of them serves a tower with a browser's socket on it."""
    port = free_ports(1)[0]
    tokens = str((FOLDER / 'tokens.json').resolve())
    with watched(3) as field:
        parts = ['coordinator', 'learning', 'hw_discovery', 'tower']
        field.swarm.own = {'r1': {'parts': parts, 'tower_port': port, 'tower_tokens': tokens}}
        field.swarm.start_all()
        field.leader()
        field.client.spin_until(lambda: False, 10.0)
        answer = urllib.request.urlopen(f'http://127.0.0.1:{port}/api/v1/state', timeout=5)
        answer.read()
        field.client.spin_until(lambda: False, seconds)
        rss = {name: psutil.Process(one.pid).memory_info().rss / 1e6
               for name, one in field.swarm.processes.items()}
    plain = statistics.mean([rss['r2'], rss['r3']])
    return [row('tower as a part of a composed robot: added memory', 'MB', [rss['r1'] - plain],
                target=RSS_MB, note=f'{rss["r1"]:.0f} MB beside {plain:.0f} MB without it')]


def day_rows(hours: int) -> list[Row]:
    done = subprocess.run([sys.executable, '-m', 'bench._tower_day', str(hours)], check=True,
                          capture_output=True, text=True)
    told = json.loads(done.stdout)
    resident = told['resident_kib'][1:]  # the first hour fills what is bounded
    half = len(resident) // 2 or 1
    growth = statistics.mean(resident[half:] or resident) - statistics.mean(resident[:half])
    return [row(f'{hours} h of 10 robots and {told["events"]} events: memory gained after the '
                'first hour', 'KiB', [max(0.0, growth)], target=FLAT_KIB,
                note=f'{resident[0] / 1024:.0f} MiB, {told["kept"]} events kept')]
