// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What the flight recorder has: how it goes, what was kept and why, and what may be had of it.

import {actButton} from '../acts.js';
import {get} from '../api.js';
import {badge, el, keyed, panel, setText} from '../dom.js';
import {bytes, dateTime, duration, plain} from '../format.js';
import {RECORDINGS as WORDS} from '../words.js';

const STATES = {
  recording: ['ok', 'ok'], starting: ['info', 'info'], failing: ['error', 'error'],
  closed: ['dim', 'none'],
};
const AGAIN_MS = 5000;

export function makeRecordings(root, travel) {
  const state = badge();
  const about = el('p.note', {role: 'status'}, WORDS.asking);
  const told = {tail: 60};
  const save = actButton(WORDS.save(60), 'save_recording', () => ({
    title: WORDS.saveTitle, text: WORDS.saveText(told.tail), go: WORDS.saveGo,
    fields: [{name: 'reason', label: WORDS.reason, value: '', required: true,
      help: WORDS.reasonHelp}],
    body: ({reason}) => { setTimeout(look, 1000); return {reason}; },
  }), {id: 'recordings-save'});
  save.hidden = true;
  const head = panel(WORDS.recorder, 'recorder', el('div.recorder-told', {}, state, about, save),
    el('p.note', {}, WORDS.how));
  const kept = table(WORDS.kept, 'recordings-kept', travel);
  const ring = table(WORDS.ring, 'recordings-ring', travel);
  root.append(head, kept.box, ring.box);
  let askedAt = -Infinity;

  async function look() {
    askedAt = performance.now();
    try {
      draw(await get('recordings'));
    } catch (error) {
      state.show('error', 'gone', plain('not_known'));
      setText(about, WORDS.unreached(error.message));
    }
  }

  function draw(found) {
    const recorder = found.recorder;
    save.hidden = !recorder;
    if (recorder) {
      told.tail = recorder.tail_s;
      setText(save.firstChild, WORDS.save(recorder.tail_s));
    }
    const [colour, shape] = STATES[recorder?.state] ?? ['dim', 'none'];
    state.show(colour, shape, recorder ? recorder.state : found.replay ? 'replay' : 'off');
    setText(about, recorder ? condition(recorder)
      : found.replay ? WORDS.replay(found.replay) : WORDS.off);
    kept.draw(found.recordings.filter((r) => r.kept), WORDS.noneKept(told.tail));
    ring.draw(found.recordings.filter((r) => !r.kept), WORDS.noneRing);
    ring.box.hidden = !recorder && !found.recordings.some((r) => !r.kept);
    kept.box.hidden = !recorder && !found.recordings.some((r) => r.kept);
  }

  return [{
    needs: ['time', 'swarm'],
    render() {
      if (performance.now() - askedAt > AGAIN_MS) look();
    },
  }];
}

function condition(recorder) {
  const parts = [recorder.trouble, recorder.not_saved, 
    WORDS.written(recorder.written, recorder.folder),
    WORDS.room(bytes(recorder.ring_bytes_max), bytes(recorder.kept_bytes_max))];
  if (recorder.dropped) parts.push(WORDS.lost(recorder.dropped));
  if (recorder.unknown) parts.push(WORDS.unknown(recorder.unknown));
  return parts.filter(Boolean).join('; ');
}

function table(title, id, travel) {
  const body = el('tbody');
  const empty = el('p.empty');
  const scroll = el('div.scroll', {}, el('table.recordings', {},
    el('thead', {}, el('tr', {}, ...WORDS.columns.map((c) => el('th', {scope: 'col'}, c)))),
    body));
  const box = panel(title, id, scroll, empty);
  return {
    box,
    draw(rows, nothing) {
      scroll.hidden = !rows.length;
      empty.hidden = rows.length > 0;
      setText(empty, nothing);
      keyed(body, rows, (row) => row.name, (row) => line(row, travel));
    },
  };
}

function line(first, travel) {
  const cells = WORDS.columns.map((name) => el('td', {'data-label': name || null}));
  const [name, begins, length, size, messages, reason, acts] = cells;
  name.classList.add('id');
  let now = first;
  const show = el('button.small', {type: 'button', onclick: () => travel.show(now)}, WORDS.show);
  const link = el('a.recording-get', {href: `/api/v1/recordings/${encodeURIComponent(first.name)}`,
    download: first.name}, WORDS.download);
  acts.append(el('span.recording-acts', {}, show, link));
  const node = el('tr', {'data-recording': first.name}, ...cells);
  node.update = (row) => {
    now = row;
    setText(name, row.name);
    setText(begins, dateTime(row.start_ms));
    setText(length, row.start_ms ? duration(row.end_ms - row.start_ms) : '–');
    setText(size, bytes(row.bytes));
    setText(messages, row.messages);
    setText(reason, why(row));
    show.hidden = !row.start_ms;
  };
  return node;
}

function why(row) {
  const by = row.automatic ? WORDS.alarm : row.by ? `${WORDS.hand} ${row.by}` : '';
  const open = row.complete ? '' : WORDS.open;
  return [row.reason && plain(row.reason), by, row.trouble || open].filter(Boolean).join(' · ')
    || '–';
}
