// SPDX-License-Identifier: Apache-2.0
// What the foreign clients of scenarios share: a stream that is read by so many bytes, and a WebSocket by hand (RFC 6455).
// They share no code with ours. A client that meets what it cannot be met with ends with code 2.
// @ts-check
import tls from 'node:tls';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`);

/** @param {string} why @returns {never} */
export function broken(why) {
  say(`broken: ${why}`);
  process.exit(2);
}

/** A stream that is read by so many bytes. */
export class Reader {
  /** @param {import('node:net').Socket} socket @param {string} what */
  constructor(socket, what) {
    this.input = Buffer.alloc(0);
    this.wake = () => {};
    this.over = false;
    socket.on('data', (more) => { this.input = Buffer.concat([this.input, more]); this.wake(); });
    socket.on('close', () => { this.over = true; this.wake(); });
    socket.on('error', (e) => broken(`${what}: ${e.message}`));
  }

  /** n bytes; null when the stream has ended before. @param {number} n */
  async take(n) {
    while (this.input.length < n) {
      if (this.over) return null;
      await new Promise((/** @type {(v?: unknown) => void} */ done) => { this.wake = done; });
    }
    const head = this.input.subarray(0, n);
    this.input = this.input.subarray(n);
    return head;
  }
}

export const TEXT = 1, BINARY = 2, CLOSE = 8;
const PING = 9, PONG = 10;

export class Server {
  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    this.reader = new Reader(socket, 'server');
  }

  /** The status of the upgrade; the server when it is 101, else the body. header: a line of its own, or "".
   * @param {string} url @param {string} ca @param {string} header */
  static async open(url, ca, header) {
    const to = new URL(url), nonce = randomBytes(16).toString('base64');
    const socket = tls.connect({ host: '127.0.0.1', port: Number(to.port), servername: to.hostname, ca: readFileSync(ca) });
    const s = new Server(socket);
    socket.write(`GET ${to.pathname}${to.search} HTTP/1.1\r\nHost: ${to.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Key: ${nonce}\r\nSec-WebSocket-Version: 13\r\n${header}${header && '\r\n'}\r\n`);
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += (await s.reader.take(1))?.toString() ?? broken('server: no answer');
    const accept = createHash('sha1').update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const status = Number(head.split(' ')[1]), length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (status === 101 && !head.includes(accept)) broken('server: Sec-WebSocket-Accept');
    return { s, status, head, body: status === 101 ? '' : String(await s.reader.take(length)) };
  }

  /** @param {number} opcode @param {Buffer} data */
  frame(opcode, data) {
    const mask = randomBytes(4), masked = Buffer.from(data);
    for (let i = 0; i < masked.length; i++) masked[i] ^= mask[i % 4];
    const head = data.length < 126 ? Buffer.of(0x80 | opcode, 0x80 | data.length) : Buffer.alloc(data.length < 65536 ? 4 : 10);
    if (data.length >= 126) {
      head[0] = 0x80 | opcode;
      head[1] = data.length < 65536 ? 0xfe : 0xff;
      if (data.length < 65536) head.writeUInt16BE(data.length, 2); else head.writeBigUInt64BE(BigInt(data.length), 2);
    }
    this.socket.write(Buffer.concat([head, mask, masked]));
  }

  /** The next message; a close frame is one, and its data what it says. null: the connection is over. */
  async hear() {
    let whole = Buffer.alloc(0), kind = 0;
    for (;;) {
      const head = await this.reader.take(2);
      if (!head) return null;
      const [first, second] = head;
      let length = second & 0x7f;
      if (length === 126) length = Buffer.from(await this.reader.take(2) ?? []).readUInt16BE(0);
      else if (length === 127) length = Number(Buffer.from(await this.reader.take(8) ?? []).readBigUInt64BE(0));
      const data = Buffer.from(await this.reader.take(length) ?? []);
      const opcode = first & 0x0f;
      if (second & 0x80) broken('server: a masked frame');
      if (opcode === PING) this.frame(PONG, data);
      else if (opcode === CLOSE) return { kind: CLOSE, data };
      else if (opcode === PONG) continue;
      else if (opcode > BINARY) broken(`server: frame of kind ${opcode}`);
      else whole = Buffer.concat([whole, data]);
      if (opcode === TEXT || opcode === BINARY) kind = opcode;
      if (opcode <= BINARY && first & 0x80) return { kind, data: whole };
    }
  }
}
