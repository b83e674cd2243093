// SPDX-License-Identifier: Apache-2.0
// Pixels as Intel AMT sends them, and the tiles of its encoding 16, drawn straight into a canvas's 32-bit pixels.
// No DOM, no state. Every read is checked: what does not fit throws a sentence.
// @ts-check

/**
 * A wire format. A pixel is `low[first byte]`, and with two bytes also `high[second byte]`: red and blue lie in one byte each, and
 * green's halves do not overlap, so two small tables beat one of 65,536 entries and any arithmetic.
 * @typedef {{name: string, label: string, bytes: number, wire: number[], low: Uint32Array, high: Uint32Array}} Format
 */

const OPAQUE = 0xff000000; /* canvas pixels are A B G R from the top: every machine with a browser is little-endian */

/** @param {number} v @param {number} bits @returns {number} v stretched to 8 bits */
const stretch = (v, bits) => Math.round((v * 255) / ((1 << bits) - 1));
/** @param {(byte: number) => number} of */
const table = (of) => Uint32Array.from({ length: 256 }, (_, b) => of(b) >>> 0);
const grey = (/** @type {number} */ v) => OPAQUE | (v << 16) | (v << 8) | v;

/* Blue is bits 0-4, green 5-10, red 11-15. Green's 8 bits are its six and the top two again: the top three come from the second byte. */
const LOW_565 = table((b) => OPAQUE | (stretch(b & 31, 5) << 16) | ((b >> 5) << 2 << 8));
const HIGH_565 = table((b) => (((b & 7) << 5) | ((b & 7) >> 1)) << 8 | stretch(b >> 3, 5));

/** @type {Record<string, Format>} */
export const FORMATS = {
  565: { name: '565', label: '65,536 colours', bytes: 2, low: LOW_565, high: HIGH_565,
    wire: [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0] },
  332: { name: '332', label: '256 colours', bytes: 1, high: table(() => 0),
    low: table((b) => OPAQUE | (stretch(b & 3, 2) << 16) | (stretch((b >> 2) & 7, 3) << 8) | stretch(b >> 5, 3)),
    wire: [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0] },
  grey8: { name: 'grey8', label: '256 greys', bytes: 1, high: table(() => 0), low: table(grey),
    wire: [8, 8, 0, 1, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  grey4: { name: 'grey4', label: '16 greys', bytes: 1, high: table(() => 0), low: table((b) => grey((b & 15) * 17)),
    wire: [8, 4, 0, 1, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
};

export const TILE_MAX = 64; /* a side of a tile of encoding 16 */

/** Pixels one after another. @param {Uint8Array} b @param {number} i @param {number} n @param {Format} f
 * @param {Uint32Array} out @param {number} at */
export function drawPixels(b, i, n, f, out, at) {
  const { low, high } = f;
  if (f.bytes === 2) for (const end = at + n; at < end; i += 2) out[at++] = low[b[i]] | high[b[i + 1]];
  else for (const end = at + n; at < end;) out[at++] = low[b[i++]];
}

/** @param {Uint8Array} b @param {number} i @param {Format} f */
function pixel(b, i, f) {
  if (i + f.bytes > b.length) throw new Error('a tile ends within a pixel');
  return f.bytes === 2 ? f.low[b[i]] | f.high[b[i + 1]] : f.low[b[i]];
}

const palette = new Uint32Array(127); /* of the tile in hand */

/** @param {Uint8Array} b @param {number} n @param {Format} f @returns {number} where the tile goes on */
function readPalette(b, n, f) {
  for (let k = 0; k < n; k++) palette[k] = pixel(b, 1 + k * f.bytes, f);
  return 1 + n * f.bytes;
}

/** Indices of 1, 2 or 4 bits. RFB pads each row to a byte, some firmware does not: the block's length tells, and RFB is right where
 * both have the same (only tiles of a few rows). @param {Uint8Array} b @param {number} i @param {number} n colours
 * @param {number} w @param {number} h @param {Uint32Array} out @param {number} at @param {number} stride */
function drawPacked(b, i, n, w, h, out, at, stride) {
  const bits = n === 2 ? 1 : n <= 4 ? 2 : 4, mask = (1 << bits) - 1;
  const padded = h * Math.ceil((w * bits) / 8), tight = Math.ceil((w * h * bits) / 8), have = b.length - i;
  if (have !== tight && have !== padded) throw new Error(`a tile of ${n} colours has ${have} bytes, not ${padded} or ${tight}`);
  const pads = have === padded;
  for (let y = 0, shift = 8; y < h; y++, at += stride) {
    for (let x = 0; x < w; x++) {
      shift -= bits;
      const k = (b[i] >> shift) & mask;
      if (k >= n) throw new Error(`a tile of ${n} colours uses colour ${k}`);
      out[at + x] = palette[k];
      if (shift === 0) { shift = 8; i++; }
    }
    if (pads && shift !== 8) { shift = 8; i++; }
  }
}

/** Runs of a colour, n of the palette or none. @param {Uint8Array} b @param {number} i @param {number} n @param {Format} f
 * @param {number} w @param {number} h @param {Uint32Array} out @param {number} at @param {number} stride */
function drawRuns(b, i, n, f, w, h, out, at, stride) {
  for (let left = w * h, x = 0; left > 0;) {
    let colour = 0, run = 1, long = true;
    if (n === 0) {
      colour = pixel(b, i, f);
      i += f.bytes;
    } else {
      if (i >= b.length) throw new Error('a tile ends before its runs do');
      const k = b[i] & 127;
      if (k >= n) throw new Error(`a tile of ${n} colours uses colour ${k}`);
      colour = palette[k];
      long = b[i++] > 127;
    }
    for (let more = long; more;) { /* 1 + the sum of bytes up to the first that is not 255 */
      if (i >= b.length) throw new Error('a tile ends within the length of a run');
      run += b[i];
      more = b[i++] === 255;
    }
    if (run > left) throw new Error(`a run of ${run} pixels where ${left} are left`);
    left -= run;
    while (run > 0) {
      const part = run < w - x ? run : w - x;
      for (const end = at + part; at < end;) out[at++] = colour;
      run -= part;
      x += part;
      if (x === w) { x = 0; at += stride - w; }
    }
  }
  if (i !== b.length) throw new Error(`a tile has ${b.length - i} bytes after its last run`);
}

/** One tile's payload (not its block), all of it, to `out` at `at`. Pixels have the format's size, not RFC 6143's three bytes.
 * @param {Uint8Array} b @param {Format} f @param {number} w @param {number} h
 * @param {Uint32Array} out @param {number} at @param {number} stride */
export function drawTile(b, f, w, h, out, at, stride) {
  if (b.length === 0) throw new Error('a tile is empty');
  const kind = b[0];
  if (kind === 0) {
    if (b.length - 1 !== w * h * f.bytes) throw new Error(`a raw tile has ${b.length - 1} bytes, not ${w * h * f.bytes}`);
    for (let y = 0; y < h; y++) drawPixels(b, 1 + y * w * f.bytes, w, f, out, at + y * stride);
  } else if (kind === 1) {
    const colour = pixel(b, 1, f);
    if (b.length !== 1 + f.bytes) throw new Error('a tile of one colour has more than that');
    for (let y = 0; y < h; y++) out.fill(colour, at + y * stride, at + y * stride + w);
  } else if (kind <= 16) drawPacked(b, readPalette(b, kind, f), kind, w, h, out, at, stride);
  else if (kind === 128) drawRuns(b, 1, 0, f, w, h, out, at, stride);
  else if (kind >= 130) drawRuns(b, readPalette(b, kind - 128, f), kind - 128, f, w, h, out, at, stride);
  else throw new Error(`a tile is of the unused kind ${kind}`);
}

/** The longest payload a tile can have: a pixel and a length for each of its pixels, and a palette. @param {number} w @param {number} h */
export const tileBytesMax = (w, h) => 1 + 127 * 2 + w * h * 3;
