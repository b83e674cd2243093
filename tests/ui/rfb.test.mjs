// SPDX-License-Identifier: Apache-2.0
// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMATS, drawTile } from '../../ui/pixels.js';
import { FRAMEBUFFER_MAX } from '../../ui/rfb.js';
import { flushed, numbers } from './lib.mjs';
import { Viewer, ascii, be16, be32, cutText, extReply, hello, rect, sized, tile, update } from './rfb_server.mjs';

const RED = 0xff0000ff, GREEN = 0xff00ff00, BLUE = 0xffff0000, WHITE = 0xffffffff, BLACK = 0xff000000;
const FULL = (/** @type {number} */ w, /** @type {number} */ h, inc = 0) => [3, inc, 0, 0, 0, 0, ...be16(w), ...be16(h)];
const at332 = (/** @type {number} */ b) => FORMATS[332].low[b];
const open = (/** @type {number} */ w, /** @type {number} */ h, /** @type {any} */ options = {}) => {
  const v = new Viewer(options).feed(hello(w, h));
  v.take();
  return v;
};
const opened332 = (/** @type {number} */ w, /** @type {number} */ h) => open(w, h, { colours: '332' });

test('colours of each format are exact at their ends', () => {
  const of = (/** @type {string} */ f, /** @type {number} */ v) => (FORMATS[f].low[v & 255] | FORMATS[f].high[v >> 8]) >>> 0;
  assert.deepEqual([0xf800, 0x07e0, 0x001f, 0xffff, 0].map((v) => of('565', v)), [RED, GREEN, BLUE, WHITE, BLACK]);
  assert.deepEqual([0xe0, 0x1c, 0x03, 0xff, 0].map((v) => of('332', v)), [RED, GREEN, BLUE, WHITE, BLACK]);
  assert.deepEqual([255, 0, 0x12].map((v) => of('grey8', v)), [WHITE, BLACK, 0xff121212]);
  assert.deepEqual([15, 0, 0xf1].map((v) => of('grey4', v)), [WHITE, BLACK, 0xff111111]);
  for (let g = 0; g < 64; g++) assert.ok(Math.abs(((of('565', g << 5) >> 8) & 255) - (g * 255) / 63) < 1, `green ${g}`);
});

for (const banner of ['RFB 003.008\n', 'RFB 004.000\n'])
  test(`handshake with ${banner.trim()}`, () => {
    const v = new Viewer();
    v.feed(ascii(banner));
    assert.deepEqual(v.take(), ascii('RFB 003.008\n'));
    v.feed([2, 2, 1]);
    assert.deepEqual(v.take(), [1]);
    v.feed(be32(0));
    assert.deepEqual(v.take(), [1]);
    v.feed(hello(800, 600).slice(18));
    assert.equal(v.name, 'Intel(r) AMT KVM');
    assert.deepEqual(v.take(), [0, 0, 0, 0, ...FORMATS[565].wire, 2, 0, 0, 4, ...be32(16), ...be32(0), ...be32(1092), ...be32(-223),
      6, 0, 0, 0, ...be32(12), ...ascii('\0KvmExtCmd\0'), 3, ...FULL(800, 600)]);
    v.feed(update());
    assert.deepEqual(v.take(), FULL(800, 600, 1), 'an update of nothing is one');
  });

test('refusals are told', () => {
  /** @type {[number[], RegExp][]} */
  const cases = [[ascii('HTTP/1.1 400'), /no RFB server/], [ascii('RFB 003.003\n'), /3\.3 is too old/],
    [[...ascii('RFB 003.008\n'), 0, ...be32(4), ...ascii('busy')], /refused: busy\./],
    [[...ascii('RFB 003.008\n'), 1, 2], /security 2/],
    [[...ascii('RFB 003.008\n'), 1, 1, ...be32(1), ...be32(5), ...ascii('\x1b<no>')], /refused: <no>\./],
    [[...ascii('RFB 003.008\n'), 0, ...be32(4097)], /more than 4096/],
    [[...hello(0, 600)], /screen of 0 × 600/], [[...hello(4096, 2251)], /screen of 4096 × 2251/],
    [[...hello(8, 8).slice(0, 38), ...be32(4097)], /name of more than 4096/]];
  for (const [bytes, error] of cases) {
    const v = new Viewer().feed(bytes, () => 1);
    assert.match(v.ended, error);
    v.take();
    v.feed([0, 0, 0, 0]);
    assert.deepEqual(v.take(), [], 'nothing is said after the end');
  }
});

test('the captured tiles: solid, and a palette with runs', () => {
  const v = opened332(800, 600);
  v.feed([0, 0, 0, 1, 0x01, 0xc0, 0, 0x80, 0, 0x40, 0, 0x40, 0, 0, 0, 0x10, 0, 0, 0, 7, 0, 2, 0, 0xfd, 0xff, 1, 0]);
  assert.equal(v.ended, '');
  assert.deepEqual(v.frames, [[448, 128, 64, 64]]);
  assert.equal(v.pixels[128 * 800 + 448], BLACK);
  assert.equal(v.pixels[191 * 800 + 511], BLACK);
  assert.equal(v.pixels[128 * 800 + 512], 0);
  /* as the capture begins: 18 colours; 0 x14, 1 x5, 2 x1, 3 x2; what follows is ours */
  const palette = Array.from({ length: 18 }, (_, i) => i * 7);
  v.feed(update(tile(0, 0, 64, 64, [0x92, ...palette, 0x80, 0x0d, 0x81, 0x04, 0x02, 0x83, 0x01, 0x91, ...Array(15).fill(255), 0xf8])));
  assert.equal(v.ended, '');
  const row = Array.from(v.pixels.subarray(0, 24));
  assert.deepEqual(row, [...Array(14).fill(0), ...Array(5).fill(1), 2, 3, 3, 17, 17].map((i) => at332(palette[i])));
  assert.equal(v.pixels[63 * 800 + 63], at332(17 * 7));
});

test('the captured zlib blocks', () => {
  const v = opened332(128, 64);
  v.feed(update(rect(0, 0, 64, 64, 16, sized([0x78, 0x9c, 0x62, 0x64, 0, 0, 0, 0, 255, 255])),
    rect(64, 0, 64, 64, 16, sized([0x62, 0x64, 0, 0, 0, 0, 255, 255]))));
  assert.equal(v.ended, '');
  assert.ok(v.pixels.every((p) => p === BLACK));
});

test('packed rows, padded or not: the length tells', () => {
  for (const [n, bits] of [[2, 1], [3, 2], [4, 2], [5, 4], [16, 4]])
    for (const [w, h] of [[22, 5], [64, 2], [3, 3], [1, 7]]) {
      const rnd = numbers(n + w), want = Array.from({ length: w * h }, () => Math.floor(rnd() * n));
      const palette = Array.from({ length: n }, (_, i) => 3 * i + 1);
      const pack = (/** @type {number[]} */ list) => {
        const text = list.map((i) => i.toString(2).padStart(bits, '0')).join('');
        return (text.match(/.{1,8}/g) || []).map((t) => parseInt(t.padEnd(8, '0'), 2));
      };
      const rows = Array.from({ length: h }, (_, y) => pack(want.slice(y * w, y * w + w))).flat();
      const tight = pack(want);
      for (const body of rows.length === tight.length ? [rows] : [rows, tight]) {
        const out = new Uint32Array(w * h);
        drawTile(Uint8Array.of(n, ...palette, ...body), FORMATS[332], w, h, out, 0, w);
        assert.deepEqual([...out], want.map((i) => at332(palette[i])), `${n} colours ${w}x${h}`);
      }
    }
});

test('each kind of tile in each format', () => {
  for (const f of Object.values(FORMATS)) {
    const px = (/** @type {number} */ v) => (f.bytes === 2 ? [v & 255, v >> 8] : [v & 255]);
    const see = (/** @type {number} */ v) => (f.low[v & 255] | (f.bytes === 2 ? f.high[v >> 8] : 0)) >>> 0;
    const draw = (/** @type {number[]} */ bytes) => {
      const out = new Uint32Array(3 * 5).fill(9); /* stride 5: nothing beside the tile is touched */
      drawTile(Uint8Array.from(bytes), f, 3, 2, out, 6, 5);
      assert.ok([0, 5, 9, 10, 14].every((i) => out[i] === 9));
      return [6, 7, 8, 11, 12, 13].map((i) => out[i]);
    };
    const [a, b] = [0x1234, 0x8765];
    assert.deepEqual(draw([0, ...px(a), ...px(b), ...px(a), ...px(b), ...px(b), ...px(a)]), [a, b, a, b, b, a].map(see));
    assert.deepEqual(draw([1, ...px(b)]), Array(6).fill(see(b)));
    assert.deepEqual(draw([2, ...px(a), ...px(b), 0b01000000, 0b11000000]), [a, b, a, b, b, a].map(see));
    assert.deepEqual(draw([128, ...px(a), 3, ...px(b), 1]), [a, a, a, a, b, b].map(see));
    assert.deepEqual(draw([130, ...px(a), ...px(b), 0, 129, 4]), [a, b, b, b, b, b].map(see));
  }
});

test('tiles that break the rules name what is wrong', () => {
  /** @type {[number[], RegExp][]} */
  const bad = [[[], /empty/], [[0, 1], /raw tile has 1 bytes, not 16/], [[0, ...Array(17).fill(1)], /raw tile has 17/], [[1, 2, 3], /more than that/], [[128, 1, 15, 1], /1 bytes after/], [[1], /within a pixel/], [[2, 1], /within a pixel/],
    [[3, 1, 2, 3, 255, 255, 255, 255], /3 colours uses colour 3/], [[2, 1, 2, 0], /2 colours has 1 bytes, not 4 or 2/],
    [[2, 1, 2, 0, 0, 0], /has 3 bytes/], [[17], /unused kind 17/], [[127], /unused kind 127/], [[129, 1], /unused kind 129/],
    [[128, 1], /within the length/], [[128, 1, 255], /within the length/], [[128, 1, 14, 1], /within the length/],
    [[128, 1, 16], /run of 17 pixels where 16/], [[128, 1, 3], /within a pixel/],
    [[130, 1, 2], /before its runs do/], [[130, 1, 2, 2], /uses colour 2/], [[130, 1, 2, 129], /within the length/],
    [[130, 1, 2, 129, 20], /run of 21/], [[131, 1, 2], /within a pixel/]];
  for (const [bytes, error] of bad) {
    assert.throws(() => drawTile(Uint8Array.from(bytes), FORMATS[332], 4, 4, new Uint32Array(16), 0, 4), error, bytes.join());
    if (bytes.length) assert.match(opened332(4, 4).feed(update(tile(0, 0, 4, 4, bytes))).ended, error);
  }
});

test('what breaks the protocol ends the session', () => {
  /** @type {[number[], RegExp][]} */
  const bad = [[[1], /unknown type 1/], [update(rect(0, 0, 4, 4, 5, [])), /unknown encoding 5/],
    [update(rect(0, 0, 4, 4, -239, [])), /unknown encoding -239/], [update(rect(1, 0, 64, 4, 0, [])), /outside the screen of 64 × 64/],
    [update(rect(0, 60, 4, 5, 16, [])), /outside/], [update(rect(0, 0, 4, 4, 16, be32(32769))), /32768 is the most/],
    [update(rect(0, 0, 65535, 65535, -223, [])), /screen of 65535/],
    [update(...Array(9).fill(rect(0, 0, 64, 64, -223, []))), /more than 8 sizes/]];
  for (const [bytes, error] of bad) assert.match(open(64, 64).feed(bytes, () => 1).ended, error);
  assert.match(open(128, 64).feed(update(rect(0, 0, 65, 64, 16, []))).ended, /64 × 64 is the largest/);
});

test('the size changes in mid-session', () => {
  const v = open(64, 64);
  v.feed(update(rect(0, 0, 32, 16, -223, [])));
  assert.equal(v.pixels.length, 512);
  assert.deepEqual(v.take(), FULL(32, 16));
  assert.deepEqual(v.frames, [[0, 0, 32, 16]]);
  v.feed(update(rect(0, 0, 32, 16, -223, []), rect(0, 15, 32, 1, 0, Array(64).fill(255))));
  assert.deepEqual(v.take(), FULL(32, 16));
  assert.equal(v.pixels[15 * 32], WHITE);
});

test('above the frame buffer of the firmware 8 bits are taken', () => {
  assert.equal(3840 * 2400, FRAMEBUFFER_MAX);
  const v = new Viewer().feed(hello(3840, 2400));
  assert.equal(v.rfb.format.name, '332');
  assert.deepEqual(new Viewer().feed(hello(2560, 1600)).rfb.format.name, '565');
  const grows = open(1920, 1080);
  grows.feed(update(rect(0, 0, 3840, 2160, -223, [])));
  assert.deepEqual(grows.take(), [0, 0, 0, 0, ...FORMATS[332].wire, ...FULL(3840, 2160)]);
  assert.equal(new Viewer({ colours: 'grey8' }).feed(hello(3840, 2160)).rfb.format.name, 'grey8');
});

test('a close before the first picture may want fewer colours', () => {
  const after = (/** @type {number[]} */ bytes, /** @type {any} */ options = {}) => new Viewer(options).feed(bytes).rfb.closeMeans();
  assert.equal(after(hello(2560, 1600).slice(0, 18)).fewer, true);
  assert.equal(after(hello(2560, 1600)).fewer, true);
  assert.match(after(hello(2560, 1600)).text, /closed before its first picture/);
  assert.equal(after(hello(800, 600)).fewer, false);
  assert.equal(after(hello(2560, 1600), { colours: '332' }).fewer, false);
  assert.deepEqual(after([...hello(2560, 1600), ...update()]), { text: '', fewer: false });
});

test('one request at a time, the next only when drawn', () => {
  const v = new Viewer({}, false).feed(hello(4, 4));
  v.take();
  v.feed(update(rect(1, 1, 2, 1, 0, [0, 0, 0, 0])));
  v.feed(update(rect(0, 3, 1, 1, 0, [0, 0])));
  assert.deepEqual(v.take(), []);
  assert.deepEqual(v.frames, [[1, 1, 2, 1], [0, 1, 3, 3]], 'what was not drawn is told again');
  v.rfb.drawn();
  v.rfb.drawn();
  assert.deepEqual(v.take(), FULL(4, 4, 1));
});

test('compression: asked for, switched on, asked again', () => {
  const v = open(64, 64);
  const ext = (/** @type {number[]} */ ...c) => [6, 0, 0, 0, ...be32(11 + c.length), ...ascii('\0KvmExtCmd\0'), ...c];
  v.feed(extReply(3, 0));
  assert.deepEqual(v.take(), ext(4, 1));
  v.feed(extReply(4, 1));
  assert.deepEqual(v.take(), ext(3));
  v.feed(extReply(3, 1));
  assert.equal(v.rfb.zlib, 'on');
  assert.deepEqual(v.take(), []);
  const refuses = open(64, 64).feed([...extReply(3, 0), ...extReply(4, 0), ...extReply(3, 0)]);
  assert.equal(refuses.rfb.zlib, 'off');
  assert.ok(!new Viewer({ zlib: false }).feed(hello(4, 4)).sent.includes(6));
});

test('a broken compressed stream is switched off and the picture asked for', () => {
  const v = opened332(64, 64);
  v.feed(extReply(3, 1));
  v.feed(update(rect(0, 0, 64, 64, 16, sized([0x78, 0x9c, 0x07, 1, 2, 3]))));
  assert.deepEqual(v.take(), [6, 0, 0, 0, ...be32(13), ...ascii('\0KvmExtCmd\0'), 4, 0, ...FULL(64, 64)]);
  v.feed(update(rect(0, 0, 64, 64, 16, sized([0x62, 0x64, 0, 0, 0, 0, 255, 255])))); /* still on its way: unreadable without its start */
  assert.equal(v.pixels[0], 0);
  v.feed(update(tile(0, 0, 64, 64, [1, 255])));
  assert.equal(v.pixels[0], WHITE);
  assert.equal(v.ended, '');
  for (let i = 0; i < 4096 && !v.ended; i++) v.feed(update(rect(0, 0, 64, 64, 16, sized([7]))));
  assert.match(v.ended, /compressed stream was lost/, 'but not for ever');
});

test('a stream that starts again in mid-session', async () => {
  const v = opened332(64, 64), payload = [Uint8Array.of(1, 255), Uint8Array.of(1, 3)];
  for (let i = 0; i < 3; i++)
    for (const piece of await flushed(payload, {}, false)) v.feed(update(rect(0, 0, 64, 64, 16, sized(piece))));
  assert.equal(v.ended, '');
  assert.equal(v.pixels[0], at332(3));
  assert.equal(v.rfb.zlibErrors, 0);
});

test('stored blocks between pieces of a stream do not disturb it', async () => {
  const v = opened332(64, 64), [a, b] = await flushed([Uint8Array.of(128, 3, ...Array(16).fill(255), 15), Uint8Array.of(128, 4, ...Array(16).fill(255), 15)], {}, true);
  v.feed(update(rect(0, 0, 64, 64, 16, sized(a)), tile(0, 0, 64, 64, [1, 255]), rect(0, 0, 64, 64, 16, sized(b))));
  assert.equal(v.rfb.zlibErrors, 0);
  assert.equal(v.pixels[4095], at332(4));
});

test('other colours begin after a picture of the whole screen', () => {
  const v = open(8, 8);
  v.feed(update());
  v.take();
  v.rfb.setColours('grey8');
  assert.deepEqual(v.take(), FULL(8, 8));
  v.feed(update(rect(0, 0, 1, 1, 0, [255, 255])));
  assert.deepEqual(v.take(), FULL(8, 8, 1), 'this one was on its way');
  v.feed(update(rect(0, 0, 8, 8, 0, Array(128).fill(255))));
  assert.deepEqual(v.take(), [0, 0, 0, 0, ...FORMATS.grey8.wire, ...FULL(8, 8)]);
  v.feed(update(rect(0, 0, 8, 8, 0, Array(64).fill(0x20))));
  assert.equal(v.pixels[63], 0xff202020);
});

test('keys and pointer: bytes, limits, release, view only', () => {
  const v = open(100, 50);
  v.feed(update());
  v.take();
  for (const k of [0xffe3, 0xffe9, 0xffff]) v.rfb.key(k, true);
  v.rfb.pointer(1, 150, -3);
  v.take();
  v.rfb.releaseAll();
  assert.deepEqual(v.take(), [4, 0, 0, 0, 0, 0, 255, 255, 4, 0, 0, 0, 0, 0, 255, 0xe9, 4, 0, 0, 0, 0, 0, 255, 0xe3, 5, 0, 0, 99, 0, 0]);
  v.rfb.releaseAll();
  assert.deepEqual(v.take(), []);
  v.rfb.key(0x17170056, true);
  assert.deepEqual(v.take(), [4, 1, 0, 0, 0x17, 0x17, 0, 0x56]);
  v.rfb.viewOnly = true;
  v.rfb.key(65, true);
  v.rfb.pointer(1, 0, 0);
  assert.deepEqual(v.take(), []);
});

test('cut text of any length is passed by', () => {
  const v = open(4, 4);
  v.feed([...cutText('hello'), ...cutText('\0KvmDataChannel\0x'), ...cutText('x'.repeat(5000)), 2, ...update()], () => 7);
  assert.equal(v.ended, '');
  assert.deepEqual(v.take(), FULL(4, 4, 1));
});

/** A session with everything in it. */
async function everything() {
  const rnd = numbers(11), w = 150, h = 70;
  const bytes = (/** @type {number} */ n) => Array.from({ length: n }, () => Math.floor(rnd() * 256));
  const pieces = await flushed([Uint8Array.of(0, ...bytes(64 * 6 * 2)), Uint8Array.of(130, ...bytes(4), ...Array(64 * 6).fill(1)),
    Uint8Array.of(128, 1, 2, 255, 128)], {}, false);
  return [...hello(w, h), ...extReply(3, 0), ...update(rect(0, 0, w, h, 0, bytes(w * h * 2))), 2,
    ...update(tile(0, 0, 64, 64, [0, ...bytes(8192)]), tile(128, 64, 22, 6, [2, ...bytes(4), ...bytes(17)]),
      rect(0, 64, 64, 6, 16, sized(pieces[0])), tile(64, 0, 64, 64, [1, 7, 9]), rect(64, 64, 64, 6, 16, sized(pieces[1]))),
    ...cutText('z'.repeat(4500)), ...update(), ...update(rect(3, 3, 64, 6, 16, sized(pieces[2])), rect(0, 0, w, h, -223, []), rect(7, 9, 1, 2, 0, [1, 2, 3, 4]))];
}

test('any cut gives the same picture and the same words', async () => {
  const bytes = Uint8Array.from(await everything()), rnd = numbers(5);
  const whole = new Viewer().feed(bytes);
  assert.equal(whole.ended, '');
  assert.equal(whole.frames.length, 4);
  assert.ok(whole.pixels.some((p) => p !== BLACK));
  for (const cut of [() => 1, () => 2, () => 3, ...Array(20).fill(() => 1 + Math.floor(rnd() * 3000)), () => 1 + Math.floor(rnd() * 10)]) {
    const v = new Viewer().feed(bytes, cut);
    assert.deepEqual([v.pixels, v.sent, v.frames], [whole.pixels, whole.sent, whole.frames]);
  }
});

test('damaged sessions end with a sentence or a picture, never otherwise', async () => {
  const good = Uint8Array.from(await everything()), rnd = numbers(42);
  let ended = 0;
  for (let i = 0; i < 1500; i++) {
    const bytes = Uint8Array.from(good);
    for (let k = 0; k < 4; k++) bytes[Math.floor(rnd() * bytes.length)] = Math.floor(rnd() * 256);
    const v = new Viewer().feed(bytes, () => 1 + Math.floor(rnd() * 5000));
    assert.ok(v.rfb.queue.length <= 32768, 'what is held is bounded');
    if (v.ended) ended++;
  }
  assert.ok(ended > 20);
});
