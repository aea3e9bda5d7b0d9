// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Questions to the collective memory: a window of time, and what happened in it.

import {get} from '../api.js';
import {el, panel, setClass, setText} from '../dom.js';
import {dateTime, figure, plain} from '../format.js';
import {table, textRow, why} from '../parts.js';
import {MEMORY as WORDS} from '../words.js';

const WINDOWS = [[600, 'last 10 minutes'], [3600, WORDS.lastHour], [86400, WORDS.lastDay],
  [604800, WORDS.lastWeek], [0, 'everything']];
const QUANTILES = [0.05, 0.5, 0.95];
const HEADS = [WORDS.figure, WORDS.values, WORDS.mean, WORDS.deviation, WORDS.least, '5 %', WORDS.median, '95 %', WORDS.most];

export function memoryForm() {
  const box = panel(WORDS.title, 'mind-memory');
  const span_ = choice('memory-window', WINDOWS.map(([s, words]) => [s, words]), 3600);
  const whose = choice('memory-whose', [['', WORDS.all]], '');
  const channels = el('input', {id: 'memory-channels', placeholder: WORDS.channelsHelp});
  const kind = el('input', {id: 'memory-kind', placeholder: WORDS.kindHelp});
  const said = el('p.note', {role: 'status'}, WORDS.idle);
  const result = el('div');
  const form = el('form.ask', {}, field(WORDS.window, span_), field(WORDS.whose, whose),
    field(WORDS.channels, channels), field(WORDS.kind, kind),
    el('button', {type: 'submit'}, WORDS.ask));
  box.append(form, said, result, why('memory', '', WORDS.why));
  let clock = () => Date.now();
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    setText(said, WORDS.asking);
    setClass(said, 'wrong', false);
    const window = Number(span_.value);
    try {
      draw(await get('memory', {whose: whose.value, channels: channels.value, kind: kind.value,
        quantiles: QUANTILES.join(','), exemplars: 16,
        begin_ms: window ? Math.max(0, Math.round(clock() - window * 1000)) : 0}), said, result);
    } catch (wrong) {
      setClass(said, 'wrong', true);
      setText(said, wrong.message);
      result.replaceChildren();
    }
  });
  let robots = '';
  return {
    box,
    needs: ['robots'],
    render(store) {
      clock = () => store.wall(store.monoNow()) ?? Date.now(); // the robots' time, not the browser's
      const ids = store.robotList().map((r) => r.robot_id);
      if (ids.join() === robots) return;
      robots = ids.join();
      const chosen = whose.value;
      whose.replaceChildren(el('option', {value: ''}, WORDS.all),
        ...ids.map((id) => el('option', {value: id}, id)));
      whose.value = ids.includes(chosen) ? chosen : '';
    },
  };
}

function choice(id, options, chosen) {
  return el('select', {id}, ...options.map(([value, words]) => el('option',
    {value, selected: value === chosen ? '' : null}, words)));
}

function field(label, input) {
  return el('div.field', {}, el('label', {for: input.id}, label), input);
}

function draw(answer, said, result) {
  setText(said, answer.events || answer.channels.length ? WORDS.said(answer) : WORDS.nothing);
  const rows = table('table', HEADS);
  rows.rows(answer.channels, (c) => c.channel, () => textRow(HEADS, (c) => [plain(c.channel), c.n,
    ...[c.mean, c.deviation, c.min, ...QUANTILES.map((_, i) => c.quantiles[i]), c.max].map(written)]));
  const counted = Object.entries(answer.counts).sort(([, a], [, b]) => b - a)
    .map(([kind, n]) => el('li', {}, el('b', {}, n), ` ${plain(kind)}`));
  const stood = answer.exemplars.map((e) => el('li', {}, el('time', {}, dateTime(e.stamp_ms)), ' ',
    el('b', {}, plain(e.kind)), ` ${e.subject} — ${e.text} (${figure(e.salience)})`));
  result.replaceChildren(
    ...(answer.channels.length ? [el('h3', {}, WORDS.figures), rows.node] : []),
    ...(counted.length ? [el('h3', {}, WORDS.counted), el('ul.legend', {}, ...counted)] : []),
    ...(stood.length ? [el('h3', {}, WORDS.remarkable), el('ul.plain', {}, ...stood)] : []));
}

function written(value) {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : '–';
}
