// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Control signals: the swarm's aggregate with its course, and every robot's own figures.

import {bar, el, keyed, setAttr, setClass, setText, svg} from '../dom.js';
import {figure} from '../format.js';
import {CONSCIOUSNESS as WORDS} from '../words.js';
import {SIGNALS} from './robots.js';

const AGGREGATE = [
  ['arousal', WORDS.arousal], ['stability', WORDS.stability],
  ['pressure', WORDS.pressure],
];
const WIDTH = 240;
const HEIGHT = 44;
const SAMPLES_MIN = 60;

export function aggregate(box) {
  const rows = AGGREGATE.map(([name, meaning]) => {
    const meter = bar();
    meter.id = `${box.id}-${name}`;
    const line = svg(`polyline.line.s-${name}`);
    const plot = svg('svg.spark', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none',
      'aria-hidden': 'true'}, svg('path.grid', {d: `M0 ${HEIGHT / 2}H${WIDTH}`}), line);
    box.append(el('div.aggregate', {title: meaning}, el('span.label', {}, name), meter, plot));
    return {name, meter, line};
  });
  const note = el('p.note');
  box.append(note);
  return {
    needs: ['consciousness', 'time'],
    render(store) {
      const c = store.consciousness;
      for (const {name, meter, line} of rows) {
        meter.show(c[name] ?? null, figure(c[name]));
        setAttr(line, 'points', points(store.samples.map((s) => s[name])));
      }
      setText(note, noteWords(store));
    },
  };
}

function noteWords(store) {
  const c = store.consciousness;
  if (c.heard_ms === undefined) return WORDS.none;
  const worst = c.worst_robot ? WORDS.worst(c.worst_robot) : '';
  return WORDS.from(c.robots, figure(c.spread), worst, c.sender, store.age(c.heard_ms));
}

function points(values) {
  const found = [];
  const shown = Math.max(SAMPLES_MIN, values.length); // a short course fills more of the plot
  const first = shown - values.length;
  values.forEach((value, i) => {
    if (typeof value !== 'number') return;
    const x = ((first + i) / (shown - 1)) * WIDTH;
    found.push(`${x.toFixed(1)},${(HEIGHT - 2 - value * (HEIGHT - 4)).toFixed(1)}`);
  });
  return found.join(' ');
}

export function robotSignals(box) {
  const body = el('tbody');
  const empty = el('p.empty', {}, WORDS.noRobot);
  box.append(el('div.scroll', {}, el('table.signal-table', {}, el('thead', {}, el('tr', {},
    el('th', {scope: 'col'}, WORDS.robot), ...SIGNALS.map((s) => el('th', {scope: 'col'}, s)))),
  body)), empty);
  return {
    needs: ['robots'],
    render(store) {
      const robots = store.robotList();
      keyed(body, robots, (r) => r.robot_id, signalRow);
      empty.hidden = robots.length > 0;
    },
  };
}

function signalRow(robot) {
  const meters = SIGNALS.map(() => bar());
  const row = el('tr', {}, el('td', {'data-label': WORDS.robot}, el('span.id', {}, robot.robot_id)),
    ...meters.map((m, i) => el('td', {'data-label': SIGNALS[i]}, m)));
  row.update = (r) => {
    setClass(row, 'absent', r.presence !== 'fresh');
    meters.forEach((meter, i) => {
      const value = r.figures?.[SIGNALS[i]] ?? null;
      meter.show(value, figure(value));
    });
  };
  return row;
}
