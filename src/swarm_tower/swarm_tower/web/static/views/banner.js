// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What is wrong or missing and what to check, on every view. An emergency has a banner of its own
// (act_header.js). Owns which states are told; guesses nothing.

import {el, icon, setText} from '../dom.js';
import {clock} from '../format.js';
import {BANNER as WORDS} from '../words.js';
import {overrideLeft} from './header.js';

const NOTICES_MAX = 4;
const FRESH_NEWS_MS = 600000; // older news of a new log is history
const DOWN_MS = 1000;
const SECURITY_TASK = 'security'; // of a robot's coordinator

export function makeBanner(root, alarms) {
  let shown = '';
  let titles = [];
  let picture = null;
  const memory = new Memory();
  const draw = (store, route) => {
    memory.look(store);
    const lines = [...problems(store), ...memory.notices.values(), ...alarmLine(alarms, route)];
    const key = JSON.stringify(lines.map((l) => [l.id, l.checks]));
    if (key !== shown) {
      shown = key;
      root.replaceChildren(...lines.map((line) => drawn(line, () => {
        memory.notices.delete(line.id);
        draw(picture.store, picture.route);
        document.getElementById('main').focus();
      })));
      titles = root.querySelectorAll('.banner-title');
    }
    lines.forEach((line, i) => setText(titles[i], line.title));
  };
  return {render(store, now, route) { picture = {store, route}; draw(store, route); }};
}

function drawn(line, dismiss) {
  return el(`div.banner.t-${line.tone}`, {id: `banner-${line.id}`}, icon(line.shape ?? line.tone),
    el('div', {}, el('p.banner-title'),
      line.checks.length ? el('ul', {}, ...line.checks.map((c) => el('li', {}, c))) : null,
      line.link ? el('a', {href: line.link[0]}, line.link[1]) : null),
    line.notice ? el('button.small', {type: 'button', onclick: dismiss}, WORDS.dismiss) : null);
}

/** What has happened while the page was open and stays until it is dismissed. */
class Memory {
  constructor() {
    this.notices = new Map();
    this.started = null;
    this.told = 0; // at_ms of the last news of a new log
  }

  look(store) {
    if (store.recorded) return;
    const started = store.swarm.started_ms;
    if (started === undefined) return;
    if (this.started !== null && this.started !== started) {
      this.add('restarted', 'info', WORDS.restarted(clock(store.wall(store.monoNow()))),
        WORDS.restartedChecks);
    }
    this.started = started;
    const event = store.events.findLast((e) => e.kind === 'log_restarted');
    if (!event || event.at_ms <= this.told || store.age(event.at_ms) > FRESH_NEWS_MS) return;
    this.told = event.at_ms;
    this.add('anew', 'warn', WORDS.anew(clock(store.wall(event.at_ms))),
      WORDS.anewChecks(event.text));
  }

  add(id, tone, title, checks) {
    this.notices.delete(id);
    this.notices.set(id, {id, tone, title, checks, notice: true});
    for (const key of this.notices.keys()) {
      if (this.notices.size > NOTICES_MAX) this.notices.delete(key);
    }
  }
}

function alarmLine(alarms, route) {
  const waiting = alarms.waiting().length;
  if (!waiting || route.name === 'overview') return [];
  return [{id: 'alarms', tone: 'error', title: WORDS.alarms(waiting), checks: [],
    link: ['#overview', WORDS.alarmsLink]}];
}

function problems(store) {
  const swarm = store.swarm;
  if (store.recorded) return store.swarm.leader?.kind === 'silent' ? [] : ofSwarm(store);
  if (store.link.phase === 'down' && store.now() - store.link.since > DOWN_MS) {
    return [towerDown(store)]; // all else is of before
  }
  if (!swarm.swarm_id) return [];
  return [...ofSwarm(store), ...ignored(swarm)];
}

function ofSwarm(store) {
  return [...leadership(store), ...unsafe(store), ...overridden(store), ...staleRobots(store)];
}

function towerDown(store) {
  return {id: 'down', tone: 'error', shape: 'gone', checks: WORDS.downChecks(location.host),
    title: WORDS.down(store.now() - store.link.since, clock(store.frame?.wall))};
}

/** Robots that believe whoever speaks: they say so of themselves, on /diagnostics. */
function unsafe(store) {
  const names = [...store.section('diagnostics').values()]
    .filter((r) => r.task === SECURITY_TASK && r.level === 'error').map((r) => r.robot).sort();
  if (!names.length) return [];
  return [{id: 'unsafe', tone: 'error', title: WORDS.unsafe(names.join(', ')),
    checks: WORDS.unsafeChecks}];
}

function leadership(store) {
  const {leader, text, kind} = store.swarm.leader;
  const one = (id, tone, title, checks) => [{id, tone, title, checks}];
  if (kind === 'silent') return [nothingHeard(store.swarm, store)];
  if (kind === 'split') return one('split', 'error', WORDS.split, whoSaysWhat(store));
  if (kind === 'no_quorum') {
    return one('no-quorum', 'error', WORDS.noQuorum(leader, text), WORDS.noQuorumChecks);
  }
  if (kind === 'no_leader') {
    return one('no-leader', 'warn', WORDS.noLeader(text), WORDS.noLeaderChecks);
  }
  if (kind === 'unheard') {
    return one('unheard', 'warn', WORDS.unheard(leader, text), WORDS.unheardChecks);
  }
  return [];
}

function whoSaysWhat(store) {
  const by = new Map();
  for (const r of store.robotList().filter((one) => one.presence === 'fresh')) {
    const named = r.role === 'leader' ? r.robot_id : r.leader ?? '';
    by.set(named, [...(by.get(named) ?? []), WORDS.sayer(r)]);
  }
  return [...by].map(([named, rows]) => WORDS.says(named, rows.slice(0, 6).join(', ')
    + (rows.length > 6 ? ` … ${rows.length}` : '')));
}

function overridden(store) {
  const mode = store.swarm.mode;
  if (!mode?.overridden) return [];
  return [{id: 'override', tone: 'odd', shape: 'square', checks: WORDS.overrideChecks(mode),
    title: WORDS.override(mode, overrideLeft(mode, store))}];
}

function staleRobots(store) {
  const names = store.robotList().filter((r) => r.presence === 'stale').map((r) => r.robot_id);
  if (!names.length || store.swarm.leader.kind === 'silent') return [];
  return [{id: 'stale', tone: 'warn', title: WORDS.stale(names.slice(0, 8).join(', ')
    + (names.length > 8 ? ` … ${names.length}` : '')), checks: []}];
}

function ignored(swarm) {
  const found = [];
  const add = (id, title, check) => found.push({id, tone: 'warn', title, checks: [check]});
  const {protocol, robot_id: names} = swarm.ignored ?? {};
  if (protocol) add('protocol', WORDS.protocol, WORDS.protocolCheck(protocol.join(', ')));
  if (names) add('names', WORDS.names, WORDS.namesCheck(names.join(', ')));
  return found;
}

function nothingHeard(swarm, store) {
  const where = WORDS.where(swarm.domain_id, swarm.swarm_id);
  const silent = store.age(swarm.heard_ms ?? swarm.started_ms);
  const line = {id: 'silent', tone: 'info', checks: []};
  if (silent < swarm.lost_after_ms) {
    return {...line, title: store.robots.size ? WORDS.silentMoment(silent)
      : WORDS.listening(where)};
  }
  const others = swarm.ignored?.swarm ?? [];
  const checks = [
    others.length ? WORDS.others(others.join(', ')) : WORDS.swarmId,
    WORDS.domain(swarm.domain_id),
    ...(swarm.rmw ? [WORDS.rmw(swarm.rmw)] : []),
    WORDS.range(swarm.discovery_range ?? ''),
    WORDS.network,
  ];
  return {...line, tone: 'warn', checks, title: WORDS.silent(where, silent)};
}
