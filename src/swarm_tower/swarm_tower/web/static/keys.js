// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Single keys: digits and `g` + letter go to views, `[` and `]` step, `/` searches, `?` shows all
// of them. They can be switched off, because speech input and shaking hands press keys by chance.

import {el, setText} from './dom.js';
import {KEYS} from './words.js';

const SHELF = 'swarm-tower-single-keys';
const CHORD_MS = 1500;
const DIGITS = '1234567890';
const TYPING = 'input, select, textarea, [contenteditable]';

export class Keys {
  constructor(nav, search) {
    Object.assign(this, {nav, search, chordAt: -Infinity, on: stored() !== 'off'});
    this.letters = lettersOf(nav.order, nav.views);
    addEventListener('keydown', (event) => this.take(event));
  }

  take(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.matches?.(TYPING) || document.querySelector('dialog[open]')) return;
    if (!this.on && event.key !== '?') return;
    if (this.act(event.key, event.timeStamp)) event.preventDefault();
  }

  act(key, at) {
    const chord = at - this.chordAt < CHORD_MS;
    this.chordAt = key === 'g' && !chord ? at : -Infinity;
    if (chord && this.letters.has(key)) return this.go(this.letters.get(key));
    const digit = DIGITS.indexOf(key);
    if (key.length === 1 && digit >= 0) return this.go(this.nav.order[digit]);
    if (key === '?') return this.show();
    if (key === '/') return this.search();
    if (key === ']' || key === '[') {
      this.nav.step(key === ']' ? 1 : -1);
      return true;
    }
    return false;
  }

  go(name) {
    if (name === undefined) return false;
    this.nav.go(name);
    return true;
  }

  show() {
    const dialog = this.makeDialog();
    dialog.addEventListener('close', () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    return true;
  }

  makeDialog() {
    const close = el('button', {type: 'button', onclick: (e) => e.target.closest('dialog').close()}, KEYS.close);
    const box = el('input', {type: 'checkbox', id: 'keys-on'});
    box.checked = this.on;
    box.addEventListener('change', () => { this.on = box.checked; store(this.on); });
    const rows = this.rows().map(([keys, does]) => el('tr', {},
      el('td', {'data-label': KEYS.what}, ...keys.map((k) => el('kbd', {}, k))),
      el('td', {'data-label': KEYS.does}, does)));
    const head = el('tr', {}, el('th', {scope: 'col'}, KEYS.what),
      el('th', {scope: 'col'}, KEYS.does));
    return el('dialog.keys', {id: 'keys', 'aria-labelledby': 'keys-title'},
      el('h2', {id: 'keys-title'}, KEYS.title), el('p.note', {}, KEYS.help),
      el('table', {}, el('thead', {}, head), el('tbody', {}, ...rows)),
      el('p.keys-foot', {}, el('label', {for: 'keys-on'}, box, KEYS.on), close));
  }

  rows() {
    const letter = new Map([...this.letters].map(([key, name]) => [name, key]));
    const views = this.nav.order.map((name, i) => [
      [...(i < DIGITS.length ? [DIGITS[i]] : []), ...(letter.has(name) ? [`g ${letter.get(name)}`]
        : [])], KEYS.go(this.nav.views.get(name).title)]);
    return [...views, [['['], KEYS.previous], [[']'], KEYS.next], [['/'], KEYS.filter],
      [['?'], KEYS.this], [['Esc'], KEYS.back], [['F9'], KEYS.stop]];
  }
}

/** The first letter of a view's title that no view before it has. */
function lettersOf(order, views) {
  const found = new Map();
  for (const name of order) {
    const free = [...views.get(name).title.toLowerCase()]
      .find((c) => c >= 'a' && c <= 'z' && c !== 'g' && !found.has(c));
    if (free) found.set(free, name);
  }
  return found;
}

function stored() {
  try {
    return localStorage.getItem(SHELF);
  } catch {
    return null;
  }
}

function store(on) {
  try {
    localStorage.setItem(SHELF, on ? 'on' : 'off');
  } catch {
    // no permission: it holds until the page is closed
  }
}

/** The button that shows the keys to those who do not know `?`. */
export function keysButton(keys) {
  const button = el('button.small', {type: 'button', id: 'keys-button', onclick: () => keys.show(),
    'aria-keyshortcuts': '?'});
  setText(button, KEYS.open);
  button.append(' ', el('kbd', {'aria-hidden': 'true'}, '?'));
  return button;
}
