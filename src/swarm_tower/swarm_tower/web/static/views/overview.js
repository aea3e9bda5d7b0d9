// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Everything at one glance; each part has a view of its own.

import {el, panel} from '../dom.js';
import {OVERVIEW as WORDS} from '../words.js';
import {alarmPanel} from './alarms.js';
import {aggregate} from './consciousness.js';
import {eventList} from './events.js';
import {jobProgress} from './jobs.js';
import {organism} from './organism.js';
import {robotTable} from './robots.js';

export function makeOverview(root, alarms) {
  const picture = panel(WORDS.organism, 'organism');
  const jobs = panel(WORDS.jobs, 'overview-jobs');
  const signals = panel(WORDS.signals, 'overview-consciousness');
  const robots = panel(WORDS.robots, 'overview-robots');
  const events = panel(WORDS.events, 'overview-events');
  const alarm = alarmPanel(alarms);
  more(jobs, 'jobs', WORDS.allJobs);
  more(signals, 'mind', WORDS.eachRobot);
  more(events, 'events', WORDS.allEvents);
  root.append(el('div.overview', {}, alarm.box, picture,
    el('div.stack', {}, jobs, signals), robots, events));
  return [alarm, organism(picture), jobProgress(jobs), aggregate(signals), robotTable(robots),
    eventList(events, {rows: 8, tools: false})];
}

function more(box, view, words) {
  box.querySelector('.panel-head').append(el('a.more', {href: `#${view}`}, words));
}
