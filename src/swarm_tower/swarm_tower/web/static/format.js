// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them. Pure.

export function span(ms) {
  if (ms === null || ms === undefined) return '–';
  const s = Math.max(0, ms) / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** Of something that has ended, so that short ones can be told apart. */
export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : span(ms);
}

export function clock(wallMs) {
  if (!wallMs) return '–';
  return new Date(wallMs).toLocaleTimeString('en-GB');
}

export function dateTime(wallMs) {
  if (!wallMs) return '–';
  const at = new Date(wallMs);
  return `${at.toLocaleDateString('en-CA')} ${at.toLocaleTimeString('en-GB')}`;
}

export function bytes(count) {
  if (!count) return 'unknown';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let n = count;
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i += 1; }
  return `${n < 10 && i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

export function figure(value) {
  return value === null || value === undefined ? '–' : value.toFixed(2);
}

export function number(value) {
  return value === null || value === undefined ? '–' : String(value);
}

export function plain(word) {
  return String(word ?? '–').replaceAll('_', ' ');
}
