// SPDX-License-Identifier: Apache-2.0
// Full pictures of 1920 x 1080 through ui/rfb.js: frames a second, one line a measure. Usage: node bench/rfb.mjs [SECONDS]
// @ts-check
import { flushed, numbers } from '../tests/ui/lib.mjs';
import { Viewer, be16, be32, hello, update } from '../tests/ui/rfb_server.mjs';

const W = 1920, H = 1080, SIDE = 64, CHUNK = 65536; /* as frames of the WebSocket come */
const seconds = Number(process.argv[2] || 2);

/** A desktop: flat areas, text, and a photo in a third of it; 565. */
function picture() {
  const rnd = numbers(1), p = new Uint16Array(W * H).fill(0x2945);
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++)
      if (x > 1280 && y > 300) p[y * W + x] = ((x >> 3) & 31) << 11 | ((y >> 3) & 63) << 5 | Math.floor(rnd() * 8);
      else if (y % 18 < 10 && rnd() < 0.18) p[y * W + x] = rnd() < 0.8 ? 0xffff : 0x8410;
  return p;
}

/** One tile as AMT's encoder might: solid, palette runs, plain runs or raw, the shortest. @param {Uint16Array} p @param {number} x0 @param {number} y0 @param {number} w @param {number} h */
function encode(p, x0, y0, w, h) {
  const px = [];
  for (let y = 0; y < h; y++) px.push(...p.subarray((y0 + y) * W + x0, (y0 + y) * W + x0 + w));
  const colours = [...new Set(px)], le = (/** @type {number} */ v) => [v & 255, v >> 8];
  if (colours.length === 1) return [1, ...le(px[0])];
  const few = colours.length <= 127, out = few ? [128 + colours.length, ...colours.flatMap(le)] : [128];
  for (let i = 0, n; i < px.length; i += n) {
    for (n = 1; i + n < px.length && px[i + n] === px[i]; n++);
    const long = n > 1 || !few, k = colours.indexOf(px[i]);
    out.push(...(few ? [long ? k | 128 : k] : le(px[i])));
    if (long) out.push(...Array(Math.floor((n - 1) / 255)).fill(255), (n - 1) % 255);
  }
  return out.length < 1 + px.length * 2 ? out : [0, ...px.flatMap(le)];
}

/** @param {Uint8Array[]} blocks @param {number[][]} places */
function frameOf(blocks, places) {
  return Buffer.concat([Uint8Array.from([0, 0, ...be16(blocks.length)]),
    ...blocks.flatMap((b, i) => [Uint8Array.from([...places[i].flatMap(be16), ...be32(16), ...be32(b.length)]), b])]);
}

/** @param {string} name @param {Uint8Array[]} frames played round and round */
function measure(name, frames) {
  const v = new Viewer({ zlib: false }).feed(hello(W, H));
  let n = 0;
  const play = (/** @type {number} */ until) => {
    const from = performance.now(), n0 = n;
    for (; performance.now() < until; n++) {
      const f = frames[n % frames.length];
      for (let i = 0; i < f.length; i += CHUNK) v.rfb.input(f.subarray(i, i + CHUNK));
      v.sent.length = v.frames.length = 0;
    }
    return ((n - n0) * 1000) / (performance.now() - from);
  };
  play(performance.now() + 300);
  const rate = play(performance.now() + seconds * 1000);
  if (v.ended) throw new Error(v.ended);
  console.log(`${name}: ${rate.toFixed(1)} frames/s, ${(frames.reduce((a, f) => a + f.length, 0) / frames.length / 1e6).toFixed(2)} MB each`);
}

const p = picture();
/** @type {number[][]} */ const places = [];
/** @type {Uint8Array[]} */ const tiles = [];
for (let y = 0; y < H; y += SIDE)
  for (let x = 0; x < W; x += SIDE) {
    places.push([x, y, Math.min(SIDE, W - x), Math.min(SIDE, H - y)]);
    tiles.push(Uint8Array.from(encode(p, x, y, Math.min(SIDE, W - x), Math.min(SIDE, H - y))));
  }
const raw = Buffer.concat([Uint8Array.from(update([...be16(0), ...be16(0), ...be16(W), ...be16(H), ...be32(0)])), new Uint8Array(p.buffer)]);
const stored = tiles.map((t) => Buffer.concat([Uint8Array.of(0, t.length & 255, t.length >> 8, ~t.length & 255, (~t.length >> 8) & 255), t]));
const pieces = await flushed([...Array(4)].flatMap(() => tiles), {}, false);
measure('rfb raw 565 1920x1080', [raw]);
measure('rfb rle stored 1920x1080', [frameOf(stored, places)]);
/* four frames of one stream; the next round begins a new one */
measure('rfb rle zlib 1920x1080', [0, 1, 2, 3].map((i) => frameOf(pieces.slice(i * tiles.length, (i + 1) * tiles.length), places)));
