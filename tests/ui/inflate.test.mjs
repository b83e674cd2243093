// SPDX-License-Identifier: Apache-2.0
// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import zlib from 'node:zlib';
import { Inflate, isZlibHeader } from '../../ui/inflate.js';
import { flushed, numbers } from './lib.mjs';

const pieces = (/** @type {() => number} */ rnd) => Array.from({ length: 60 }, (_, i) => Uint8Array.from(
  { length: Math.floor(rnd() * 4000) }, (_, k) => (i % 3 === 0 ? Math.floor(rnd() * 256) : i % 3 === 1 ? (k >> 5) & 255 : 7)));

for (const raw of [false, true])
  for (const [name, opts] of Object.entries({ usual: {}, stored: { level: 0 }, best: { level: 9 }, fixed: { strategy: zlib.constants.Z_FIXED },
    runs: { strategy: zlib.constants.Z_RLE }, 'Huffman only': { strategy: zlib.constants.Z_HUFFMAN_ONLY } }))
    test(`each flushed piece comes out whole: ${name}, ${raw ? 'bare' : 'zlib'}`, async () => {
      const want = pieces(numbers(7));
      const inflate = new Inflate(8192);
      for (const [i, piece] of (await flushed(want, opts, raw)).entries())
        assert.deepEqual(inflate.push(piece).slice(), want[i], `piece ${i}`);
    });

test('any cut gives the same bytes', async () => {
  const rnd = numbers(3), want = Buffer.concat(pieces(rnd));
  const all = Buffer.concat(await flushed([want], {}, false));
  for (const cut of [() => 1, () => 1 + Math.floor(rnd() * 50), () => all.length]) {
    const inflate = new Inflate(want.length), got = [];
    for (let i = 0, n; i < all.length; i += n) {
      n = i === 0 ? 2 : cut(); /* the header is looked for in the first piece */
      got.push(Buffer.from(inflate.push(all.subarray(i, i + n))));
    }
    assert.deepEqual(Buffer.concat(got), want);
  }
});

test('the two captured blocks of one stream', () => {
  const inflate = new Inflate(64);
  assert.deepEqual([...inflate.push(Uint8Array.of(0x78, 0x9c, 0x62, 0x64, 0, 0, 0, 0, 0xff, 0xff))], [1, 0]);
  assert.deepEqual([...inflate.push(Uint8Array.of(0x62, 0x64, 0, 0, 0, 0, 0xff, 0xff))], [1, 0]);
});

test('a stream that ended begins anew', () => {
  const inflate = new Inflate(100);
  for (const text of ['one', 'two two two'])
    assert.equal(Buffer.from(inflate.push(zlib.deflateSync(text))).toString(), text);
});

test('a bomb is stopped', () => {
  for (const opts of [{}, { level: 0 }, { strategy: zlib.constants.Z_HUFFMAN_ONLY }])
    assert.throws(() => new Inflate(999).push(zlib.deflateSync(Buffer.alloc(1000), opts)), /more than 999 bytes/);
  assert.equal(new Inflate(1000).push(zlib.deflateSync(Buffer.alloc(1000))).length, 1000);
});

test('damage is named, and never runs on', () => {
  /** @type {[number[], RegExp][]} */
  const bad = [[[0x07], /no known type/], [[0x01, 5, 0, 0, 0], /stored block is damaged/], [[0x63, 0x00, 0x42, 0x00], /before the start/],
    [[0xfd, 0xff, 0, 0, 0], /too many symbols/], [[0x05, 0, 0x92, 0x04, 0, 0], /more words than fit/]];
  for (const [bytes, error] of bad) assert.throws(() => new Inflate(100).push(Uint8Array.from(bytes)), error, bytes.join());
  const rnd = numbers(99), good = zlib.deflateRawSync(Buffer.from(pieces(rnd)[1]));
  for (let i = 0; i < 3000; i++) {
    const broken = Uint8Array.from(good);
    for (let k = 0; k < 3; k++) broken[Math.floor(rnd() * broken.length)] = Math.floor(rnd() * 256);
    try { assert.ok(new Inflate(5000).push(broken).length <= 5000); } catch (e) { assert.ok(e instanceof Error && !(e instanceof TypeError) && !(e instanceof RangeError), String(e)); }
  }
});

test('zlib headers are told from others', () => {
  assert.ok([0x01, 0x5e, 0x9c, 0xda].every((b) => isZlibHeader(Uint8Array.of(0x78, b))));
  assert.ok(!isZlibHeader(Uint8Array.of(0x62, 0x64)) && !isZlibHeader(Uint8Array.of(0x78)));
});
