// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Everything at one glance; each part has a view of its own.

import {el, panel} from '../dom.js';
import {aggregate} from './consciousness.js';
import {eventList} from './events.js';
import {jobProgress} from './jobs.js';
import {organism} from './organism.js';
import {robotTable} from './robots.js';

export function makeOverview(root) {
  const picture = panel('Organism', 'organism');
  const jobs = panel('Jobs', 'overview-jobs');
  const signals = panel('Swarm consciousness', 'overview-consciousness');
  const robots = panel('Robots', 'overview-robots');
  const events = panel('Latest events', 'overview-events');
  more(jobs, 'jobs', 'all jobs');
  more(signals, 'consciousness', 'each robot');
  more(events, 'events', 'all events');
  root.append(el('div.overview', {}, picture,
    el('div.stack', {}, jobs, signals), robots, events));
  return [organism(picture), jobProgress(jobs), aggregate(signals), robotTable(robots),
    eventList(events, {rows: 8, tools: false})];
}

function more(box, view, words) {
  box.querySelector('.panel-head').append(el('a.more', {href: `#${view}`}, words));
}
