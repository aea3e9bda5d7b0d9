// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: Apache-2.0
// One WebSocket to the tower that comes back by itself. Owns retries; interprets nothing.

const SILENCE_MS = 12000; // the tower says something at least every 5 s
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class Link {
  /** onFrame(frame) returns false to ask for a new snapshot; onPhase('live' | 'down'). */
  constructor(url, onFrame, onPhase) {
    Object.assign(this, {url, onFrame, onPhase, tries: 0, heardAt: performance.now()});
    setInterval(() => this.watch(), 2000);
    this.open();
  }

  open() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onmessage = (message) => this.take(socket, message);
    socket.onclose = () => this.lost(socket);
  }

  take(socket, message) {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    this.tries = 0;
    this.onPhase('live');
    if (this.onFrame(JSON.parse(message.data)) === false) this.renew();
  }

  watch() {
    if (this.socket && performance.now() - this.heardAt > SILENCE_MS) this.renew();
  }

  renew() {
    const socket = this.socket;
    this.lost(socket);
    socket.close();
  }

  lost(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.onPhase('down');
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    setTimeout(() => this.open(), wait);
  }
}
