// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// What is missing and what to check, whenever the page would otherwise just be empty.

import {el, icon, setText} from '../dom.js';
import {span} from '../format.js';

export function makeBanner(root) {
  let shown = '';
  let first = null;
  return {
    render(store) {
      const lines = problems(store);
      const key = JSON.stringify(lines.map((l) => [l.id, l.checks]));
      if (key !== shown) {
        shown = key;
        root.replaceChildren(...lines.map(draw));
        first = root.querySelectorAll('.banner-title');
      }
      lines.forEach((line, i) => setText(first[i], line.title));
    },
  };
}

function draw(line) {
  return el(`div.banner.t-${line.tone}`, {id: `banner-${line.id}`}, icon(line.tone),
    el('div', {}, el('p.banner-title'),
      line.checks.length ? el('ul', {}, ...line.checks.map((c) => el('li', {}, c))) : null));
}

function problems(store) {
  const swarm = store.swarm;
  if (!swarm.swarm_id) return [];
  const found = [];
  const silent = store.age(swarm.heard_ms ?? swarm.started_ms);
  if (swarm.leader.kind === 'silent') {
    found.push(nothingHeard(swarm, silent, store.robots.size));
  }
  if (swarm.leader.kind === 'split') {
    found.push({id: 'split', tone: 'error', title: 'Split view: the robots heard do not agree '
      + `on a leader (${swarm.leader.text}).`, checks: []});
  }
  if (swarm.ignored?.protocol) {
    found.push({id: 'protocol', tone: 'warn', title: 'Messages of another protocol version are '
      + 'ignored.', checks: [`versions heard: ${swarm.ignored.protocol.join(', ')}`]});
  }
  if (swarm.ignored?.robot_id) {
    found.push({id: 'names', tone: 'warn', title: 'Robots with an impossible name are ignored.',
      checks: [`names heard: ${swarm.ignored.robot_id.join(', ')}`]});
  }
  return found;
}

function nothingHeard(swarm, silent, known) {
  const where = `on ROS domain ${swarm.domain_id} of swarm '${swarm.swarm_id}'`;
  if (silent < swarm.lost_after_ms && known) {
    return {id: 'silent', tone: 'info', title: `No robot heard for ${span(silent)} …`, checks: []};
  }
  if (silent < swarm.lost_after_ms) {
    return {id: 'silent', tone: 'info', title: `Listening for robots ${where} …`, checks: []};
  }
  const others = swarm.ignored?.swarm ?? [];
  const checks = [
    others.length ? `other swarms are heard here: ${others.join(', ')}; is one of them meant? `
      + 'Then set swarm_id of the tower.' : 'swarm_id: is it the same for the robots and the tower?',
    `ROS_DOMAIN_ID: do the robots use ${swarm.domain_id} too?`,
    'ROS_AUTOMATIC_DISCOVERY_RANGE: LOCALHOST reaches robots on this machine only',
    'are the robots running, and does the network let multicast through?',
  ];
  return {id: 'silent', tone: 'warn', checks,
    title: `No robot heard ${where} for ${span(silent)}.`};
}
