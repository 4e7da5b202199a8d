import type { Random } from '@waybill/testing'

/** Header tables come from outside without a prototype, so that a name in them is only a name. */
export function table(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const made = Object.create(null) as Record<string, unknown>
  for (const [name, value] of entries) made[name] = value

  return made
}

/** A table or list in a table, so many levels deep. */
function nested(levels: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < levels; level++) value = wrap(value)

  return value
}

const inTable = (inner: unknown) => table([['in', inner]])
const inList = (inner: unknown) => [inner]

/** Made once: what is deep or large is shared by all deliveries. */
const large: readonly unknown[] = [
  ...[31, 32, 33, 100, 1_000, 4_000].flatMap((levels) => [nested(levels, inTable), nested(levels, inList)]),
  'x'.repeat(20_000),
  'x'.repeat(2_000_000),
  new Uint8Array(20_000),
  Array.from({ length: 10_000 }, (_, n) => n),
  table(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, n])),
]

const small: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2n ** 64n,
  '',
  ' ',
  '0',
  '-1',
  '1e3',
  '999999999999',
  '\0',
  '\r\nx: y',
  '\ud800',
  '\udfff\ud800',
  '\u202egnp.exe',
  '\ufeff',
  'é'.repeat(130),
  'x'.repeat(255),
  'x'.repeat(256),
  'x'.repeat(4_000),
  '{"a":1}',
  '../../etc/passwd',
  'order.placed',
  '__proto__',
  'constructor',
  new Uint8Array(0),
  new Uint8Array([0xff, 0xfe, 0x00]),
  new Date(Number.NaN),
  new Date(8.64e15),
  [],
  {},
  table([]),
  [[null]],
  table([['__proto__', table([['polluted', true]])]]),
  table([
    ['toString', 'x'],
    ['valueOf', 'y'],
  ]),
  { toString: 'x', valueOf: 'y', toJSON: 'z' },
  table([
    ['then', 'x'],
    ['constructor', null],
    ['length', -1],
  ]),
  table([
    ['!', 'timestamp'],
    ['value', 'never'],
  ]),
]

/** A value that no sender in good faith puts into a header. */
export function hostileValue(random: Random): unknown {
  return random.chance(0.03) ? random.pick(large) : random.pick(small)
}
