#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/pictures/*.png anew: the page of the tower in chromium.

    python scripts/screenshots.py                          robots that only talk (any machine)
    python scripts/screenshots.py --url http://127.0.0.1:8080    a swarm that runs: `make demo`

With --url the pictures show what that swarm does; a lost robot and a split view are then left
out, as are without it those that need a mind and a log. Needs chromium, chromium-driver, selenium
and ROS 2.
"""

from __future__ import annotations

import argparse
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEST = ROOT / 'src' / 'swarm_tower' / 'test'
sys.path[:0] = [str(ROOT / 'src' / 'swarm_tower'), str(TEST), str(TEST / 'ros'),
                str(TEST / 'browser')]
PICTURES = ROOT / 'docs' / 'pictures'
BYTES_MAX = 180_000
SETTLE_S = 2.5


@dataclass(frozen=True)
class Shot:
    """One picture; `scene` is what the robots do, `open` is clicked before, `unfold` opened."""

    name: str
    view: str
    scheme: str = 'dark'
    width: int = 1200
    height: int = 740
    scene: str = 'busy'
    open: str = ''
    unfold: str = ''


SHOTS = (
    Shot('tower_overview', 'overview'),
    Shot('tower_jobs', 'jobs', 'light', height=660),
    Shot('tower_keys', 'robots', height=640, open='#keys-button'),
    Shot('tower_mind', 'mind', height=800, scene='real'),
    Shot('tower_diagnostics', 'diagnostics', 'light', scene='real',
         unfold='details[data-robot=r1]'),
    Shot('tower_log', 'log', height=800, scene='real'),
    Shot('tower_phone', 'overview', width=360, height=780),
    Shot('tower_lost_robot', 'overview', 'light', scene='lost'),
    Shot('tower_split_view', 'overview', scene='split'),
)


class Running:
    """A swarm that is there already; time passes by itself."""

    def __init__(self, url: str) -> None:
        self.url = url

    def serves(self) -> bool:
        try:
            with urllib.request.urlopen(f'{self.url}/healthz', timeout=2):
                return True
        except OSError:
            return False

    def play(self, scene: str, seconds: float) -> bool:
        time.sleep(seconds)  # the swarm goes on meanwhile
        return scene in ('busy', 'real')

    def until(self, true: Callable[[], Any], what: str) -> Any:
        for _ in range(100):
            if found := true():
                return found
            time.sleep(0.1)
        raise SystemExit(f'screenshots: {what}: not within 10 s at {self.url}')


class Played:
    """Robots that only talk, in this process."""

    def __init__(self) -> None:
        from fake_swarm import Story
        from robots_on_air import OnAir

        self.air = OnAir(5, stale_after_ms=1500, lost_after_ms=3000, swarm_id='orchard')
        self.air.swarm.swarm_id = 'orchard'
        self.story = Story(self.air.swarm)
        self.url = self.air.url
        self.until = self.air.until
        for _ in range(150):
            self.story.beat()
            self.air.spin(0.02)

    def play(self, scene: str, seconds: float) -> bool:
        if scene == 'real':
            return False
        swarm = self.air.swarm
        swarm.silent = {'robot_c'} if scene == 'lost' else set()
        swarm.opinions = {'robot_b': 'robot_b', 'robot_d': 'robot_b'} if scene == 'split' else {}
        if scene == 'lost' and seconds >= SETTLE_S:
            swarm.tell('job_lost', 'job-0012 was given up after 3 attempts', 2, 'job-0012')
        end = time.monotonic() + seconds + (2.5 if scene == 'lost' else 0)
        while time.monotonic() < end:
            self.story.beat()
            self.air.spin(0.1)
        return True

    def close(self) -> None:
        self.air.close()


@contextmanager
def swarm_of(url: str) -> Iterator[Running | Played]:
    if url:
        running = Running(url.rstrip('/'))
        running.until(running.serves, 'a tower serves')
        yield running
        return
    played = Played()
    try:
        yield played
    finally:
        played.close()


def take(page: Any, swarm: Running | Played, shot: Shot) -> bytes | None:
    page.look(shot.width, shot.scheme, shot.height)
    page.go(shot.view)
    if not swarm.play(shot.scene, SETTLE_S):
        return None
    if shot.open:
        page.click(shot.open)
    if shot.unfold:
        page.find(shot.unfold)
        page.script('document.querySelector(arguments[0]).open = true', shot.unfold)
    page.script('document.activeElement.blur(); scrollTo(0, 0)')
    swarm.play(shot.scene, 0.3)
    return bytes(page.browser.get_screenshot_as_png())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--url', default='', help='of a tower that runs')
    options = parser.parse_args()
    import pages

    PICTURES.mkdir(parents=True, exist_ok=True)
    with pages.chromium() as browser, swarm_of(options.url) as swarm:
        page = pages.Page(browser, swarm)
        page.open()
        page.shows('#link', 'live')
        for shot in SHOTS:
            page.open(shot.view)
            picture = take(page, swarm, shot)
            if picture is None:
                print(f'{shot.name}: left out, the running swarm does not show it')
                continue
            if len(picture) > BYTES_MAX:
                print(f'{shot.name}: {len(picture)} bytes, expected at most {BYTES_MAX}')
                return 1
            (PICTURES / f'{shot.name}.png').write_bytes(picture)
            print(f'docs/pictures/{shot.name}.png: {len(picture) // 1000} kB')
    return 0


if __name__ == '__main__':
    sys.exit(main())
