// SPDX-License-Identifier: Apache-2.0
// The life of a session (docs/sessions.md): asked for, consented to, streamed, resumed, ended. No DOM: the page is told by call-backs.
// Where it comes from is one object: the server's API, or the local helper of orch-cli, which does the rest of the API itself.
// @ts-check

import { Problem, call, sentence, server } from './api.js';

/**
 * @typedef {{stream: string, protocol: string[]}} Grant  one opening of the stream
 * @typedef {{kind: string, host: string, viewOnly: boolean, resumed: string, consent: any, state: string}} Info
 * @typedef {object} Source
 * @property {(takeOver: boolean) => Promise<Info>} open
 * @property {() => Promise<Info>} look how it is now
 * @property {() => Promise<Grant>} grant a ticket; throws Over when there is nothing to come back to
 * @property {() => Promise<number>} until when (our clock) coming back is no longer possible; 0: not known
 * @property {(leaving: boolean) => void} close
 * @property {((code: string) => Promise<any>)} giveCode
 * @property {(() => Promise<any>)} askCode
 * @property {(() => Promise<any>)} cancelCode
 * @typedef {'opening'|'consent'|'connecting'|'active'|'interrupted'|'ended'} State
 * @typedef {{state: State, text: string, retryAt: number, until: number, code: number}} View  code: of the close that led here, or 0
 * @typedef {object} Handlers
 * @property {(view: View) => void} state
 * @property {(consent: any) => void} consent what the firmware says of its code
 * @property {() => void} open the device's side is open: a new stream begins
 * @property {(bytes: Uint8Array) => void} data
 * @property {(note: any) => void} note
 */

/* docs/sessions.md, "Close codes": what to say when no note and no reason text came. */
/** @type {Record<number, [string, boolean]>} */
export const CLOSE = {
  1000: ['The session was closed', false],
  1012: ['The server stops or restarts', true],
  4001: ['The session was stopped', false],
  4002: ['Someone else took the session over', false],
  4003: ['The session was ended for a forced power action', false],
  4004: ['The session was ended for want of input', false],
  4005: ['The node is busy with another session of this kind', false],
  4006: ['The node has this kind of session disabled', false],
  4007: ['The node refused the sign-in of the server', false],
  4008: ['The node closed the session', true],
  4009: ['The link to the node was lost', true],
  4010: ['The consent of the user at the node is missing or ran out', false],
  4011: ['The host was deleted', false],
  4012: ['The node broke the protocol', false],
  4013: ['The node reported an error', false],
  4014: ['The connection of this viewer was lost', true],
  4015: ['The session is too old to come back to', false],
  4016: ['The user was removed or lost the right to this', false],
};
const WAITS_S = [1, 2, 4, 8];
const WINDOW_S = 5 * 60; /* to come back in, when the server did not say */
const LOOK_S = 3;
const FINAL = [400, 401, 403]; /* trying again does not help; a link that is down (409) may come back */

/** There is nothing to come back to. */
export class Over extends Error {}

/** A time of the server on our clock; 0: none. @param {string|null|undefined} t */
const ours = (t) => (t ? Date.parse(t) - server.aheadMs : 0);

/** Sessions of the server's API. @implements {Source} */
export class ServerSource {
  /** @param {string} project @param {string} host @param {string} kind @param {boolean} viewOnly */
  constructor(project, host, kind, viewOnly) {
    this.path = `/v1/projects/${encodeURIComponent(project)}/compute/hosts/${encodeURIComponent(host)}`;
    this.kind = kind;
    this.viewOnly = viewOnly;
    /** @type {any} */ this.now = null; /* the session as it was read last */
  }

  /** @param {any} s @returns {Info} */
  take(s) {
    this.now = s;
    return { kind: s.kind, host: s.hostName || s.host, viewOnly: s.viewOnly, resumed: s.resumed || '', consent: s.consent, state: s.state };
  }

  mine() { return `${this.path}/sessions/${this.now.id}`; }

  /** @param {boolean} takeOver */
  async open(takeOver) {
    return this.take(await call('POST', `${this.path}/sessions`, { kind: this.kind, viewOnly: this.viewOnly, takeOver }));
  }

  async look() {
    const s = await call('GET', this.mine());
    /* the session knows what was read last; while no code is displayed, the firmware is asked itself */
    if (s.state === 'consent' && s.consent?.displaySeconds == null) s.consent = await call('GET', `${this.path}/consent`).catch(() => s.consent);
    return this.take(s);
  }

  async until() { return ours(this.now && (await call('GET', this.mine())).resumeUntil); }

  /** @returns {Promise<Grant>} */
  async grant() {
    try {
      return await this.ticket();
    } catch (e) {
      if (!(e instanceof Problem)) throw e;
      if (e.status === 404) /* the server was restarted and knows nothing of it */
        this.take(await call('POST', `${this.path}/sessions`, { kind: this.kind, viewOnly: this.viewOnly, resume: this.now.id }));
      else if (e.status !== 409) throw e;
      else if ((await this.look()).state === 'ended') throw new Over(this.now.text || 'The session is over');
      if (this.now.state !== 'ready' && this.now.state !== 'interrupted') throw new Wait(this.now.state);
      return this.ticket();
    }
  }

  async ticket() {
    const t = await call('POST', `${this.mine()}/ticket`);
    return { stream: this.now.stream, protocol: ['outband.v1', `ticket.${t.ticket}`] };
  }

  /** @param {boolean} leaving */
  close(leaving) {
    if (this.now && this.now.state !== 'ended') call('DELETE', this.mine(), undefined, leaving).catch(() => {});
  }

  /** @param {string} code */
  giveCode(code) { return call('POST', `${this.path}/consent`, { code }); }
  askCode() { return call('POST', `${this.path}/consent:request`); }
  cancelCode() { return call('DELETE', `${this.path}/consent`); }
}

/** The session exists but wants something first: `state` of docs/sessions.md. */
class Wait extends Error {
  /** @param {string} state */
  constructor(state) { super(`the session is ${state}`); this.state = state; }
}

/** A page that orch-cli serves to its own user: no API here, each opening is asked of the helper. @implements {Source} */
export class LocalSource {
  /** @param {any} [first] an answer that is there already */
  constructor(first = null) {
    this.first = first;
    /** @type {Grant|null} */ this.next = null;
  }

  /** @returns {Promise<Info>} */
  async open() {
    const s = this.first || await call('GET', '/local.json');
    this.first = null;
    this.next = s;
    return { kind: s.kind, host: s.title || s.host, viewOnly: s.viewOnly === true, resumed: '', consent: null, state: 'ready' };
  }

  look() { return this.open(); }

  /** The answer of open() serves the first stream. */
  async grant() {
    if (!this.next) await this.open();
    const grant = /** @type {Grant} */ (this.next);
    this.next = null;
    return grant;
  }

  async until() { return 0; }
  close() {}
  async giveCode() {}
  async askCode() {}
  async cancelCode() {}
}

export class Session {
  /** @param {Source} source @param {Handlers} on @param {any} [WebSocketClass] */
  constructor(source, on, WebSocketClass = globalThis.WebSocket) {
    this.source = source;
    this.on = on;
    this.WebSocketClass = WebSocketClass;
    /** @type {View} */ this.view = { state: 'opening', text: '', retryAt: 0, until: 0, code: 0 };
    /** @type {WebSocket|null} */ this.socket = null;
    /** @type {Info|null} */ this.info = null;
    /** @type {any} */ this.timer = 0;
    this.secondMs = 1000; /* tests have less time */
    this.tries = 0;
    this.goneAt = this.windowEnd = 0; /* since when the stream is interrupted, and how long that may be */
    this.cause = ''; /* of the interruption */
    /** @type {any} */ this.farewell = null; /* the note before the close frame */
  }

  /** The one writer of the state. @param {State} state @param {string} [text] @param {Partial<View>} [more] */
  setState(state, text = '', more = {}) {
    clearTimeout(this.timer);
    this.view = { state, text, retryAt: 0, until: 0, code: 0, ...more };
    this.on.state(this.view);
  }

  /** @param {() => void} fn @param {number} seconds */
  later(fn, seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(fn, seconds * this.secondMs);
  }

  get over() { return this.view.state === 'ended'; }

  /** Throws when the server refuses: the caller may offer to take over. @param {boolean} [takeOver] */
  async start(takeOver = false) {
    this.tries = 0;
    this.goneAt = 0;
    this.setState('opening');
    try {
      this.info = await this.source.open(takeOver);
    } catch (e) {
      this.setState('ended', sentence(e));
      throw e;
    }
    this.proceed(this.info);
  }

  /** On from what the server says of the session. @param {Info} info */
  proceed(info) {
    if (this.over) return;
    this.info = info;
    if (info.state === 'ended') this.setState('ended', 'The session is over.');
    else if (info.state === 'consent' || info.state === 'opening') {
      if (this.view.state !== info.state) this.setState(info.state);
      if (info.state === 'consent') this.on.consent(info.consent);
      this.later(() => this.look(), LOOK_S);
    } else this.connect();
  }

  /** Somebody else may have given the code, or the time for it may have run out. */
  async look() {
    try {
      this.proceed(await this.source.look());
    } catch (e) {
      if (e instanceof Problem && e.status === 404) this.start().catch(() => {}); /* the server was restarted */
      else if (e instanceof Problem && e.status < 500) this.setState('ended', e.message);
      else this.later(() => this.look(), LOOK_S);
    }
  }

  /** The code of the node's screen; throws the server's sentence when it is wrong. @param {string} code */
  async giveCode(code) {
    try {
      this.on.consent(await this.source.giveCode(code));
    } catch (e) {
      if (e instanceof Problem && e.body?.consent) this.on.consent(e.body.consent);
      throw e;
    }
    await this.look();
  }

  async askCode() { this.on.consent(await this.source.askCode()); }

  async cancelCode() {
    await this.source.cancelCode().catch(() => {}); /* the end of the session does the same */
    this.close('You cancelled before a code was given.');
  }

  async connect() {
    const back = this.goneAt > 0;
    if (!back) this.setState('connecting');
    /** @type {Grant} */
    let grant;
    try {
      grant = await this.source.grant();
    } catch (e) {
      if (this.over) return;
      if (e instanceof Wait && (e.state === 'consent' || e.state === 'opening')) { this.look(); return; }
      if (e instanceof Over || (e instanceof Problem && (!back || FINAL.includes(e.status)))) this.setState('ended', e.message);
      else this.interrupted(back ? this.cause : sentence(e), e instanceof Problem ? e.message : '');
      return;
    }
    if (this.over) return;
    this.setState('connecting', back ? this.cause : '');
    this.listen(new this.WebSocketClass(new URL(grant.stream, location.href.replace(/^http/, 'ws')), grant.protocol));
  }

  /** @param {WebSocket} ws */
  listen(ws) {
    this.socket = ws;
    this.farewell = null;
    ws.binaryType = 'arraybuffer';
    ws.onmessage = (m) => {
      if (ws !== this.socket) return;
      if (typeof m.data === 'string') this.note(m.data);
      else this.on.data(new Uint8Array(m.data));
    };
    ws.onclose = (e) => { if (ws === this.socket) this.closed(e.code, e.reason); };
  }

  /** @param {string} text */
  note(text) {
    /** @type {any} */
    let note;
    try { note = JSON.parse(text); } catch { return; }
    if (note?.type === 'open') {
      this.tries = 0;
      this.goneAt = 0;
      this.setState('active');
      this.on.open();
    } else if (note?.type === 'end') this.farewell = note;
    if (note && typeof note.type === 'string') this.on.note(note);
  }

  /** @param {number} code @param {string} reason */
  closed(code, reason) {
    this.socket = null;
    if (this.over) return;
    const [words, back] = CLOSE[code] || ['The connection to the server was lost', code < 4000];
    const text = `${this.farewell?.text || reason || words}`.replace(/([^.!?])$/, '$1.');
    if (this.farewell ? this.farewell.resumable : back) this.interrupted(text, '', code);
    else this.setState('ended', text, { code });
  }

  /** @param {string} text the cause @param {string} [refusal] why it could not be resumed just now
   * @param {number} [code] */
  interrupted(text, refusal = '', code = 0) {
    const now = Date.now();
    this.cause = text;
    if (!this.goneAt) {
      this.goneAt = now;
      this.windowEnd = now + WINDOW_S * this.secondMs;
      this.askWindow();
    }
    const wait = WAITS_S[Math.min(this.tries++, WAITS_S.length - 1)];
    if (now + wait * this.secondMs > this.windowEnd) {
      this.setState('ended', `${text} It could not be resumed in time.`);
      return;
    }
    this.setState('interrupted', [text, refusal.replace(/([^.!?])$/, '$1.')].filter(Boolean).join(' '), { retryAt: now + wait * this.secondMs, until: this.windowEnd, code });
    this.later(() => this.connect(), wait);
  }

  /** How long the server keeps it; when it cannot be asked, it may still come back. */
  async askWindow() {
    const until = await this.source.until().catch(() => 0);
    if (!until || this.view.state !== 'interrupted') return;
    this.windowEnd = until;
    this.view = { ...this.view, until };
    this.on.state(this.view);
  }

  /** The operator does not want to wait. */
  retryNow() {
    if (this.view.state === 'interrupted') this.connect();
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.socket?.readyState === 1) this.socket.send(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  }

  /** Bytes that the network did not take yet. */
  get backlog() { return this.socket?.bufferedAmount || 0; }

  /** @param {string} [text] @param {boolean} [leaving] the page goes away */
  close(text = 'You closed the session.', leaving = false) {
    if (this.over) return;
    const ws = this.socket;
    this.socket = null;
    this.setState('ended', text);
    ws?.close(1000);
    this.source.close(leaving);
  }
}
