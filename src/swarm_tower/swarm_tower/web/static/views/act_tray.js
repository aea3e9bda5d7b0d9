// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The last actions and what became of them, in a corner of every view.

import {askAgain, lastActs, onActs} from '../acts.js';
import {badge, el, keyed, setText} from '../dom.js';
import {clock} from '../format.js';
import {ACT_TRAY as WORDS} from '../words.js';

const TONES = {
  pending: ['info', 'slow'], committed: ['ok', 'ok'], rejected: ['error', 'error'],
  unknown: ['warn', 'warn'],
};
const SHOWN = 4;
const COMMITTED_MS = 12000; // then it goes by itself; all else stays until it is hidden
const SUBJECTS = ['mode', 'job_id', 'robot_id', 'to', 'robot', 'reason'];

export function makeTray(page) {
  const list = el('ol.act-list', {'aria-live': 'polite', 'aria-label': WORDS.label});
  const box = el('aside.act-tray', {id: 'act-tray', 'aria-label': WORDS.label}, list);
  const hidden = new Set();
  const draw = () => {
    const now = Date.now();
    const entries = lastActs().filter((one) => !hidden.has(one.id)
      && !(one.state === 'committed' && now - one.at > COMMITTED_MS));
    box.hidden = entries.length === 0;
    keyed(list, entries.slice(0, SHOWN), (one) => one.id, (one) => row(one, () => {
      hidden.add(one.id);
      draw();
    }));
  };
  page.body.append(box);
  onActs(() => { draw(); setTimeout(draw, COMMITTED_MS + 100); });
  draw();
}

function row(entry, hide) {
  const state = badge();
  const what = el('span.act-what');
  const reason = el('span.act-reason');
  const again = el('button.small', {type: 'button', onclick: () => askAgain(entry)}, WORDS.again);
  const close = el('button.small', {type: 'button', onclick: hide,
    'aria-label': `${WORDS.hide}: ${words(entry)}`}, WORDS.hide);
  const node = el('li.act-row', {'data-act': entry.name}, state, what, reason,
    el('span.act-row-buttons', {}, again, close));
  node.update = (one) => {
    node.dataset.state = one.state;
    state.show(...TONES[one.state], WORDS.states[one.state]);
    setText(what, `${words(one)}, ${clock(one.at)}`);
    setText(reason, one.reason);
    again.hidden = one.state !== 'unknown'; // by its key or by its nature it is no second deed
  };
  return node;
}

function words(entry) {
  const about = SUBJECTS.map((name) => entry.body[name]).find((value) => value);
  return entry.name.replaceAll('_', ' ') + (about ? `: ${about}` : '');
}
