// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Leases and services, as a robot's copy of the log has them, asked for while this is shown.

import {get} from '../api.js';
import {badge, el, panel, setAttr, setClass, setText} from '../dom.js';
import {clock, dateTime, span} from '../format.js';
import {table, textRow} from '../parts.js';
import {Poll} from '../poll.js';
import {LEASES as WORDS} from '../words.js';

const EVERY_MS = 3000;
const LEASES = [WORDS.resource, WORDS.holder, WORDS.through, [WORDS.token, WORDS.tokenHelp],
  WORDS.granted, WORDS.ends, WORDS.waiting];
const SERVICES = [WORDS.name, WORDS.robot, WORDS.interface, WORDS.address, WORDS.metadata,
  WORDS.until, WORDS.log];

export function makeLeases(root) {
  const parts = [leasesPart(), servicesPart()];
  root.append(...parts.map((part) => part.box));
  return parts;
}

function leasesPart() {
  const box = panel(WORDS.leases, 'leases-panel');
  const filter = el('input', {type: 'search', 'aria-label': WORDS.filter, placeholder: WORDS.filter});
  const rows = table('table', LEASES);
  const note = el('span.note');
  const empty = el('p.empty', {}, WORDS.noLeases);
  box.append(el('div.tools', {}, filter, note), rows.node, empty);
  let redraw = () => {};
  const poll = new Poll(EVERY_MS, () => get('leases'), () => redraw());
  filter.addEventListener('input', () => redraw());
  const part = {
    box, needs: ['time'],
    render(store) {
      redraw = () => part.render(store);
      poll.tick();
      const wanted = filter.value.toLowerCase();
      const found = (poll.answer?.leases ?? []).filter((l) => [l.resource, l.holder, l.robot_id]
        .some((text) => text.toLowerCase().includes(wanted)));
      say(note, poll);
      rows.node.hidden = !found.length;
      empty.hidden = !poll.answer || found.length > 0;
      const now = store.wall(store.monoNow());
      rows.rows(found, (l) => l.resource, () => leaseRow());
      [...rows.body.rows].forEach((row, i) => row.left(found[i], now));
    },
  };
  return part;
}

function say(note, poll) {
  const trouble = poll.trouble(WORDS.asking);
  setClass(note, 'wrong', Boolean(poll.error));
  setText(note, trouble || WORDS.by(poll.answer, span(performance.now() - poll.at)));
}

function leaseRow() {
  const left = badge();
  const row = textRow(LEASES, (l) => [l.resource, l.holder, l.robot_id, l.token,
    clock(l.granted_ms), left, l.waiters.join(', ') || 'nobody']);
  row.left = (l, now) => {
    const ms = l.expires_ms === null || now === null ? null : l.expires_ms - now;
    left.show(...(ms === null ? ['dim', 'none', '–'] : ms > 0 ? ['ok', 'ok', WORDS.left(ms)]
      : ['warn', 'warn', WORDS.over]));
    setAttr(left, 'title', dateTime(l.expires_ms));
  };
  return row;
}

function servicesPart() {
  const box = panel(WORDS.services, 'services-panel');
  const name = el('input', {type: 'search', 'aria-label': WORDS.name, placeholder: WORDS.name});
  const where = el('input', {size: 28, 'aria-label': WORDS.where, placeholder: WORDS.where});
  const note = el('span.note');
  const rows = table('table', SERVICES);
  const empty = el('p.empty', {}, WORDS.noServices);
  const form = el('form.tools', {}, name, where, el('button', {type: 'submit'}, WORDS.find), note);
  box.append(form, rows.node, empty);
  const query = {name: '', where: ''};
  let redraw = () => {};
  const poll = new Poll(EVERY_MS, () => get('services', query), () => redraw());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    Object.assign(query, {name: name.value.trim(), where: where.value.trim()});
    redraw();
  });
  const part = {
    box, needs: ['time'],
    render(store) {
      redraw = () => part.render(store);
      poll.tick(JSON.stringify(query));
      const found = poll.answer?.services ?? [];
      say(note, poll);
      rows.node.hidden = !found.length;
      empty.hidden = !poll.answer || found.length > 0;
      rows.rows(found, (s) => `${s.robot_id}/${s.name}`, () => textRow(SERVICES, (s) => [s.name,
        s.robot_id, s.interface_type || WORDS.notRos, s.address || '–',
        s.metadata.map((m) => `${m.key}=${m.value}`).join(', ') || '–',
        s.expires_ms ? clock(s.expires_ms) : WORDS.life, s.log_index]));
    },
  };
  return part;
}
