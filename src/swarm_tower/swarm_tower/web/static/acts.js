// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Acting through the tower: who this page acts for, and what became of what was asked for. Owns
// the token and the list of the last actions; draws nothing (views/act_*.js do).
//
// act('cancel_job', {job_id, reason}) -> {outcome, reason, answer}
//   committed  the swarm did it
//   rejected   it was not done; reason says why
//   unknown    nobody answered in time: it may have happened
import {ACTS as WORDS} from './words.js';

export {confirmAct, actButton} from './views/act_dialog.js';

const KEY = 'swarm-tower-token';
const TIMEOUT_MS = 40000; // longer than the tower waits for any robot
const KEPT = 20;
const NOBODY = {name: '', role: 'observer', may: [], commands: {}, token_file: ''};

const state = {token: '', visitor: NOBODY, wrong: '', log: [], next: 1, past: false};
const listeners = new Set();

/** Call `told()` whenever the visitor or the list of actions changes; returns what ends that. */
export function onActs(told) {
  listeners.add(told);
  return () => listeners.delete(told);
}

function tell() {
  for (const told of [...listeners]) told();
}

/** Who this page acts for: {name, role, may, commands, token_file}. */
export function visitor() {
  return state.visitor;
}

/** What was wrong with the token that was tried last; '' = nothing. */
export function tokenTrouble() {
  return state.wrong;
}

/** Whether the tower would let this page ask for a command. */
export function mayAct(command) {
  return state.visitor.may.includes(command);
}

/** Told by whoever knows: whether the page shows a recording, while what is done is done now. */
export function showPast(on) {
  state.past = on;
}

export function isPast() {
  return state.past;
}

/** The last actions, the newest first: {id, name, body, state, reason, at}. */
export function lastActs() {
  return state.log;
}

// -- token

/** Use another token ('' = none); resolves to '' or to what is wrong with it. */
export async function useToken(token) {
  const asked = token.trim();
  state.wrong = '';
  try {
    const answer = await ask('GET', '', undefined, asked);
    const known = answer.status === 200;
    if (!known) {
      state.wrong = answer.status === 401 ? WORDS.wrongToken
        : answer.body.error ?? answer.statusText;
      if (asked === state.token) state.visitor = {...NOBODY, token_file: state.visitor.token_file};
    }
    if (known) {
      state.visitor = {...NOBODY, ...answer.body};
      keep(asked);
    }
  } catch {
    state.wrong = WORDS.noAnswer;
  }
  tell();
  return state.wrong;
}

/** Ask anew whom this page acts for: the tower may have been away, or have other tokens now. */
export function recheck() {
  return useToken(state.token || kept());
}

function keep(token) {
  state.token = token;
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch { /* a browser that keeps nothing: until the page is closed, then */ }
}

function kept() {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** A token after the hash is taken once and leaves the address bar and the history. */
function fromAddress() {
  const match = /^#token=([^&]*)&?(.*)$/.exec(location.hash);
  if (!match) return null;
  const rest = match[2] ? `#${match[2]}` : '';
  history.replaceState(history.state, '', `${location.pathname}${location.search}${rest}`);
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return match[1];
  }
}

async function start() {
  const given = fromAddress();
  const wrong = await useToken(given ?? kept());
  if (wrong && given === null) await useToken(''); // of a tower whose file was made anew
  else if (wrong) { await useToken(kept()); state.wrong = wrong; tell(); }
}

// -- acting

/** Ask for a command; see the top of this file. Never throws. */
export function act(name, body = {}) {
  const keyed = (state.visitor.commands[name] ?? []).includes('idempotency_key');
  const key = keyed && !body.idempotency_key ? {idempotency_key: makeKey()} : {};
  return perform({id: 0, name, body: {...body, ...key}});
}

/** Ask again, under the same key, for something of which it is not known whether it happened. */
export function askAgain(entry) {
  return perform(entry);
}

async function perform(entry) {
  const before = state.log.find((one) => one.id === entry.id);
  const shown = before ?? {...entry, id: state.next++};
  Object.assign(shown, {state: 'pending', reason: '', at: Date.now()});
  if (!before) state.log = [shown, ...state.log].slice(0, KEPT);
  tell();
  const found = await asked(entry.name, entry.body);
  Object.assign(shown, {state: found.outcome, reason: found.reason, at: Date.now()});
  tell();
  return {...found, entry: shown};
}

async function asked(name, body) {
  try {
    const answer = await ask('POST', `/${name}`, JSON.stringify(body), state.token);
    if (answer.status === 401) recheck();
    return outcomeOf(answer);
  } catch (error) {
    const reason = error.name === 'TimeoutError' ? WORDS.late : WORDS.unreached;
    return {outcome: 'unknown', reason, answer: null};
  }
}

function outcomeOf({status, body, statusText}) {
  const reason = body.reason ?? body.error ?? statusText;
  const answer = body.answer ?? null;
  if (status === 200) return {outcome: 'committed', reason: body.reason ?? '', answer};
  if (status >= 500) return {outcome: 'unknown', reason: WORDS.unknown(reason), answer};
  return {outcome: 'rejected', reason, answer};
}

async function ask(method, path, body, token) {
  const headers = token ? {Authorization: `Bearer ${token.replace(/[^\x21-\x7e]/g, '?')}`} : {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(`/api/v1/commands${path}`, {method, body, headers,
    credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS)});
  const found = await answer.json().catch(() => ({error: WORDS.noJson}));
  return {status: answer.status, statusText: answer.statusText, body: found};
}

function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for https only
  return `page-${[...bytes].map((b) => b.toString(16).padStart(2, '0')).join('')}`;
}

addEventListener('hashchange', () => {
  const given = fromAddress();
  if (given !== null) useToken(given);
});
/** Settled once it is known whom this page acts for. */
export const ready = start();
