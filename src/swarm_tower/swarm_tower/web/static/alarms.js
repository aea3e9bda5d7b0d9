// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What a person has to look at: conditions that hold now, and events of severity error. Owns which
// they are and what was acknowledged in this browser; draws nothing.

import {emergency} from './views/act_header.js';
import {ALARMS} from './words.js';

const KEY = 'swarm-tower-acknowledged';
const KEPT_MAX = 300;
const EVENTS_MAX = 50;
const PATIENCE_MS = {no_leader: 3000, unheard: 3000}; // an ordinary election is no alarm
const PAST_MAX = 50;
const HARMLESS = ['calm', 'unknown'];

export class Alarms {
  constructor(shelf = localStorage) {
    this.shelf = shelf;
    this.since = new Map(); // key of a condition -> when this page first saw it, tower's clock
    this.past = new Map(); // conditions that held, until they are acknowledged
    this.seen = new Set(this.load());
    this.spoken = null; // keys that were said aloud; null = the first picture is no news
    this.list = [];
  }

  /** Look at the picture; returns the alarms, the newest first. */
  look(store) {
    const now = store.monoNow();
    const held = conditions(store);
    const keys = new Set(held.map((one) => one.key));
    for (const key of this.since.keys()) if (!keys.has(key)) this.since.delete(key);
    this.remember(keys);
    for (const one of held) {
      if (!this.since.has(one.key)) this.since.set(one.key, one.at ?? now);
      one.at = this.since.get(one.key);
    }
    const due = held.filter((one) => now - one.at >= (PATIENCE_MS[one.kind] ?? 0));
    this.list = [...due, ...this.past.values(), ...events(store)].map((one) => ({...one, seen: this.seen.has(one.key)}))
      .sort((a, b) => (b.ongoing - a.ongoing) || (b.at - a.at));
    return this.list;
  }

  /** What held at the last look and no more stays in the list as something that was. */
  remember(keys) {
    for (const one of this.list) {
      if (one.ongoing && !keys.has(one.key)) this.past.set(one.key, {...one, ongoing: false});
    }
    for (const key of this.past.keys()) {
      if (keys.has(key) || this.past.size > PAST_MAX) this.past.delete(key);
    }
  }

  waiting() {
    return this.list.filter((one) => !one.seen);
  }

  /** Texts of alarms that are new since the last call. */
  news() {
    const before = this.spoken;
    this.spoken = new Set(this.list.map((one) => one.key));
    return before === null ? [] : this.waiting().filter((one) => !before.has(one.key))
      .map((one) => one.text);
  }

  acknowledge(keys) {
    for (const key of keys) this.seen.add(key);
    this.seen = new Set([...this.seen].slice(-KEPT_MAX));
    for (const one of this.list) one.seen = this.seen.has(one.key);
    try {
      this.shelf.setItem(KEY, JSON.stringify([...this.seen]));
    } catch {
      // no room or no permission: it holds until the page is closed
    }
  }

  load() {
    try {
      const found = JSON.parse(this.shelf.getItem(KEY) ?? '[]');
      return Array.isArray(found) ? found.filter((k) => typeof k === 'string').slice(-KEPT_MAX) : [];
    } catch {
      return [];
    }
  }
}

function condition(kind, key, text, at = null, view = 'overview') {
  return {kind, key: `${kind}|${key}`, text, at, view, ongoing: true};
}

function conditions(store) {
  const swarm = store.swarm;
  if (!swarm.swarm_id) return [];
  const found = [];
  const stop = emergency(store);
  if (stop) found.push(condition('emergency', stop.epoch, ALARMS.emergency(stop)));
  const verdict = swarm.leader;
  if (['no_quorum', 'split', 'unheard', 'no_leader'].includes(verdict.kind)) {
    found.push(condition(verdict.kind, verdict.term, ALARMS[verdict.kind](verdict)));
  }
  for (const r of store.robots.values()) {
    if (r.presence !== 'lost' || r.phase === 'left') continue;
    found.push(condition('lost', `${r.robot_id}|${r.heard_ms}`,
      ALARMS.lost(r.robot_id, store.wall(r.heard_ms)), r.heard_ms, 'robots'));
  }
  const regime = regimeAlarm(store);
  if (regime) {
    found.push(condition('regime', regime.at, ALARMS.regime(...regime.names), regime.at, 'mind'));
  }
  return found;
}

/** One alarm goes on while the regime changes: when it was raised, the last bad one, what is now. */
function regimeAlarm(store) {
  const rows = [...store.section('regime').entries()].filter(([key]) => key !== 'now')
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const held = rows.slice(rows.findLastIndex(([, , alarm]) => !alarm) + 1);
  if (!held.length) return null;
  const bad = held.map(([, name]) => name).filter((name) => !HARMLESS.includes(name));
  return {at: held[0][0], names: [bad.at(-1) ?? '', held.at(-1)[1]]};
}

/** Errors that say the same are one alarm; it waits again when it happens again. */
function events(store) {
  const found = new Map();
  for (const e of store.events) {
    if (e.severity !== 'error') continue;
    const same = `${e.kind}|${e.subject}|${e.text}`;
    const times = (found.get(same)?.times ?? 0) + 1;
    found.delete(same); // the newest last
    found.set(same, {e, times});
  }
  return [...found.values()].slice(-EVENTS_MAX).map(({e, times}) => ({
    kind: e.kind, view: 'events', ongoing: false, at: e.at_ms, text: ALARMS.event(e, times),
    key: `event|${e.kind}|${e.subject}|${e.stamp_ms ?? e.at_ms}`,
  }));
}
