// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What a job wrote, read piece by piece and, if wanted, followed. Owns how much is kept here.

import {get} from '../api.js';
import {el, setAttr, setText} from '../dom.js';
import {Poll} from '../poll.js';
import {JOB_LOG as WORDS} from '../words.js';

const FOLLOW_MS = 1500;
const KEPT_CHARACTERS = 200_000;
const LIVE = new Set(['leased', 'running']);

export function jobLog() {
  const stream = el('select', {'aria-label': WORDS.stream}, el('option', {value: 'stdout'}, 'stdout'),
    el('option', {value: 'stderr'}, 'stderr'));
  const follow = el('button', {type: 'button', 'aria-pressed': 'true'}, WORDS.following);
  const note = el('span.note');
  const text = el('pre.log', {id: 'job-log', tabindex: '0', 'aria-label': WORDS.label});
  const state = {text: '', next: null, last: null, cut: false, key: ''};
  let drawn = () => {};
  const poll = new Poll(FOLLOW_MS, (key) => read(key, state), () => drawn());
  follow.addEventListener('click', () => {
    const on = follow.getAttribute('aria-pressed') !== 'true';
    setAttr(follow, 'aria-pressed', String(on));
    setText(follow, on ? WORDS.following : WORDS.follow);
    drawn();
  });
  stream.addEventListener('change', () => drawn());
  return {
    node: el('div', {}, el('div.tools', {}, stream, follow, note), text),
    show(job, redraw) {
      drawn = redraw;
      text.hidden = !job.attempt;
      if (!job.attempt) {
        setText(note, WORDS.never);
        return;
      }
      const key = `${job.job_id}|${stream.value}|${job.attempt}`;
      if (key !== state.key) Object.assign(state, {key, text: '', next: null, last: null, cut: false});
      const wanted = follow.getAttribute('aria-pressed') === 'true';
      const done = state.last?.ended && state.next >= state.last.size_bytes;
      if (key !== poll.key || (wanted && !done) || state.last === null) poll.tick(key);
      write(text, state.text, wanted);
      setText(note, noteWords(job, state, poll));
    },
  };
}

async function read(key, state) {
  const [id, stream, attempt] = key.split('|');
  const query = {stream, attempt};
  if (state.next !== null) query.offset = state.next;
  const piece = await get(`jobs/${id}/log`, query);
  if (key !== state.key) return piece; // another log was chosen meanwhile
  state.cut ||= state.next === null && piece.offset > 0;
  state.text += piece.text;
  if (state.text.length > KEPT_CHARACTERS) {
    state.text = state.text.slice(-KEPT_CHARACTERS);
    state.cut = true;
  }
  state.next = piece.next_offset;
  state.last = piece;
  return piece;
}

function write(node, words, atEnd) {
  if (node.textContent === words) return;
  node.textContent = words;
  if (atEnd) node.scrollTop = node.scrollHeight;
}

function noteWords(job, state, poll) {
  if (poll.error) return poll.error;
  if (!state.last) return WORDS.reading;
  const {size_bytes: size, robot_id: robot, attempt, ended, dropped_bytes: dropped} = state.last;
  const none = ended || !LIVE.has(job.phase) ? WORDS.nothing : WORDS.nothingYet;
  return [size ? `${WORDS.size(size, robot, attempt)}, ${ended ? WORDS.ended : WORDS.open}` : none,
    state.cut ? WORDS.cut : '', dropped ? WORDS.dropped(dropped) : ''].filter(Boolean).join(' · ');
}
