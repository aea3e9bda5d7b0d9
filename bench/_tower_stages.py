# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Where the time goes between a robot and the page: joins the notes of the tower
(_timed_tower.py) with those of the page (WATCH here) and takes them apart. Measures nothing.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.table import Row, percentile, row

# Each ends where the next begins; together they are the whole way.
STAGES = (
    'from the robot until the callback begins',
    'convert, fold into the picture',
    'wait for the window',
    'collect and encode what changed',
    'until it is given to the socket',
    'until the page is told',
    'until a draw begins',
    'until the row is drawn',
)
# `took`: delays of stamps that a row showed for the first time. A row also shows by how much a
# robot is behind, which changes with what others say: showing a stamp again is no delay.
WATCH = """
  const clock = () => performance.timeOrigin + performance.now();
  window.took = []; window.shown = null; window.wants = %(robots)d; window.timed = %(timed)s;
  window.told = []; window.drawn = [];
  const newest = new Map();
  let drawing = 0;
  if (window.timed) {
    const later = window.setTimeout;
    window.setTimeout = (what, ...rest) => later(what.name !== 'draw' ? what
      : () => { drawing = clock(); what(); }, ...rest);
    const socket = window.WebSocket;
    window.WebSocket = class extends socket {
      constructor(...given) {
        super(...given);
        this.addEventListener('message', ({data}) => {
          const found = /"revision":(\\d+)/.exec(data.slice(0, 200));
          if (found) window.told.push([Number(found[1]), clock()]);
        });
      }
    };
  }
  new MutationObserver((list) => {
    const now = clock();
    for (const {target} of list) {
      const cell = (target.nodeType === 3 ? target.parentElement : target).closest?.('td');
      if (cell?.dataset.label !== 'Applied') continue;
      const robot = cell.parentElement.dataset.robot, stamp = parseInt(cell.textContent, 10);
      if (!(stamp > (newest.get(robot) ?? 0))) continue;
      newest.set(robot, stamp);
      window.took.push(now - stamp);
      if (window.timed) window.drawn.push([robot, stamp, drawing, now]);
    }
    if (window.shown === null && document.querySelector('#leader')?.textContent.includes('robot_')
        && document.querySelectorAll('#view-overview tr[data-robot]').length >= window.wants) {
      window.shown = performance.now();
    }
  }).observe(document, {subtree: true, childList: true, characterData: true});
"""


def watch(robots: int, timed: bool) -> str:
    """Script for a new page: fills window.took and window.shown, and if timed told and drawn."""
    return WATCH % {'robots': robots, 'timed': 'true' if timed else 'false'}


def notes_of(file: Path) -> list[list[Any]]:
    """Lines of a tower that may still be writing."""
    return [json.loads(line) for line in file.read_text().splitlines(True) if line[-1] == '\n']


def ways(
    notes: Iterable[list[Any]], told: Iterable[list[Any]], drawn: Iterable[list[Any]]
) -> list[list[float]]:
    """The time of each stage, in ms, of every beacon that both sides saw."""
    heard: dict[tuple[str, int], list[float]] = {}
    messages: dict[int, list[float]] = {}
    sent: dict[int, float] = {}
    carried: dict[tuple[str, int], int] = {}
    for kind, *note in notes:
        if kind == 'heard':
            heard[note[0], note[1]] = note[2:]
        elif kind == 'told':
            messages[note[0]] = note[1:3]
            carried.update({(robot, stamp): note[0] for robot, stamp in note[3]})
        else:
            sent[note[0]] = note[1]
    page = {int(revision): at for revision, at in told}
    found = []
    for robot, stamp, began, ended in drawn:
        key = robot, int(stamp)
        revision = carried.get(key, -1)
        if key in heard and revision in sent and revision in page:
            times = [key[1], *heard[key], *messages[revision], sent[revision], page[revision],
                     began, ended]
            found.append([after - before for before, after in itertools.pairwise(times)])
    return found


def stage_table(found: Sequence[list[float]]) -> list[Row]:
    whole = [('a beacon in stages: the whole way', [sum(one) for one in found])]
    return [
        row(name, 'ms', taken, note=f'mean {statistics.mean(taken):.1f}, '
            f'95 of 100 below {percentile(taken, 95):.1f}')
        for name, taken in whole + [
            (f'- {name}', list(taken))
            for name, taken in zip(STAGES, zip(*found, strict=True), strict=True)]
    ]
