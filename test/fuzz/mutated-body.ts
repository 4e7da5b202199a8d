import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import type { Random } from '@waybill/testing'

type BodyMutation = (body: Buffer, random: Random) => Buffer

/** Stands in every healthy body. A reason that shows it would show a customer's data in a log. */
export const secret = 'b0dy-s3cret'

const zeros = (): Buffer => Buffer.alloc(32 * 1024 * 1024)
const bombs = [gzipSync(zeros(), { level: 1 }), deflateSync(zeros(), { level: 1 }), brotliCompressSync(zeros(), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })]

const written: readonly Buffer[] = [
  '',
  ' ',
  'null',
  'true',
  '42',
  '[]',
  '{}',
  '""',
  '"',
  '{',
  '}',
  '[',
  '{"',
  '{"a":',
  'undefined',
  'NaN',
  "{'orderId':'o'}",
  '\0',
  '{}{}',
  '{} x',
  '\ufeff',
  '\ufeff\ufeff{}',
  secret,
  `{"orderId":${secret}}`,
  `{"orderId":"${secret}`,
  `["${secret}",]`,
  `{"orderId":"o","total":"${secret}","lines":[]}`,
  `{"orderId":["${secret}"]}`,
  '{"orderId":"o","total":1e400,"lines":[]}',
  '{"orderId":"o","total":-1e400,"lines":[]}',
  '{"orderId":"o","total":9007199254740993,"lines":[]}',
  `{"orderId":"o","total":${'9'.repeat(5_000)},"lines":[]}`,
  '{"__proto__":{"polluted":true},"orderId":"o","total":1,"lines":[]}',
  '{"constructor":{"prototype":{"polluted":true}},"orderId":"o","total":1,"lines":[]}',
  '{"orderId":"o","total":1,"lines":[],"payload":1,"then":1,"toString":1,"messageName":"x"}',
  '{"orderId":"o","orderId":"p","total":1,"lines":[]}',
  '{"orderId":"\\ud800","total":1,"lines":["\\udfff"]}',
  '{"orderId":"\\u0000","total":1,"lines":[]}',
  '{"orderId":"","total":0,"lines":[]}',
  `{"orderId":"${'['.repeat(5_000)}","total":1,"lines":[]}`,
].map((text) => Buffer.from(text))

const raw: readonly Buffer[] = [
  ...[31, 32, 33, 100, 1_000, 5_000].flatMap((levels) => [
    Buffer.from('['.repeat(levels) + ']'.repeat(levels)),
    Buffer.from(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`),
    Buffer.from('['.repeat(levels)),
  ]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0xc0, 0xae]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0x80]),
  Buffer.from('{"orderId":"\xe9","total":1,"lines":[]}', 'latin1'),
  Buffer.from('{"orderId":"o","total":1,"lines":[]}', 'utf16le'),
  Buffer.from('{"orderId":"o","total":1,"lines":[]}', 'utf16le').swap16(),
  Buffer.from([0x08, 0x96, 0x01]),
  Buffer.from([0x81, 0xa1, 0x61, 0x01]),
  ...bombs,
]

/** Near the limits and beyond: rare, because each takes as long as thousands of others. */
const large: readonly Buffer[] = [
  Buffer.alloc(1_048_576, 0x20),
  Buffer.alloc(1_048_577, 0x20),
  Buffer.alloc(5_000_000),
  Buffer.from('['.repeat(500_000) + ']'.repeat(500_000)),
  Buffer.from(`{"orderId":"${'x'.repeat(300_000)}","total":1,"lines":[]}`),
  Buffer.from(`{"orderId":"o","total":1,"lines":[${'0,'.repeat(20_000)}0]}`),
  Buffer.from(`{${Array.from({ length: 50_000 }, (_, n) => `"k${n}":0`).join()}}`),
  Buffer.from(`{"orderId":"${'['.repeat(500_000)}","total":1,"lines":[]}`),
]

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08, 0x00])

const mutations: readonly BodyMutation[] = [
  (_body, random) => random.pick(written),
  (_body, random) => random.pick(raw),
  (body, random) => body.subarray(0, random.between(0, body.length)),
  (body, random) => body.subarray(random.between(0, body.length)),
  (body, random) => flip(body, random),
  (body, random) => splice(body, random),
  (body) => Buffer.concat([Buffer.from('\ufeff'), body]),
  (body) => Buffer.from(body.toString(), 'utf16le'),
  (body, random) => Buffer.from(body.toString().replace(/\d+/, random.pick(['1e400', '-0', '01', '0x1', '1.', 'null', '"1"', '1e-400']))),
  (_body, random) => Buffer.from(Array.from({ length: random.between(1, 64) }, () => random.byte())),
  (body) => Buffer.concat([gzipMagic, body]),
]

/** Another body: broken, hostile, or somebody else's. */
export function mutateBody(body: Buffer, random: Random): Buffer {
  return random.chance(0.001) ? random.pick(large) : random.pick(mutations)(body, random)
}

/** Some bits are wrong. */
function flip(body: Buffer, random: Random): Buffer {
  const copy = Buffer.from(body)
  for (let left = random.between(1, 8); left > 0 && copy.length > 0; left--) {
    const at = random.between(0, copy.length - 1)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
  }

  return copy
}

/** A token of JSON where none belongs. */
function splice(body: Buffer, random: Random): Buffer {
  const at = random.between(0, body.length)
  const token = random.pick(['{', '}', '[', ']', '"', '\\', ',', ':', '\\u', '\\ud800', '/*', '\n', '\0', '"__proto__":{},', '1e999', '\u2028'])

  return Buffer.concat([body.subarray(0, at), Buffer.from(token), body.subarray(at)])
}
