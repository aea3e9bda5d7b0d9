// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Elections and the log: who sees whom, who is how far, who voted for whom in which term.

import {get} from '../api.js';
import {badge, bar, el, keyed, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, plain, span} from '../format.js';
import {table, textRow} from '../parts.js';
import {Poll} from '../poll.js';
import {LOG as WORDS} from '../words.js';

const SIGHTS_MS = 3000;
const LATE_MS = 1500;
const ROLE = {
  leader: ['warn', 'crown'], follower: ['ok', 'ok'], candidate: ['info', 'info'],
  pre_candidate: ['info', 'slow'], non_voter: ['dim', 'none'],
};
const SIGHT_HEADS = [WORDS.robot, WORDS.role, WORDS.names, WORDS.term, WORDS.voters];
const LOG_HEADS = [WORDS.robot, WORDS.firstKept, WORDS.last, WORDS.commit, WORDS.applied,
  WORDS.behind,
  [WORDS.write, WORDS.writeHelp], [WORDS.lineage, WORDS.lineageHelp], WORDS.vote];

export function makeLog(root) {
  let redraw = () => {};
  const poll = new Poll(SIGHTS_MS, () => get('sights'), () => redraw());
  const parts = [sightsPart(poll), positionsPart(poll), termsPart()];
  root.append(...parts.map((part) => part.box));
  const pace = {
    needs: ['robots', 'time'],
    render(store, now, route) {
      redraw = () => parts.forEach((part) => part.render(store, now, route));
      poll.tick();
    },
  };
  return [pace, ...parts];
}

// -- who sees whom

function sightsPart(poll) {
  const box = panel(WORDS.sights, 'log-sights');
  const note = el('p.note');
  const head = el('tr');
  const body = el('tbody');
  const holder = el('div.scroll', {}, el('table.matrix', {}, el('thead', {}, head), body));
  box.append(note, holder, el('p.note', {}, WORDS.howSights));
  let columns = '';
  return {
    box, needs: ['robots', 'time'],
    render(store) {
      const told = poll.answer?.robots ?? [];
      const ids = [...new Set([...told.map((r) => r.robot_id), ...store.robots.keys()])].sort();
      const trouble = poll.trouble(WORDS.asking) || (ids.length ? '' : WORDS.noRobots);
      setText(note, trouble || agreement(told));
      holder.hidden = !told.length;
      if (ids.join() !== columns) {
        columns = ids.join();
        head.replaceChildren(...SIGHT_HEADS.map((h) => el('th',
          {scope: 'col'}, h)), ...ids.map((id) => el('th.other', {scope: 'col'}, id)));
      }
      const rows = ids.map((id) => told.find((r) => r.robot_id === id)
        ?? {robot_id: id, error: WORDS.unasked});
      keyed(body, rows, (r) => `${r.robot_id}|${columns}`, () => sightRow(ids));
    },
  };
}

function agreement(told) {
  const said = told.filter((r) => !r.error);
  const leaders = new Set(said.map((r) => WORDS.named(r.leader || WORDS.nobody, r.term)));
  const silent = told.length - said.length;
  return (leaders.size === 1 ? WORDS.all([...leaders][0]) : WORDS.differ([...leaders]))
    + (silent ? WORDS.noAnswer(silent) : '');
}

function sightRow(ids) {
  const role = badge();
  const name = el('span.id');
  const cells = SIGHT_HEADS.map((label) => el('td',
    {'data-label': label}));
  const others = ids.map((id) => el('td.other', {'data-label': WORDS.heard(id)}));
  cells[0].append(name);
  cells[1].append(role);
  const row = el('tr', {}, ...cells, ...others);
  row.update = (r) => {
    setText(name, r.robot_id);
    setClass(row, 'absent', Boolean(r.error));
    role.show(...(r.error ? ['error', 'gone'] : ROLE[r.role] ?? ['dim', 'none']),
      r.error === WORDS.unasked ? r.error : r.error ? WORDS.silent : plain(r.role));
    setAttr(row, 'title', r.error ?? null);
    setText(cells[2], r.error ? '–' : r.leader || WORDS.nobody);
    setText(cells[3], r.term ?? '–');
    setText(cells[4], r.error ? '–' : WORDS.of(r.voters_heard, r.voters));
    ids.forEach((id, i) => sight(others[i], r, id));
  };
  return row;
}

function sight(cell, r, id) {
  const ms = r.hears?.[id];
  const own = id === r.robot_id;
  const late = typeof ms === 'number' && ms >= LATE_MS;
  setText(cell, r.error ? '–' : own ? WORDS.self : ms === undefined || ms === null ? WORDS.never
    : `${late ? '! ' : ''}${ms < 10000 ? `${ms} ms` : span(ms)}`);
  setClass(cell, 'late', late || (!own && !r.error && ms === null));
  setClass(cell, 'own', own);
}

// -- positions

function positionsPart(poll) {
  const box = panel(WORDS.log, 'log-positions');
  const rows = table('table', LOG_HEADS);
  const note = el('p.note');
  box.append(rows.node, note);
  return {
    box, needs: ['robots', 'time'],
    render(store) {
      const told = (poll.answer?.robots ?? []).filter((r) => !r.error)
        .sort((a, b) => (a.robot_id < b.robot_id ? -1 : 1));
      const commit = Math.max(0, ...told.map((r) => r.commit_index));
      rows.node.hidden = !told.length;
      rows.rows(told, (r) => r.robot_id, () => positionRow());
      [...rows.body.rows].forEach((row, i) => row.far(told[i], commit));
      setText(note, told.length ? WORDS.howLog : poll.trouble(WORDS.asking) || WORDS.noRobots);
    },
  };
}

function positionRow() {
  const meter = bar();
  const row = textRow(LOG_HEADS, (r) => [r.robot_id, r.first_index, r.last_index, r.commit_index,
    r.applied_index, meter, `${(r.fsync_p99_us / 1000).toFixed(1)} ms`, r.lineage,
    r.has_vote ? WORDS.yes : WORDS.no]);
  row.far = (r, commit) => {
    const behind = Math.max(0, commit - r.applied_index);
    meter.show(commit ? r.applied_index / commit : null, behind ? `−${behind}` : WORDS.notBehind);
  };
  return row;
}

// -- terms

function termsPart() {
  const box = panel(WORDS.terms, 'log-terms');
  const list = el('ol.terms');
  const empty = el('p.empty', {}, WORDS.noTerms);
  box.append(empty, list, el('p.note', {}, WORDS.howTerms));
  return {
    box, needs: ['terms', 'time'],
    render(store) {
      const terms = [...store.section('terms').values()].sort((a, b) => b.term - a.term);
      empty.hidden = terms.length > 0;
      keyed(list, terms, (t) => t.term, () => termNode(store));
    },
  };
}

function termNode(store) {
  const title = el('b');
  const leader = badge();
  const when = el('span.note');
  const candidates = el('div');
  const node = el('li.term', {}, el('p.term-head', {}, title, leader, when), candidates);
  let shown = '';
  node.update = (t) => {
    setText(title, WORDS.title(t.term));
    leader.show(...(t.leader ? ['warn', 'crown', WORDS.led(t.leader)]
      : ['dim', 'none', WORDS.unknownLeader]));
    setText(when, WORDS.began(clock(store.wall(t.begun_ms)))
      + (t.led_ms !== null && t.led_ms > t.begun_ms ? WORDS.took(t.led_ms - t.begun_ms) : ''));
    const key = JSON.stringify(t.candidates);
    if (key === shown) return;
    shown = key;
    candidates.replaceChildren(...Object.entries(t.candidates).map(([id, one]) => candidate(id, one)));
  };
  return node;
}

function candidate(id, one) {
  const log = one.log ? WORDS.lastEntry(...one.log) : '';
  return el('div.candidate', {}, el('p', {}, el('span.id', {}, id), log,
    one.transfer ? `, ${WORDS.transfer}` : ''),
  votesLine(WORDS.pre, one.pre), votesLine(WORDS.real, one.votes));
}

function votesLine(words, votes) {
  const all = Object.entries(votes).sort(([a], [b]) => (a < b ? -1 : 1));
  const chips = all.map(([voter, reason]) => {
    const mark = badge();
    mark.show(...(reason === 'granted' ? ['ok', 'ok', voter] : ['error', 'gone',
      `${voter}: ${plain(reason)}`]));
    return el('li', {}, mark);
  });
  return el('div.votes', {}, el('span.note', {}, words),
    chips.length ? el('ul.legend', {}, ...chips) : el('span.note', {}, WORDS.none));
}
