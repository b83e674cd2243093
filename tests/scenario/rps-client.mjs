// SPDX-License-Identifier: Apache-2.0
// A client of the RPS protocol that shares no code with ours: node tests/scenario/rps-client.mjs URL CA-PEM MEI-SOCKET PROFILE [KEY-FILE]
// It does as the public rpc-go does: asks the firmware who it is by PTHI, tells the server, and carries each request to the
// firmware's local port over a channel of its own (LME). An answer ends with the channel, or when nothing came for 100 ms, which
// is told: a server that wants to be fast lets the firmware close. Exit: 0 success, 1 the server's error, 2 anything else.
// @ts-check
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { CLOSE, Reader, Server, TEXT, broken, say } from './ws.mjs';

const [url, ca, mei, profile, keyFile] = process.argv.slice(2);
const PTHI = '12f80028-b4b7-4b2d-aca8-46e0ff65814c', LME = '6733a4db-0476-4e7b-b3af-bcfc29bee7a7';
const FIRST_BYTE_MS = 3000, IDLE_MS = 100, WINDOW = 4096, WSMAN_PORT = 16992;
/* --- the host interface: a socket that behaves like /dev/mei0 (docs/activation.md) --- */

/** A GUID as the firmware has it: the first three fields with the low byte first. @param {Buffer} b */
const swapped = (b) => Buffer.concat([b.subarray(0, 4).reverse(), b.subarray(4, 6).reverse(), b.subarray(6, 8).reverse(), b.subarray(8)]);

class Mei {
  constructor() {
    this.socket = net.connect(mei);
    this.reader = new Reader(this.socket, 'mei');
  }

  /** @param {string} guid */
  static async open(guid) {
    const m = new Mei();
    m.send(swapped(Buffer.from(guid.replaceAll('-', ''), 'hex')));
    const greeting = await m.receive();
    if (greeting?.length !== 5) broken(`mei: there is no client ${guid}`);
    return m;
  }

  /** @param {Buffer} message */
  send(message) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(message.length);
    this.socket.write(Buffer.concat([length, message]));
  }

  async receive() {
    const length = await this.reader.take(4);
    return length ? this.reader.take(Buffer.from(length).readUInt32LE(0)) : null;
  }

  close() { this.socket.destroy(); }
}

/** @param {Mei} m @param {number} command @param {Buffer} [data] */
async function pthi(m, command, data = Buffer.alloc(0)) {
  const head = Buffer.alloc(12);
  head.writeUInt8(1, 0);
  head.writeUInt8(1, 1);
  head.writeUInt32LE(command, 4);
  head.writeUInt32LE(data.length, 8);
  m.send(Buffer.concat([head, data]));
  const answer = await m.receive();
  if (!answer || answer.readUInt32LE(4) !== ((command | 0x00800000) >>> 0)) broken(`pthi: no answer to ${command.toString(16)}`);
  if (answer.readUInt32LE(12) !== 0) broken(`pthi: ${command.toString(16)} returned ${answer.readUInt32LE(12)}`);
  return answer.subarray(16);
}

const text = (/** @type {Buffer} */ b) => b.subarray(0, b.indexOf(0)).toString();

/** @param {Buffer} b */
function codeVersions(b) {
  /** @type {Record<string, string>} */
  const all = {};
  for (let i = 0, at = 69; i < b.readUInt32LE(65); i++, at += 44) {
    const name = b.subarray(at + 2, at + 2 + b.readUInt16LE(at)), value = b.subarray(at + 24, at + 24 + b.readUInt16LE(at + 22));
    all[name.toString()] = value.toString();
  }
  return all;
}

/** What the first message tells of the node. */
async function describe() {
  const m = await Mei.open(PTHI);
  const versions = codeVersions(await pthi(m, 0x0400001a));
  const uuid = swapped(Buffer.from(await pthi(m, 0x0400005c))).toString('hex');
  const account = await pthi(m, 0x04000067, Buffer.alloc(40));
  const mode = (await pthi(m, 0x0400006b)).readUInt32LE(0);
  m.close();
  return {
    ver: versions.AMT, build: versions['Build Number'], sku: versions.Sku, features: 'AMT Pro Corporate',
    uuid: uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    username: text(account.subarray(0, 33)), password: text(account.subarray(33, 66)),
    currentMode: mode, hostname: `foreign-${hostname()}`.slice(0, 20), fqdn: '', client: 'RPC', certHashes: [],
    ipConfiguration: { dhcp: true, static: false, ipsync: false, ipAddress: '', netmask: '', gateway: '', primaryDns: '', secondaryDns: '' },
    hostnameInfo: { dnsSuffixOS: '', hostname: hostname() }, friendlyName: '', tlsEnforced: false, lmsInstalled: false,
  };
}

/* --- LME: APF to the firmware's local port --- */

const u32 = (/** @type {number[]} */ ...v) => Buffer.concat(v.map((n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; }));
const str = (/** @type {string} */ s) => Buffer.concat([u32(s.length), Buffer.from(s)]);
const apf = (/** @type {number} */ kind, /** @type {Buffer[]} */ ...parts) => Buffer.concat([Buffer.of(kind), ...parts]);

class Lme {
  /** @param {Mei} m */
  constructor(m) {
    this.mei = m;
    this.bytes = Buffer.alloc(0);
    this.mine = 0;
    this.ports = /** @type {number[]} */ ([]);
    this.pending = /** @type {Promise<{kind: number, data: Buffer}> | undefined} */ (undefined);
  }

  static async open() {
    const l = new Lme(await Mei.open(LME));
    l.mei.send(apf(192, u32(1, 0, 9), Buffer.alloc(16 + 64)));
    while (!l.ports.includes(WSMAN_PORT)) await l.message();
    return l;
  }

  /** The next message that is about a channel or a port; the others are answered.
   * @returns {Promise<{kind: number, data: Buffer}>} */
  async message() {
    for (;;) {
      const kind = (await this.take(1))[0];
      if (kind === 192) {
        await this.take(92);
      } else if (kind === 5) {
        this.mei.send(apf(6, str(await this.string())));
      } else if (kind === 80) {
        await this.string();
        await this.take(1);
        await this.string();
        const port = (await this.take(4)).readUInt32BE(0);
        this.mei.send(apf(81, u32(port)));
        this.ports.push(port);
        return { kind, data: Buffer.alloc(0) };
      } else if (kind === 208) {
        this.mei.send(apf(209, await this.take(4)));
      } else if (kind === 91 || kind === 92) {
        return { kind, data: await this.take(16) };
      } else if (kind === 93) {
        return { kind, data: await this.take(8) };
      } else if (kind === 97) {
        return { kind, data: await this.take(4) };
      } else if (kind === 94) {
        const head = await this.take(8);
        return { kind, data: Buffer.concat([head, await this.take(head.readUInt32BE(4))]) };
      } else {
        broken(`lme: message ${kind}`);
      }
    }
  }

  async string() { return (await this.take((await this.take(4)).readUInt32BE(0))).toString(); }

  /** @param {number} n */
  async take(n) {
    while (this.bytes.length < n) {
      const more = await this.mei.receive();
      if (!more) broken('lme: the firmware hung up');
      this.bytes = Buffer.concat([this.bytes, more]);
    }
    const head = Buffer.from(this.bytes.subarray(0, n));
    this.bytes = this.bytes.subarray(n);
    return head;
  }

  /** The next message of the firmware; null: none came for so long.
   * @param {Promise<{kind: number, data: Buffer}>} message @param {number} ms */
  static within(message, ms) {
    /** @type {NodeJS.Timeout} */
    let timer;
    return Promise.race([message, new Promise((/** @type {(v: null) => void} */ done) => { timer = setTimeout(() => done(null), ms); })]).finally(() => clearTimeout(timer));
  }

  /** One request over a channel of its own. idle: its answer was not ended by the firmware.
   * @param {Buffer} request */
  async exchange(request) {
    const mine = ++this.mine;
    /** @type {Buffer[]} */
    const answer = [];
    let theirs = -1, room = 0, idle = false, left = request;
    this.mei.send(apf(90, str('forwarded-tcpip'), u32(mine, WINDOW, 0xffffffff), str('127.0.0.1'), u32(WSMAN_PORT), str('127.0.0.1'), u32(123)));
    for (;;) {
      const next = this.pending ?? this.message(); /* one that was waited for in vain is still on its way */
      this.pending = next;
      const m = await Lme.within(next, answer.length ? IDLE_MS : FIRST_BYTE_MS);
      if (!m) {
        idle = true;
        break;
      }
      this.pending = undefined;
      if (m.kind === 80 || m.data.readUInt32BE(0) !== mine) continue; /* another port; or late, of a channel that is over */
      if (m.kind === 92) broken('lme: the firmware opens no channel');
      if (m.kind === 91) {
        theirs = m.data.readUInt32BE(4);
        room = m.data.readUInt32BE(8);
      } else if (m.kind === 93) {
        room += m.data.readUInt32BE(4);
      } else if (m.kind === 94) {
        answer.push(m.data.subarray(8));
        this.mei.send(apf(93, u32(theirs, m.data.length - 8)));
      } else if (m.kind === 97) {
        break;
      }
      while (theirs >= 0 && room > 0 && left.length > 0) {
        const piece = left.subarray(0, room);
        this.mei.send(apf(94, u32(theirs, piece.length), piece));
        left = left.subarray(piece.length);
        room -= piece.length;
      }
    }
    if (theirs >= 0) this.mei.send(apf(97, u32(theirs)));
    return { answer: Buffer.concat(answer), idle };
  }
}

/* --- the server --- */

/** @param {string} method @param {Buffer} payload */
function tell(method, payload) {
  server.frame(TEXT, Buffer.from(JSON.stringify({
    method, apiKey: 'key', appVersion: '2.0.0', protocolVersion: '4.0.0', status: 'ok', message: 'ok', fqdn: '', payload: payload.toString('base64'), tenantId: '',
  })));
}

/** The next message, null: the connection is over. @returns {Promise<any>} */
async function hear() {
  const m = await server.hear();
  if (m && m.kind !== TEXT && m.kind !== CLOSE) broken(`server: message of kind ${m.kind}`);
  return m?.kind === TEXT ? JSON.parse(m.data.toString()) : null;
}

const key = keyFile ? `Authorization: Bearer ${readFileSync(keyFile, 'utf8').trim()}` : '';
const { s: server, status, body } = await Server.open(url, ca, key);
if (status !== 101) {
  say(`refused ${status}: ${JSON.parse(body).message}`);
  process.exit(1);
}
const node = await describe();
tell(`activate --profile ${profile}`, Buffer.from(JSON.stringify(node)));
/** @type {Lme | undefined} */
let lme;
let requests = 0, waits = 0, spent = 0;
for (;;) {
  const m = await hear();
  if (!m) broken('server: it hung up without a last word');
  if (m.protocolVersion !== '4.0.0') broken(`server: protocol ${m.protocolVersion}`);
  if (m.method === 'wsman') {
    lme ??= await Lme.open();
    const before = performance.now(), { answer, idle } = await lme.exchange(Buffer.from(m.payload, 'base64'));
    requests++;
    waits += idle ? 1 : 0;
    spent += performance.now() - before;
    if (answer.length) tell('response', answer); else tell('connection_reset', Buffer.from('connection_closed'));
  } else if (m.method === 'heartbeat_request') {
    tell('heartbeat_response', Buffer.from(m.payload ?? '', 'base64'));
  } else if (m.method === 'success' || m.method === 'error') {
    const end = JSON.parse(m.message);
    say(`${m.method} ${m.status}: ${end.Status}`);
    for (const part of Object.keys(end.Components ?? {})) say(`${part}: ${end.Components[part].Result}`);
    if (requests) say(`requests ${requests} waits ${waits} ms ${Math.round(spent)}`);
    process.exit(m.method === 'success' ? 0 : 1);
  } else {
    broken(`server: method ${m.method}`); /* "progress" was not asked for */
  }
}
