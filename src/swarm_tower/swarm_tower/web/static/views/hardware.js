// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What each robot believes it has, and the evidence for it.

import {get} from '../api.js';
import {badge, el, setAttr} from '../dom.js';
import {bytes, figure, plain} from '../format.js';
import {asking} from '../parts.js';
import {DEVICE, DEVICE_PHASE, tone} from '../tones.js';
import {HARDWARE as WORDS} from '../words.js';

export function makeHardware(root) {
  const choice = el('nav.chips', {'aria-label': WORDS.robot});
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
    ? WORDS.none(robotId) : WORDS.noRobot);
}

/** All that is known of a robot's hardware, as nodes. */
export function pageOf(inventory) {
  const facts = el('dl.facts.wide');
  const add = (name, value) => facts.append(el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  add(WORDS.board, inventory.model || WORDS.unknown);
  add(WORDS.machine, inventory.machine || WORDS.unknown);
  add(WORDS.cpuCores, inventory.cpu_cores || WORDS.unknown);
  add(WORDS.memory, bytes(inventory.memory_bytes));
  add(WORDS.devices, inventory.devices.length);
  add(WORDS.revision, inventory.revision);
  const head = el('section.panel', {id: 'hardware-panel'},
    el('div.panel-head', {}, el('h2', {}, inventory.robot_id)), facts, ...unitNodes(inventory),
    ...noticeNodes(inventory));
  const cards = el('div.cards', {}, ...inventory.devices.map((d) => deviceCard(d, inventory.robot_id)));
  return [head, inventory.devices.length ? cards
    : el('p.panel.empty', {}, WORDS.noDevice)];
}

function unitNodes(inventory) {
  if (!inventory.compute_units.length) return [];
  const items = inventory.compute_units.map((u) => el('li', {}, el('span.id', {}, u.unit_id),
    ` ${plain(u.kind)} · ${u.model || WORDS.modelUnknown}`
    + `${u.cores ? ` · ${WORDS.cores(u.cores)}` : ''}`
    + `${u.memory_bytes ? ` · ${bytes(u.memory_bytes)}` : ''}`));
  return [el('h3', {}, WORDS.computeUnits), el('ul.plain', {}, ...items)];
}

function noticeNodes(inventory) {
  if (!inventory.notices.length) return [];
  return [el('h3', {}, WORDS.notLooked),
    el('ul.notices', {}, ...inventory.notices.map((n) => el('li', {}, n)))];
}

function deviceCard(device, robotId) {
  const verdict = badge();
  verdict.show(...tone(DEVICE, device.verdict), `${device.verdict} ${figure(device.confidence)}`);
  const phase = badge();
  phase.show(...tone(DEVICE_PHASE, device.phase), device.phase);
  const list = el('dl.facts');
  for (const [name, value] of deviceFacts(device)) {
    list.append(el('dt', {}, name), el('dd', {}, value));
  }
  return el('article.panel.card', {'data-device': device.device_id},
    el('div.card-head', {}, el('h3', {}, device.name || WORDS.unnamedDevice),
      el('span.tag', {}, plain(device.bus))),
    el('p', {}, verdict, ' ', device.phase === device.verdict ? null : phase), list,
    device.fault ? el('p.wrong', {}, device.fault) : null, evidence(device),
    asking(WORDS.how, () => get(`robots/${robotId}/device`, {device: device.device_id})));
}

function deviceFacts(device) {
  const ids = [device.vendor_id, device.product_id].filter(Boolean).join(':');
  return [
    ['Id', el('span.id', {}, device.device_id)], ['Vendor:product', ids], [WORDS.serial, device.serial],
    [WORDS.driver, device.driver], [WORDS.path, device.device_path],
    [WORDS.partOf, device.parent_id], [WORDS.couldBe, device.alternatives.join(', ')],
    [WORDS.kind, device.kind], [WORDS.state, device.state], [WORDS.heldBy, device.claimed_by],
    [WORDS.topics, device.topics.join(', ')], [WORDS.frame, device.frame_id],
    [WORDS.capabilities, device.capabilities.join(', ')], [WORDS.attached, device.generation ? `${device.generation} ×` : ''],
  ].filter(([, value]) => value);
}

function evidence(device) {
  if (!device.evidence.length) return el('p.note', {}, WORDS.noEvidence);
  return el('details', {}, el('summary', {}, WORDS.evidence(device.evidence.length)),
    el('ul.plain', {}, ...device.evidence.map((e) => el('li', {},
      el('span.tag', {}, e.source), ` ${e.location}: `, el('code', {}, e.seen), ` — ${e.says}`))));
}
