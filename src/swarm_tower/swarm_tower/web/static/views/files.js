// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Files in the store of one robot, asked for while this is shown.

import {get} from '../api.js';
import {badge, bar, el, panel, setClass, setText} from '../dom.js';
import {bytes, span} from '../format.js';
import {facts, table, textRow} from '../parts.js';
import {Poll} from '../poll.js';
import {FILES as WORDS} from '../words.js';

const USES = {
  needed: ['ok', 'square', WORDS.needed], kept: ['info', 'info', 'kept'],
  cached: ['dim', 'none', 'cached'], fetching: ['run', 'play', WORDS.coming],
};
const HEADS = [WORDS.name, WORDS.size, WORDS.here, WORDS.use, WORDS.unusedFor, 'SHA-256', WORDS.from];
const EVERY_MS = 4000;

export function makeFiles(root) {
  const box = panel(WORDS.title, 'files-panel');
  const robot = el('select', {id: 'files-robot', 'aria-label': WORDS.robot});
  const use = el('select', {id: 'files-use', 'aria-label': WORDS.use}, el('option', {value: ''},
    WORDS.every), ...Object.entries(USES).map(([word, [, , words]]) => el('option', {value: word}, words)));
  const sha = el('input', {type: 'search', 'aria-label': WORDS.sha, placeholder: WORDS.sha, maxlength: 64});
  const page = el('button', {type: 'button'}, WORDS.more);
  const note = el('span.note');
  const room = bar();
  const list = facts('dl.facts.wide');
  const rows = table('table', HEADS);
  const empty = el('p.empty', {}, WORDS.none);
  box.append(el('div.tools', {}, robot, use, sha, page, note), el('div.room', {}, room), list,
    rows.node, empty);
  root.append(box);
  const state = {after: '', ids: ''};
  let redraw = () => {};
  const poll = new Poll(EVERY_MS, (key) => get('files', JSON.parse(key)), () => redraw());
  const anew = () => { state.after = ''; redraw(); };
  for (const input of [robot, use]) input.addEventListener('change', anew);
  sha.addEventListener('input', anew);
  page.addEventListener('click', () => {
    state.after = state.after ? '' : poll.answer?.files.at(-1)?.sha256 ?? '';
    redraw();
  });
  const part = {
    needs: ['robots', 'time'],
    render(store, now, route) {
      redraw = () => part.render(store, now, route);
      fillRobots(store, robot, state, route);
      if (!robot.value) {
        setText(note, WORDS.nobody);
        return;
      }
      poll.tick(JSON.stringify({robot: robot.value, uses: use.value,
        sha256: sha.value.trim().toLowerCase(), after: state.after}));
      const answer = poll.answer;
      const files = answer?.files ?? [];
      setClass(note, 'wrong', Boolean(poll.error));
      setText(note, poll.trouble(WORDS.asking) || WORDS.shown(files.length, answer.matched,
        answer.answered_by));
      setText(page, state.after ? WORDS.first : WORDS.more);
      page.hidden = !state.after && (!answer || answer.matched <= files.length);
      rows.node.hidden = !files.length;
      empty.hidden = !answer || files.length > 0;
      list.hidden = room.hidden = !answer;
      if (!answer) return;
      room.show(answer.quota_bytes ? answer.used_bytes / answer.quota_bytes : null,
        WORDS.share(size(answer.used_bytes), size(answer.quota_bytes)));
      list.show([[WORDS.cached, size(answer.cached_bytes)],
        [WORDS.free, size(answer.free_bytes)], [WORDS.damaged, String(answer.damaged)],
        [WORDS.sent, size(answer.sent_bytes)], [WORDS.received, size(answer.received_bytes)]]);
      rows.rows(files, (f) => f.sha256, fileRow);
    },
  };
  return [part];
}

function fillRobots(store, select, state, route) {
  const ids = store.robotList().filter((r) => r.presence !== 'unheard').map((r) => r.robot_id);
  if (ids.join() === state.ids) return;
  state.ids = ids.join();
  const wanted = [route.rest, select.value, store.swarm.leader?.leader, ids[0]]
    .find((id) => ids.includes(id)) ?? '';
  select.replaceChildren(...ids.map((id) => el('option', {value: id}, id)));
  select.value = wanted;
}

function fileRow() {
  const state = badge();
  const here = bar();
  return textRow(HEADS, (f) => {
    const [tone, shape, words] = USES[f.use] ?? ['dim', 'none', f.use];
    state.show(tone, shape, words);
    const share = f.size_bytes ? f.here_bytes / f.size_bytes : 1;
    here.show(share, `${Math.floor(share * 100)} %`);
    return [f.name || WORDS.unnamed, size(f.size_bytes), here, state, span(f.unused_ms),
      f.sha256.slice(0, 16), f.holder || '–'];
  });
}

function size(n) {
  return n ? bytes(n) : '0 B';
}
