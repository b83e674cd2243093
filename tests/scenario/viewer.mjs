// SPDX-License-Identifier: Apache-2.0
// A VNC viewer for scenarios: node tests/scenario/viewer.mjs PORT types|quiet
// `types` presses Enter and "a" in turn and asks for the whole picture behind each key: the simulated screen shows what is
// typed, so there are two pictures, and a byte that is lost, doubled or torn in either direction shows as a third one, or as
// no protocol any more. `quiet` only looks; a line on its input presses a key. What happens is told in lines.
// @ts-check
import net from 'node:net';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

const ENTER = 0xff0d, LETTER = 0x61, PAUSE_MS = 150, PATIENCE_MS = 4000;
const socket = net.connect(Number(process.argv[2]), '127.0.0.1');
const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`);
const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

let input = Buffer.alloc(0), width = 0, height = 0, pixel = 0, picture = Buffer.alloc(0);
let wake = () => {}, shown = () => {};
socket.on('data', (more) => { input = Buffer.concat([input, more]); wake(); });
socket.on('close', () => { say('closed'); process.exit(0); });
socket.on('error', (e) => say(`error: ${e.message}`));

/** @param {number} n */
async function take(n) {
  while (input.length < n) await new Promise((/** @type {(v?: unknown) => void} */ done) => { wake = done; });
  const head = input.subarray(0, n);
  input = input.subarray(n);
  return head;
}

/** @param {string} why @returns {never} */
function broken(why) {
  say(`broken: ${why}`);
  process.exit(1);
}

async function handshake() {
  const banner = String(await take(12));
  if (banner !== 'RFB 003.008\n') broken(`banner ${banner}`);
  socket.write(banner);
  const types = (await take(1))[0];
  if (types === 0) broken(`refused: ${await take((await take(4)).readUInt32BE())}`);
  await take(types);
  socket.write(Uint8Array.of(1));
  if ((await take(4)).readUInt32BE() !== 0) broken(`refused: ${await take((await take(4)).readUInt32BE())}`);
  socket.write(Uint8Array.of(1));
  const init = Buffer.from(await take(24));
  await take(init.readUInt32BE(20));
  [width, height, pixel] = [init.readUInt16BE(0), init.readUInt16BE(2), init[4] / 8];
  picture = Buffer.alloc(width * height * pixel);
  socket.write(Uint8Array.of(2, 0, 0, 1, 0, 0, 0, 0)); /* raw rectangles only */
  say(`open ${width}x${height}`);
}

async function rectangle() {
  const head = Buffer.from(await take(12));
  const [x, y, w, h] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at));
  if (head.readInt32BE(8) !== 0 || x + w > width || y + h > height) broken(`rectangle ${x},${y} ${w}x${h} of encoding ${head.readInt32BE(8)}`);
  const rows = await take(w * h * pixel);
  for (let row = 0; row < h; row++) rows.copy(picture, ((y + row) * width + x) * pixel, row * w * pixel, (row + 1) * w * pixel);
  return w * h;
}

async function listen() {
  for (;;) {
    const type = (await take(1))[0];
    if (type !== 0) broken(`message ${type}`);
    let area = 0;
    for (let n = (await take(3)).readUInt16BE(1); n; n--) area += await rectangle();
    if (area >= width * height) shown();
    else if (process.argv[3] === 'quiet') ask(1);
  }
}

/** @param {number} keysym */
function press(keysym) {
  for (const down of [1, 0]) {
    const key = Buffer.alloc(8);
    key.writeUInt8(4, 0);
    key.writeUInt8(down, 1);
    key.writeUInt32BE(keysym, 4);
    socket.write(key);
  }
}

/** @param {number} incremental */
function ask(incremental) {
  const request = Buffer.alloc(10);
  request.writeUInt8(3, 0);
  request.writeUInt8(incremental, 1);
  request.writeUInt16BE(width, 6);
  request.writeUInt16BE(height, 8);
  socket.write(request);
}

/** The whole picture after a key; asked for again when it does not come. @param {number} keysym */
async function look(keysym) {
  for (let come = false; !come;) {
    const next = new Promise((/** @type {(v?: unknown) => void} */ done) => { shown = done; });
    press(keysym);
    ask(0);
    come = await Promise.race([next.then(() => true), pause(PATIENCE_MS).then(() => false)]);
  }
  return createHash('sha256').update(picture).digest('hex');
}

async function types() {
  const first = [await look(ENTER), await look(LETTER)];
  if (first[0] === first[1]) broken('the picture does not show what is typed');
  for (let n = 1, wrong = 0; ; n++) {
    for (const [i, keysym] of [ENTER, LETTER].entries()) {
      wrong += (await look(keysym)) === first[i] ? 0 : 1;
      await pause(PAUSE_MS);
    }
    say(`pictures ${2 * n} wrong ${wrong}`);
  }
}

await handshake();
listen();
if (process.argv[3] === 'types') await types();
createInterface({ input: process.stdin }).on('line', () => press(LETTER));
shown = () => ask(1);
ask(0);
