// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Asks the tower again and again, but only while somebody looks: a part calls tick() whenever it is
// drawn. Owns pace and what became of the last question; draws nothing.

import {past} from './api.js';
import {API as WORDS} from './words.js';

export class Poll {
  /** ask(key) -> promise; told() is called when an answer or a failure has come. */
  constructor(periodMs, ask, told = () => {}) {
    Object.assign(this, {periodMs, ask, told});
    this.key = null;
    this.again();
  }

  /** Forget what was answered and ask at the next tick. */
  again() {
    this.answer = null;
    this.error = '';
    this.at = null; // when it was answered, by performance.now()
    this.asked = -Infinity;
    this.round = (this.round ?? 0) + 1;
    this.busy = false;
  }

  /** Ask, if it is time to; another key is another question. */
  tick(key = '') {
    if (key !== this.key) {
      this.key = key;
      this.again();
    }
    if (this.busy || performance.now() - this.asked < this.periodMs) return;
    this.run(key);
  }

  async run(key) {
    const round = this.round;
    this.busy = true;
    this.asked = performance.now();
    let answer = null;
    let error = '';
    try {
      answer = await this.ask(key);
    } catch (wrong) {
      error = wrong.message;
    }
    if (round !== this.round) return; // another question was asked meanwhile
    this.busy = false;
    this.error = error;
    if (past.shown) this.answer = null; // what was said just now is not of the time that is shown
    if (!error) {
      this.answer = answer;
      this.at = performance.now();
    }
    this.told(this);
  }

  /** What to say where there is no answer, or an old one; '' = it is fresh. */
  trouble(nothingYet) {
    if (this.error && this.answer) return WORDS.old(this.error);
    if (this.error) return this.error;
    return this.answer ? '' : nothingYet;
  }
}
