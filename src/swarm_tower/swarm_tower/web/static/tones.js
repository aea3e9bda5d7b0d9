// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Which tone and shape a word has. Facts only: [tone, shape].

export const PRESENCE = {
  fresh: ['ok', 'ok'], stale: ['warn', 'warn'], lost: ['error', 'gone'], unheard: ['dim', 'none'],
};
export const MEMBER = {
  healthy: ['ok', 'ok'], slow: ['info', 'slow'], suspect: ['warn', 'warn'],
  dead: ['error', 'gone'], left: ['dim', 'none'],
};
export const JOB = {
  submitted: ['dim', 'none'], leased: ['info', 'info'], running: ['run', 'play'],
  done: ['ok', 'ok'], failed: ['error', 'error'], expired: ['warn', 'warn'],
  cancelled: ['dim', 'gone'], quarantined: ['odd', 'square'],
};
export const SEVERITY = {info: ['info', 'info'], warn: ['warn', 'warn'], error: ['error', 'error']};
export const VERDICT = {
  agreed: ['ok', 'crown'], partial: ['info', 'crown'], unheard: ['error', 'gone'],
  no_quorum: ['error', 'error'], split: ['error', 'error'], no_leader: ['warn', 'warn'],
  silent: ['dim', 'none'],
};
export const DIAGNOSTIC = {
  error: ['error', 'error'], stale: ['odd', 'slow'], warn: ['warn', 'warn'], ok: ['ok', 'ok'],
};
export const DEVICE = {
  identified: ['ok', 'ok'], ambiguous: ['warn', 'warn'], unknown: ['dim', 'none'],
};
export const DEVICE_PHASE = {
  appeared: ['info', 'info'], probing: ['info', 'slow'], identified: ['ok', 'ok'],
  claimed: ['ok', 'square'], faulty: ['error', 'error'], lost: ['dim', 'gone'],
};

export function tone(table, word) {
  return table[word] ?? ['dim', 'none'];
}
