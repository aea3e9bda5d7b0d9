// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Questions to the tower that are no part of the picture. Owns how they are asked and what went
// wrong; draws nothing.

import {API as WORDS} from './words.js';

const TIMEOUT_MS = 20000;
const OF_THE_PAST = /^(at|recordings)(\/|$)/;

/** While recorded data is shown the live swarm is not asked: its answers are of another time. */
export const past = {shown: false};

/** What went wrong, in words for people; `status` 0 = the tower was not reached. */
export class Wrong extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

/** get('jobs/j1/story', {limit: 5}) -> object; throws Wrong. */
export function get(path, query = {}) {
  if (past.shown && !OF_THE_PAST.test(path)) {
    return Promise.reject(new Wrong(0, WORDS.notRecorded));
  }
  const text = new URLSearchParams(query).toString();
  return ask('GET', `/api/v1/${path}${text ? `?${text}` : ''}`);
}

/** post('override', {...}) -> object; throws Wrong. */
export function post(path, body, headers = {}) {
  return ask('POST', `/api/v1/${path}`, JSON.stringify(body),
    {'Content-Type': 'application/json', ...headers});
}

async function ask(method, url, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(url, {method, body, headers, credentials: 'same-origin',
      signal: AbortSignal.timeout(TIMEOUT_MS)});
  } catch (error) {
    throw new Wrong(0, error.name === 'TimeoutError' ? WORDS.late
      : WORDS.unreached);
  }
  const found = await answer.json().catch(() => ({error: WORDS.noJson}));
  if (!answer.ok) throw new Wrong(answer.status, found.error ?? answer.statusText);
  return found;
}
