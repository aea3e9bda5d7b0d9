// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// The bar that is always there: who leads and how sure that is, mode, quorum, link.

import {badge, el, setClass, setText} from '../dom.js';
import {clock, dateTime, number, plain} from '../format.js';
import {VERDICT, tone} from '../tones.js';
import {HEADER as WORDS} from '../words.js';

function kpi(list, id, label) {
  const value = el('span.kpi-value', {id});
  const note = el('span.kpi-note', {id: `${id}-note`});
  const box = el('div.kpi', {'data-kpi': id}, el('dt', {}, label), el('dd', {}, value, note));
  list.append(box);
  return {box, value, note, set: (v, n) => { setText(value, v); setText(note, n); }};
}

export function makeHeader(page) {
  const list = page.getElementById('kpis');
  const leader = kpi(list, 'leader', WORDS.leader);
  const sure = badge();
  leader.value.replaceWith(sure);
  sure.id = 'leader';
  leader.box.classList.add('kpi-wide');
  const term = kpi(list, 'term', WORDS.term);
  const commit = kpi(list, 'commit', WORDS.commit);
  const quorum = kpi(list, 'quorum', WORDS.quorum);
  const mode = kpi(list, 'mode', WORDS.mode);
  mode.box.classList.add('kpi-wide');
  const link = kpi(list, 'link', WORDS.link);
  const state = badge();
  link.value.replaceWith(state);
  state.id = 'link';
  return {
    render(store) {
      const swarm = store.swarm;
      if (swarm.swarm_id) identify(page, swarm);
      showLeader(leader, sure, swarm.leader);
      term.set(number(swarm.leader?.term || null), '');
      commit.set(number(swarm.commit_index), swarm.commit_index ? WORDS.logIndex : '');
      showQuorum(quorum, swarm.quorum);
      showMode(mode, swarm.mode, store);
      showLink(link, state, store);
    },
  };
}

function identify(page, swarm) {
  setText(page.getElementById('swarm-id'), swarm.swarm_id);
  setText(page.getElementById('tower-about'), WORDS.about(swarm.domain_id));
}

function showLeader(box, sure, verdict) {
  if (!verdict) return;
  const [colour, shape] = tone(VERDICT, verdict.kind);
  let words = WORDS.verdicts[verdict.kind] ?? verdict.leader;
  if (verdict.kind === 'no_quorum') words = WORDS.noQuorum(verdict.leader);
  sure.show(colour, shape, words);
  setText(box.note, verdict.text);
  setClass(box.box, 'alarmed', colour === 'error');
}

function showQuorum(box, quorum) {
  if (!quorum || !quorum.voters) { box.set('–', WORDS.noVoters); return; }
  box.set(`${quorum.voters_heard}/${quorum.voters}`,
    WORDS.voters(quorum.source, quorum.quorum));
  setClass(box.box, 'alarmed', quorum.voters_heard < quorum.quorum);
}

function showMode(box, mode, store) {
  if (!mode) { box.set('–', WORDS.noMode); return; }
  setClass(box.box, 'overridden', mode.overridden);
  if (!mode.overridden) { box.set(plain(mode.mode), mode.reason || WORDS.noReason); return; }
  box.set(WORDS.overridden(mode.mode), WORDS.override(mode, overrideLeft(mode, store)));
}

/** How long an override still holds, in words; '' = until it is cleared. */
export function overrideLeft(mode, store) {
  if (mode.override_expires_ms === null) return '';
  return WORDS.left(mode.override_expires_ms - store.wall(store.monoNow()));
}

function showLink(box, state, store) {
  const down = store.link.phase !== 'live';
  const age = store.age(store.swarm.heard_ms);
  const lost = store.swarm.lost_after_ms ?? 5000;
  setClass(box.box, 'alarmed', down && !store.recorded);
  if (store.recorded) {
    state.show('odd', 'play', WORDS.recording);
    setText(box.note, WORDS.asOf(dateTime(store.recorded.at_ms)));
    return;
  }
  if (down && store.link.phase === 'down') {
    state.show('error', 'gone', WORDS.down);
    setText(box.note, WORDS.since(store.now() - store.link.since,
      store.frame ? clock(store.frame.wall) : ''));
  } else if (down) {
    state.show('dim', 'none', WORDS.connecting);
  } else {
    if (age === null) state.show('warn', 'warn', WORDS.noData);
    else if (age > lost) state.show('warn', 'warn', WORDS.silent);
    else state.show('ok', 'ok', WORDS.live);
    const told = age === null ? WORDS.nothing : age < 1500 ? WORDS.young : WORDS.age(age);
    setText(box.note, told + (store.dropped ? WORDS.dropped(store.dropped) : ''));
  }
}
