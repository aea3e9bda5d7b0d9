// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The aggregate over time, and the regimes that the swarm has been in.

import {badge, bar, el, keyed, panel, setText} from '../dom.js';
import {clock, figure, plain, span} from '../format.js';
import {facts, source, why} from '../parts.js';
import {plot} from '../plot.js';
import {COURSE as WORDS} from '../words.js';

const NAMES = ['arousal', 'stability', 'pressure'];
export const REGIME = {
  unknown: ['dim', 'none'], calm: ['ok', 'ok'], panic: ['error', 'error'],
  thrash: ['warn', 'warn'], over_cautious: ['odd', 'square'],
};
const LISTED = 6;

export function coursePanel() {
  const box = panel(WORDS.course, 'mind-course');
  const chart = plot({label: WORDS.course, names: NAMES, range: [0, 1], height: 270});
  const empty = el('p.empty', {}, WORDS.noCourse);
  const note = el('p.note');
  box.append(empty, chart, note);
  let drawn = '';
  return {
    box,
    needs: ['course', 'consciousness', 'robots', 'time'],
    render(store) {
      const rows = [...store.section('course').entries()].sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, row]) => row);
      empty.hidden = rows.length > 0;
      chart.hidden = rows.length === 0;
      const key = `${rows.length}/${rows.at(-1)?.[0]}/${chart.clientWidth}`;
      if (key !== drawn) {
        drawn = key;
        chart.show(rows.map((row) => store.wall(row[0]) / 1000),
          NAMES.map((_, i) => rows.map((row) => row[i + 1])));
      }
      setText(note, noteWords(store));
    },
  };
}

function noteWords(store) {
  const c = store.consciousness;
  if (c.heard_ms === undefined) return '';
  const worst = c.worst_robot ? WORDS.worst(c.worst_robot) : '';
  return `${WORDS.from(c.robots, figure(c.spread))}${worst}; ${source(store, c)}`;
}

export function regimePanel() {
  const box = panel(WORDS.regime, 'mind-regime');
  const now = badge();
  const alarm = badge();
  const sure = bar();
  const reason = el('p.reason');
  const strip = el('div.strip', {role: 'img'});
  const list = el('ol.plain', {'aria-label': WORDS.strip});
  const more = facts();
  const empty = el('p.empty', {}, WORDS.noRegime);
  const note = el('p.note');
  const body = el('div', {}, el('p.regime-now', {}, now, alarm, el('span.sure', {}, sure)), reason,
    el('h3', {}, WORDS.strip), strip, list, more, why('regime', '', WORDS.whyRegime), note);
  box.append(empty, body);
  return {
    box,
    needs: ['regime', 'robots', 'time'],
    render(store) {
      const row = store.section('regime').get('now');
      empty.hidden = Boolean(row);
      body.hidden = !row;
      if (!row) return;
      now.show(...(REGIME[row.regime] ?? REGIME.unknown), plain(row.regime));
      alarm.hidden = !row.alarm;
      alarm.show('error', 'error', WORDS.alarm);
      sure.show(row.confidence, `${figure(row.confidence)} sure`);
      setText(reason, row.reason);
      drawStrip(store, strip, list);
      more.show([[WORDS.model, row.model], [WORDS.distance, row.distance === null ? null
        : WORDS.limit(row.distance, row.distance_limit)],
      ...row.figures.map(([name, value]) => [plain(name), figure(value)])]);
      setText(note, source(store, row));
    },
  };
}

function drawStrip(store, strip, list) {
  const rows = [...store.section('regime').entries()].filter(([key]) => key !== 'now')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const end = store.monoNow() ?? 0;
  const parts = rows.map(([key, [at, regime, alarm]], i) => ({
    key, regime, alarm, at, ms: Math.max(1, (rows[i + 1]?.[1][0] ?? end) - at),
  }));
  keyed(strip, parts.slice(-60), (p) => p.key, stripPart);
  keyed(list, parts.slice(-LISTED).reverse(), (p) => p.key, (p) => {
    const state = badge();
    state.show(...(REGIME[p.regime] ?? REGIME.unknown), plain(p.regime));
    const words = el('span');
    const node = el('li', {}, el('time', {}, clock(store.wall(p.at))), ' ', state, words);
    node.update = (now) => setText(words, WORDS.lasted(now.ms, p.alarm));
    return node;
  });
  strip.setAttribute('aria-label', parts.map((p) => `${plain(p.regime)} ${span(p.ms)}`).slice(-LISTED)
    .join(', then '));
}

function stripPart(part) {
  const [tone] = REGIME[part.regime] ?? REGIME.unknown;
  const node = el(`span.strip-part.t-${tone}.r-${part.regime}`, {title: plain(part.regime)},
    el('span', {}, plain(part.regime)));
  node.classList.toggle('alarmed', part.alarm);
  node.update = (p) => {
    const grow = String(Math.round(p.ms / 100));
    if (node.style.flexGrow !== grow) node.style.flexGrow = grow;
  };
  return node;
}
