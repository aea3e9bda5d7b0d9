// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The bar that is always there: who leads and how sure that is, mode, quorum, link.

import {badge, el, setClass, setText} from '../dom.js';
import {clock, count, number, plain, span} from '../format.js';
import {VERDICT, tone} from '../tones.js';

const VERDICT_WORDS = {
  split: 'no quorum / split view', no_leader: 'no leader', silent: 'no robot heard',
};

function kpi(list, id, label) {
  const value = el('span.kpi-value', {id});
  const note = el('span.kpi-note', {id: `${id}-note`});
  const box = el('div.kpi', {'data-kpi': id}, el('dt', {}, label), el('dd', {}, value, note));
  list.append(box);
  return {box, value, note, set: (v, n) => { setText(value, v); setText(note, n); }};
}

export function makeHeader(page) {
  const list = page.getElementById('kpis');
  const leader = kpi(list, 'leader', 'Leader');
  const sure = badge();
  leader.value.replaceWith(sure);
  sure.id = 'leader';
  leader.box.classList.add('kpi-wide');
  const term = kpi(list, 'term', 'Term');
  const commit = kpi(list, 'commit', 'Commit');
  const quorum = kpi(list, 'quorum', 'Quorum');
  const mode = kpi(list, 'mode', 'Mode');
  mode.box.classList.add('kpi-wide');
  const link = kpi(list, 'link', 'Link');
  const state = badge();
  link.value.replaceWith(state);
  state.id = 'link';
  return {
    render(store) {
      const swarm = store.swarm;
      if (swarm.swarm_id) identify(page, swarm);
      showLeader(leader, sure, swarm.leader);
      term.set(number(swarm.leader?.term || null), '');
      commit.set(number(swarm.commit_index), swarm.commit_index ? 'log index' : '');
      showQuorum(quorum, swarm.quorum);
      showMode(mode, swarm.mode, store);
      showLink(link, state, store);
    },
  };
}

function identify(page, swarm) {
  setText(page.getElementById('swarm-id'), swarm.swarm_id);
  setText(page.getElementById('tower-about'), `control tower · ROS domain ${swarm.domain_id}`);
  const title = `${swarm.swarm_id} · swarm tower`;
  if (page.title !== title) page.title = title;
}

function showLeader(box, sure, verdict) {
  if (!verdict) return;
  const [colour, shape] = tone(VERDICT, verdict.kind);
  let words = VERDICT_WORDS[verdict.kind] ?? verdict.leader;
  if (verdict.kind === 'no_quorum') words = `${verdict.leader} · no quorum`;
  sure.show(colour, shape, words);
  setText(box.note, verdict.text);
  setClass(box.box, 'alarmed', colour === 'error');
}

function showQuorum(box, quorum) {
  if (!quorum || !quorum.voters) { box.set('–', 'voters not known yet'); return; }
  box.set(`${quorum.voters_heard}/${quorum.voters}`,
    `voters heard by ${quorum.source}, ${quorum.quorum} needed`);
  setClass(box.box, 'alarmed', quorum.voters_heard < quorum.quorum);
}

function showMode(box, mode, store) {
  if (!mode) { box.set('–', 'no mode heard yet'); return; }
  setClass(box.box, 'overridden', mode.overridden);
  if (!mode.overridden) { box.set(plain(mode.mode), mode.reason || 'no reason given'); return; }
  const now = store.wall(store.monoNow());
  const left = mode.override_expires_ms === null ? '' : `, ${mode.override_expires_ms > now
    ? `${span(mode.override_expires_ms - now)} left` : 'time is over'}`;
  box.set(`${plain(mode.mode)} · override`,
    `by ${mode.override_owner}: ${mode.override_reason}${left}; `
    + `policy would choose ${plain(mode.policy_mode)}`);
}

function showLink(box, state, store) {
  const down = store.link.phase !== 'live';
  const age = store.age(store.swarm.heard_ms);
  const lost = store.swarm.lost_after_ms ?? 5000;
  setClass(box.box, 'alarmed', down);
  if (down && store.link.phase === 'down') {
    state.show('error', 'gone', 'tower not reached');
    const at = store.frame ? `; all below is of ${clock(store.frame.wall)}` : '';
    setText(box.note, `since ${span(store.now() - store.link.since)}, retrying${at}`);
  } else if (down) {
    state.show('dim', 'none', 'connecting');
  } else {
    const dropped = store.dropped
      ? ` · ${count(store.dropped, 'update')} dropped: this browser reads too slowly` : '';
    if (age === null) state.show('warn', 'warn', 'no data');
    else if (age > lost) state.show('warn', 'warn', 'robots silent');
    else state.show('ok', 'ok', 'live');
    setText(box.note, (age === null ? 'nothing heard yet'
      : dataAge(age)) + dropped);
  }
}

function dataAge(age) {
  return age < 1500 ? 'data < 1.5 s old' : `data ${span(age)} old`;
}
