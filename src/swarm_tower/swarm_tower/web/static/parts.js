// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Pieces that several views are made of.

import {get} from './api.js';
import {el, keyed, setClass, setText} from './dom.js';
import {span} from './format.js';
import {PIECES as WORDS} from './words.js';

/** A table: {node, rows(items, keyOf, make)}. heads: names, or [name, what it means]. */
export function table(spec, heads) {
  const body = el('tbody');
  const cells = heads.map((head) => {
    const [name, title] = Array.isArray(head) ? head : [head, null];
    return el('th', {scope: 'col', title}, name);
  });
  const node = el('div.scroll', {}, el(spec, {}, el('thead', {}, el('tr', {}, ...cells)), body));
  return {node, body, rows: (items, keyOf, make) => keyed(body, items, keyOf, make)};
}

/** A row whose cells are texts: make(item) => textRow(['Name', ...], (item) => [...]). */
export function textRow(heads, cellsOf) {
  const cells = heads.map((head) => el('td', {'data-label': Array.isArray(head) ? head[0] : head}));
  const row = el('tr', {}, ...cells);
  row.update = (item) => cellsOf(item, row).forEach((value, i) => {
    if (!(value instanceof Node)) setText(cells[i], value);
    else if (cells[i].firstChild !== value) cells[i].replaceChildren(value);
  });
  return row;
}

/** <dl> of pairs, redrawn only if it differs; null values are left out. */
export function facts(spec = 'dl.facts') {
  const node = el(spec);
  let shown = '';
  node.show = (pairs) => {
    const kept = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
    const key = JSON.stringify(kept);
    if (key === shown) return;
    shown = key;
    node.replaceChildren(...(spec.includes('wide')
      ? kept.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))
      : kept.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])));
  };
  return node;
}

/** Who told a table, and how long ago; says so if that robot is no longer heard. */
export function source(store, row) {
  const presence = store.robots.get(row.sender)?.presence;
  const silent = presence !== 'fresh' ? WORDS.silent(row.sender || WORDS.itsSender) : '';
  return WORDS.from(row.sender || 'nobody', row.term, span(store.age(row.heard_ms))) + silent;
}

/** Something that is opened to be asked: summary, then lines of text. ask() -> {lines}. */
export function asking(words, ask) {
  const list = el('div.why-lines', {role: 'status'});
  const node = el('details.why', {}, el('summary', {}, words), list);
  node.addEventListener('toggle', async () => {
    if (!node.open) return;
    setClass(list, 'wrong', false);
    setText(list, WORDS.asking);
    try {
      const found = await ask();
      const by = found.answered_by ? el('p.note', {}, WORDS.by(found.answered_by)) : null;
      list.replaceChildren(...found.lines.map((line) => el('p', {}, line)), ...(by ? [by] : []));
    } catch (wrong) {
      setClass(list, 'wrong', true);
      setText(list, wrong.message);
    }
  });
  return node;
}

/** Why the learner says so: subject 'mode', 'route', ... */
export function why(subject, id = '', words = WORDS.why, robot = '') {
  return asking(words, () => get('explain', {subject, id, robot}));
}
