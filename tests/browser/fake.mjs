// SPDX-License-Identifier: Apache-2.0
// A server that plays outbandd for the pages: its files and their policy, the routes of docs/sessions.md, streams whose other end a test holds.
// @ts-check
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { be32 } from '../ui/rfb_server.mjs';

const UI = new URL('../../ui/', import.meta.url);
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };
/** @type {Record<string, string>} */
const ELSEWHERE = { 'xterm.js': 'node_modules/@xterm/xterm/lib/xterm.mjs', 'xterm.css': 'node_modules/@xterm/xterm/css/xterm.css' };

/** The policy that outbandd sends, from its source: what passes here passes there. */
const POLICY = (/#define PAGE_HEADERS[\s\S]*?Content-Security-Policy: ([\s\S]*?)\\r\\n/.exec(
  readFileSync(new URL('../../src/server/request.c', import.meta.url), 'utf8'))?.[1] || '').replace(/"\s*\\\n\s*"/g, '');

/** One stream: frames as they come. */
export class Peer {
  /** @param {import('node:stream').Duplex} socket @param {string} url @param {string} protocols */
  constructor(socket, url, protocols) {
    this.socket = socket;
    this.url = url;
    this.protocols = protocols;
    this.got = Buffer.alloc(0); /* payload of binary frames */
    this.closedWith = 0;
    /** @type {Buffer} */ let rest = Buffer.alloc(0);
    socket.on('data', (/** @type {Buffer} */ b) => { rest = this.frames(Buffer.concat([rest, b])); });
    socket.on('error', () => {});
  }

  /** @param {Buffer} b @returns {Buffer} */
  frames(b) {
    while (b.length >= 6) { /* a client's frames are masked: RFC 6455 5.3 */
      const short = b[1] & 127, head = short < 126 ? 6 : short === 126 ? 8 : 14;
      if (b.length < head) break;
      const n = short < 126 ? short : short === 126 ? b.readUInt16BE(2) : Number(b.readBigUInt64BE(2));
      if (b.length < head + n) break;
      const mask = b.subarray(head - 4, head), payload = Buffer.from(b.subarray(head, head + n)).map((v, i) => v ^ mask[i & 3]);
      if ((b[0] & 15) === 2) this.got = Buffer.concat([this.got, payload]);
      if ((b[0] & 15) === 8) { this.closedWith = payload.length > 1 ? payload[0] * 256 + payload[1] : 1005; this.socket.end(); }
      b = b.subarray(head + n);
    }
    return b;
  }

  /** @param {number} op @param {Uint8Array} payload */
  frame(op, payload) {
    const n = payload.length, size = n < 126 ? [n] : n < 65536 ? [126, n >> 8, n & 255] : [127, 0, 0, 0, 0, ...be32(n)];
    this.socket.write(Buffer.concat([Buffer.from([op | 128, ...size]), payload]));
  }
  /** @param {Iterable<number>} bytes */
  send(bytes) { this.frame(2, Uint8Array.from(bytes)); }
  /** @param {any} note */
  note(note) { this.frame(1, Buffer.from(JSON.stringify(note))); }
  /** @param {number} code @param {string} [reason] */
  close(code, reason = '') { this.frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)])); }
  drop() { this.socket.destroy(); }
  /** What came since the last time. */
  take() { const b = [...this.got]; this.got = Buffer.alloc(0); return b; }
}

/** @typedef {[status: number, json?: any, headers?: Record<string, string>]} Answer */

export class Fake {
  constructor() {
    /** @type {Peer[]} */ this.peers = [];
    /** @type {[string, string, any][]} */ this.calls = [];
    /** @type {Record<string, (body: any, query: string) => Answer|Promise<Answer>>} */ this.routes = {};
    /** @type {Set<http.ServerResponse>} who follows /v1/events */ this.followers = new Set();
    this.published = 0;
    this.server = http.createServer((q, r) => this.answer(q, r));
    this.server.on('upgrade', (q, socket) => {
      const key = q.headers['sec-websocket-key'], accept = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: outband.v1\r\n\r\n`);
      this.peers.push(new Peer(socket, q.url || '', String(q.headers['sec-websocket-protocol'])));
    });
  }

  async start() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', () => done(0)));
    this.origin = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (this.server.address()).port}`;
    return this;
  }

  stop() {
    for (const p of this.peers) p.drop();
    this.server.closeAllConnections();
    this.server.close();
  }

  /** @param {http.IncomingMessage} q @param {http.ServerResponse} r */
  async answer(q, r) {
    const path = (q.url || '').split('?')[0], parts = [];
    for await (const b of q) parts.push(b);
    const text = Buffer.concat(parts).toString(), body = text ? JSON.parse(text) : undefined;
    if (path === '/' || path.startsWith('/ui/')) { this.file(path, r); return; }
    if (path === '/v1/events') { this.follow(r); return; }
    const query = (q.url || '').slice(path.length);
    this.calls.push([q.method || '', path + (q.method === 'GET' ? '' : query), body]);
    const [status, json, headers] = await this.routes[`${q.method} ${path}`]?.(body, query) || [404, { message: `no route ${path}` }];
    r.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    r.end(json === undefined ? '' : JSON.stringify(json));
  }

  /** @param {http.ServerResponse} r */
  follow(r) {
    r.writeHead(200, { 'Content-Type': 'text/event-stream' });
    r.write('id: 0\n\n');
    this.followers.add(r);
    r.on('close', () => this.followers.delete(r));
  }
  /** An event of a host. @param {string} kind @param {any} host @param {string} text */
  publish(kind, host, text) {
    const id = String(++this.published), data = { id, type: `host.${kind}`, subject: host.resourceId, time: new Date().toISOString(), data: { text, host: kind === 'deleted' ? null : host } };
    for (const r of this.followers) r.write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** @param {string} path @param {http.ServerResponse} r */
  file(path, r) {
    const name = path === '/' ? 'index.html' : path.slice(4);
    try {
      const bytes = readFileSync(new URL(ELSEWHERE[name] || name, UI));
      r.writeHead(200, { 'Content-Type': TYPES[/** @type {keyof TYPES} */ (name.split('.').pop())], 'Content-Security-Policy': POLICY });
      r.end(bytes);
    } catch { r.writeHead(404); r.end(); }
  }
}
