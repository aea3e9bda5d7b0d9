// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What each robot believes it has, and the evidence for it.

import {badge, el, setAttr} from '../dom.js';
import {bytes, count, figure, plain} from '../format.js';
import {DEVICE, DEVICE_PHASE, tone} from '../tones.js';

export function makeHardware(root) {
  const choice = el('nav.chips', {'aria-label': 'Robot'});
  const content = el('div');
  root.append(choice, content);
  let shownInventory = null;
  let shownKey = null;
  return [{
    needs: ['hardware', 'robots', 'time'],
    render(store, now, route) {
      const robots = store.robotList().map((r) => r.robot_id);
      const chosen = robots.includes(route.rest) ? route.rest : firstWith(store, robots);
      const key = JSON.stringify([robots, chosen]);
      if (key !== shownKey) choice.replaceChildren(...robots.map((id) => chip(id, chosen)));
      const inventory = store.hardware.get(chosen) ?? null;
      if (key === shownKey && inventory === shownInventory) return;
      shownKey = key;
      shownInventory = inventory;
      content.replaceChildren(...(inventory ? pageOf(inventory) : [missing(chosen)]));
    },
  }];
}

function firstWith(store, robots) {
  return robots.find((id) => store.hardware.has(id)) ?? robots[0] ?? '';
}

function chip(id, chosen) {
  const node = el('a.chip', {href: `#hardware/${id}`}, id);
  setAttr(node, 'aria-current', id === chosen ? 'true' : null);
  return node;
}

function missing(robotId) {
  return el('p.panel.empty', {}, robotId
    ? `No inventory heard from ${robotId} on /${robotId}/hardware/inventory; does it run `
      + 'hw_discovery?'
    : 'No robot heard yet, so there is no hardware to show.');
}

function pageOf(inventory) {
  const facts = el('dl.facts.wide');
  const add = (name, value) => facts.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  add('Board', inventory.model || 'unknown');
  add('Machine', inventory.machine || 'unknown');
  add('CPU cores', inventory.cpu_cores || 'unknown');
  add('Memory', bytes(inventory.memory_bytes));
  add('Devices', inventory.devices.length);
  add('Revision', inventory.revision);
  const head = el('section.panel', {id: 'hardware-panel'},
    el('div.panel-head', {}, el('h2', {}, inventory.robot_id)), facts, ...unitNodes(inventory),
    ...noticeNodes(inventory));
  const cards = el('div.cards', {}, ...inventory.devices.map(deviceCard));
  return [head, inventory.devices.length ? cards
    : el('p.panel.empty', {}, 'This robot found no device.')];
}

function unitNodes(inventory) {
  if (!inventory.compute_units.length) return [];
  const items = inventory.compute_units.map((u) => el('li', {}, el('span.id', {}, u.unit_id),
    ` ${plain(u.kind)} · ${u.model || 'model unknown'}`
    + `${u.cores ? ` · ${count(u.cores, 'core')}` : ''}`
    + `${u.memory_bytes ? ` · ${bytes(u.memory_bytes)}` : ''}`));
  return [el('h3', {}, 'Compute units'), el('ul.plain', {}, ...items)];
}

function noticeNodes(inventory) {
  if (!inventory.notices.length) return [];
  return [el('h3', {}, 'Could not be looked at'),
    el('ul.notices', {}, ...inventory.notices.map((n) => el('li', {}, n)))];
}

function deviceCard(device) {
  const verdict = badge();
  verdict.show(...tone(DEVICE, device.verdict), `${device.verdict} ${figure(device.confidence)}`);
  const phase = badge();
  phase.show(...tone(DEVICE_PHASE, device.phase), device.phase);
  const list = el('dl.facts');
  for (const [name, value] of deviceFacts(device)) {
    list.append(el('dt', {}, name), el('dd', {}, value));
  }
  return el('article.panel.card', {'data-device': device.device_id},
    el('div.card-head', {}, el('h3', {}, device.name || 'unnamed device'),
      el('span.tag', {}, plain(device.bus))),
    el('p', {}, verdict, ' ', device.phase === device.verdict ? null : phase), list, evidence(device));
}

function deviceFacts(device) {
  const ids = [device.vendor_id, device.product_id].filter(Boolean).join(':');
  return [
    ['Id', el('span.id', {}, device.device_id)], ['Vendor:product', ids], ['Serial', device.serial],
    ['Driver', device.driver], ['Path', device.device_path],
    ['Part of', device.parent_id], ['Could be', device.alternatives.join(', ')],
    ['Capabilities', device.capabilities.join(', ')], ['Attached', device.generation ? `${device.generation} ×` : ''],
  ].filter(([, value]) => value);
}

function evidence(device) {
  if (!device.evidence.length) return el('p.note', {}, 'no evidence given');
  return el('details', {}, el('summary', {}, count(device.evidence.length, 'piece') + ' of evidence'),
    el('ul.plain', {}, ...device.evidence.map((e) => el('li', {},
      el('span.tag', {}, e.source), ` ${e.location}: `, el('code', {}, e.seen), ` — ${e.says}`))));
}
