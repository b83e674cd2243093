// SPDX-License-Identifier: Apache-2.0
// A serial console for scenarios by the relay of the public MPS: node tests/scenario/relay-client.mjs URL CA-PEM TOKEN
// It shares no code with ours, and does as the UI toolkit does in a browser: the token is the sub-protocol; it starts the
// redirection session itself, answers the login's challenge without knowing the password, opens SOL, and has a heartbeat. It
// takes messages however they are cut, from binary frames and, as that MPS sends them, from text. A line of input is typed key by
// key, with Enter; `bye` closes. What comes from the node is its output as it is. Exit: 0 closed, 1 refused, 2 anything else.
// @ts-check
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { CLOSE, Server, TEXT, broken, say } from './ws.mjs';

const [url, ca, token] = process.argv.slice(2);
const USER = 'admin', PASSWORD = 'not known here', HEARTBEAT_MS = 2000, DIGEST = 4, HOST_HAS_POWER = 4;

const { s: server, status, head, body } = await Server.open(url, ca, token ? `Sec-WebSocket-Protocol: ${token}` : '');
if (status !== 101) {
  const { message, remedy } = JSON.parse(body);
  say(`refused ${status}: ${message}. ${remedy}`);
  process.exit(1);
}
if (/^sec-websocket-protocol: (.*)\r$/im.exec(head)?.[1] !== token) broken('a browser wants the token echoed as the sub-protocol');

let bytes = Buffer.alloc(0);
/** n bytes of the device. @param {number} n */
async function take(n) {
  while (bytes.length < n) {
    const m = await server.hear();
    if (!m) broken('the server hung up without a close frame');
    if (m.kind === CLOSE) {
      say(`closed ${m.data.length ? m.data.readUInt16BE() : 1005} ${m.data.subarray(2)}`);
      process.exit(0);
    }
    bytes = Buffer.concat([bytes, m.kind === TEXT ? Buffer.from(m.data.toString(), 'latin1') : m.data]);
  }
  const piece = bytes.subarray(0, n);
  bytes = bytes.subarray(n);
  return Buffer.from(piece);
}

/** The head of a message that must be this one. @param {number} id @param {number} n */
async function expect(id, n) {
  const message = await take(n);
  if (message[0] !== id) broken(`message 0x${message[0].toString(16)} instead of 0x${id.toString(16)}`);
  return message;
}

const send = (/** @type {Buffer[]} */ ...parts) => server.frame(2, Buffer.concat(parts));
const field = (/** @type {string} */ text) => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
const u16 = (/** @type {number[]} */ ...v) => Buffer.concat(v.map((n) => Buffer.of(n & 255, n >> 8)));
const u32 = (/** @type {number} */ n) => u16(n & 0xffff, n >>> 16);
const md5 = (/** @type {string} */ text) => createHash('md5').update(text).digest('hex');

/* --- start and login --- */

/** One exchange of the login. @param {number} type @param {string[]} fields */
async function authenticate(type, fields) {
  const data = Buffer.concat(fields.map(field));
  send(Buffer.of(0x13, 0, 0, 0, type), u32(data.length), data);
  const reply = await expect(0x14, 9);
  return { status: reply[1], type: reply[4], data: await take(reply.readUInt32LE(5)) };
}

async function login() {
  send(Buffer.of(0x10, 0, 0, 0), Buffer.from('SOL '));
  const start = await expect(0x11, 4);
  if (start[1] !== 0) broken(`the session is not started: status ${start[1]}`);
  const rest = await take(9);
  await take(rest[8]);
  say(`started by AMT ${rest[2]}.${rest[3]}`);
  const methods = await authenticate(0, []);
  if (methods.status !== 0 || !methods.data.includes(DIGEST)) broken(`login methods ${methods.data.toString('hex')}`);
  const asked = await authenticate(DIGEST, [USER, '', '', '', '', '', '', '']);
  if (asked.status !== 1 || asked.type !== DIGEST) broken(`no challenge: status ${asked.status}, type ${asked.type}`);
  /** @type {string[]} */ const challenge = [];
  for (let at = 0; at < asked.data.length; at += 1 + asked.data[at]) challenge.push(asked.data.subarray(at + 1, at + 1 + asked.data[at]).toString());
  const [realm, nonce, qop] = challenge, cnonce = '0a1b2c3d4e', nc = '00000002', uri = '';
  if (!realm.startsWith('Digest:') || !nonce || qop !== 'auth') broken(`challenge ${challenge}`);
  const response = md5([md5(`${USER}:${realm}:${PASSWORD}`), nonce, nc, cnonce, qop, md5(`POST:${uri}`)].join(':'));
  const verdict = await authenticate(DIGEST, [USER, realm, nonce, uri, cnonce, nc, response, qop]);
  if (verdict.status !== 0 || verdict.type !== DIGEST) broken(`login: status ${verdict.status}`);
  say('logged in');
}

/* --- the serial console --- */

let sequence = 0;
const message = (/** @type {number} */ id, /** @type {Buffer[]} */ ...parts) => send(Buffer.of(id, 0, 0, 0), u32(sequence++), ...parts);

async function open() {
  message(0x20, u16(10000, 100, 0, 10000, 100, 0), u32(0));
  const reply = await expect(0x21, 23);
  if (reply[1] !== 0) broken(`SOL is not opened: status ${reply[1]}`);
  message(0x27, Buffer.of(0, 0, 0x1b, 0, 0, 0));
  setInterval(() => message(0x2b), HEARTBEAT_MS);
  say('open');
}

function type(/** @type {string} */ line) {
  if (line === 'bye') server.frame(CLOSE, Buffer.of(1000 >> 8, 1000 & 255));
  else for (const key of Buffer.from(`${line}\r`)) message(0x28, u16(1), Buffer.of(key));
}

/** Messages of the device, by id: how long the rest of the head is, and what is done with it.
 * @type {Record<number, [number, (rest: Buffer) => unknown]>} */
const FROM_DEVICE = {
  0x29: [9, (rest) => rest[8] & HOST_HAS_POWER || say('the host has no power')],
  0x2a: [9, async (rest) => process.stdout.write(await take(rest.readUInt16LE(7)))],
  0x2b: [7, () => {}],
};

await login();
await open();
createInterface({ input: process.stdin }).on('line', type);
for (;;) {
  const id = (await take(1))[0], [length, act] = FROM_DEVICE[id] ?? broken(`message 0x${id.toString(16)}`);
  await act(await take(length));
}
