// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What changes many times a second on one robot: sensors with rate, values and curves; diagnostics.

import {badge, el, keyed, panel, setText} from '../dom.js';
import {bytes, count, span} from '../format.js';
import {facts, table, textRow} from '../parts.js';
import {plot} from '../plot.js';
import {DIAGNOSTIC, tone} from '../tones.js';
import {ROBOT_LIVE as WORDS} from '../words.js';
import {counted, diagnosis, tasksOf, worstOf} from './diagnoses.js';

const KEPT = 120;
const CURVES_MAX = 4;
const SENSOR = {
  fresh: ['ok', 'ok'], stale: ['warn', 'slow'], faulty: ['error', 'error'], unknown: ['dim', 'none'],
};
const JUDGED = [WORDS.device, WORDS.state, WORDS.rateHead, WORDS.lastReading, WORDS.why];

export function judgedSensors() {
  const rows = table('table', JUDGED);
  const node = el('div', {}, el('h3', {}, WORDS.judged), rows.node);
  node.hidden = true;
  return {
    node,
    show(sensors) {
      node.hidden = !sensors.length;
      rows.rows(sensors, ([device]) => device, () => {
        const state = badge();
        return textRow(JUDGED, ([device, word, age, rate, reason]) => {
          state.show(...(SENSOR[word] ?? SENSOR.unknown), word);
          return [device, state, rate === null ? '–' : WORDS.rate(rate),
            age === null ? WORDS.noneYet : `${span(age)} before`, reason || '–'];
        });
      });
    },
  };
}

// -- topics

export function topicCards() {
  const list = el('div.cards.topics');
  const kept = new Map(); // key -> {count, times, fields: Map}
  let robot = '';
  return {
    node: list,
    show(store, id) {
      if (id !== robot) {
        robot = id;
        kept.clear();
      }
      const prefix = `${id}/topic/`;
      const rows = [...store.section('live').entries()].filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [key, row] of rows) remember(kept, key, row, store);
      keyed(list, rows, ([key]) => key, ([key, row]) => topicCard(row, () => kept.get(key)));
      return rows.length;
    },
  };
}

function remember(kept, key, row, store) {
  if (!kept.has(key)) kept.set(key, {count: -1, times: [], fields: new Map()});
  const held = kept.get(key);
  if (held.count === row.count) return;
  held.count = row.count;
  held.times.push(store.wall(row.heard_ms) / 1000);
  const numbers = new Map(row.fields.filter(([, value]) => typeof value === 'number'));
  for (const name of numbers.keys()) {
    if (!held.fields.has(name)) held.fields.set(name, new Array(held.times.length - 1).fill(null));
  }
  for (const [name, values] of held.fields) values.push(numbers.get(name) ?? null);
  if (held.times.length <= KEPT) return;
  held.times.shift();
  for (const values of held.fields.values()) values.shift();
}

function topicCard(row, held) {
  const rate = badge();
  const size = el('span.note');
  const values = facts();
  const note = el('p.note');
  const choice = el('select', {'aria-label': `${WORDS.curves} ${row.topic}`});
  const place = el('div');
  const curves = el('div', {}, choice, place);
  const node = el('article.card.topic', {'data-topic': row.topic}, el('div.card-head', {},
    el('h3.id', {}, row.topic.replace(`/${row.robot_id}/`, '')), el('span.tag', {}, row.kind)),
  el('p', {}, rate, size), note, curves, el('details', {}, el('summary', {}, WORDS.values), values));
  const state = {groups: '', chosen: false, shown: '', chart: null};
  choice.addEventListener('change', () => { state.chosen = true; draw(held(), choice, place, state); });
  node.update = ([, now]) => {
    rate.show(...(now.rate_hz ? ['ok', 'ok', WORDS.rate(now.rate_hz)] : ['warn', 'slow', WORDS.silent]));
    setText(size, `${count(now.count, 'message')}${now.size_bytes ? `, ${bytes(now.size_bytes)} each` : ''}`);
    setText(note, now.note);
    note.hidden = !now.note;
    values.show(now.fields.map(([name, value]) => [name, value === null ? WORDS.noNumber : String(value)]));
    draw(held(), choice, place, state);
  };
  return node;
}

function draw(held, choice, place, state) {
  const groups = groupsOf(held.fields);
  choice.hidden = groups.size < 2;
  place.parentNode.hidden = groups.size === 0;
  const key = [...groups.keys()].join('|');
  if (key !== state.groups) {
    state.groups = key;
    choice.replaceChildren(...[...groups.keys()].map((g) => el('option', {value: g}, g)));
  }
  if (!state.chosen) {
    const moving = [...groups].find(([, names]) => names.some((n) => varies(held.fields.get(n))));
    choice.value = (moving ?? [...groups][0] ?? [''])[0];
  }
  const names = groups.get(choice.value) ?? [];
  if (!names.length) return;
  if (choice.value !== state.shown) {
    state.shown = choice.value;
    state.chart = plot({label: `${WORDS.curves} ${choice.value}`, names: names.map(short), height: 130});
    place.replaceChildren(state.chart);
  }
  state.chart.show([...held.times], names.map((name) => [...held.fields.get(name)]));
}

/** Figures that belong together by the beginning of their names, at most CURVES_MAX of each. */
function groupsOf(fields) {
  const groups = new Map();
  for (const name of fields.keys()) {
    const group = /^(.*)[. ][^. ]+$/.exec(name)?.[1] ?? /^(.*)\[\d+\]$/.exec(name)?.[1] ?? WORDS.single;
    if (!groups.has(group)) groups.set(group, []);
    if (groups.get(group).length < CURVES_MAX) groups.get(group).push(name);
  }
  return groups;
}

function short(name) {
  return /[^. ]+$/.exec(name)?.[0] ?? name;
}

function varies(values) {
  const known = values.filter((v) => v !== null);
  return known.length > 1 && known.some((v) => v !== known[0]);
}

// -- diagnostics

export function diagnosticsPanel(of) {
  const box = panel(WORDS.diagnostics, 'robot-diagnostics');
  const empty = el('p.empty', {}, WORDS.none);
  const worst = badge();
  const list = el('div.tree');
  box.append(empty, worst, list);
  return {
    box, needs: ['diagnostics', 'time'],
    render(store) {
      const rows = tasksOf([...store.section('diagnostics').values()]
        .filter((row) => row.robot === of.id));
      empty.hidden = rows.length > 0;
      worst.hidden = !rows.length;
      if (rows.length) worst.show(...tone(DIAGNOSTIC, worstOf(rows)), counted(rows));
      keyed(list, rows, (r) => r.name, () => diagnosis(store));
    },
  };
}
