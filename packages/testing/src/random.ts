/** A seeded source of chance. The same seed gives the same numbers, on every machine and in every version. */
export interface Random {
  /** At least 0, below 1, with 32 bits. */
  next(): number
  /** A whole number of at least `from` and at most `to`. */
  between(from: number, to: number): number
  /** One byte. */
  byte(): number
  /** True once in `1 / probability` times. */
  chance(probability: number): boolean
  /** One of the items. */
  pick<T>(items: readonly T[]): T
}

/**
 * Makes a seeded source of chance: sfc32 by Chris Doty-Humphrey, a generator that passes PractRand.
 * Not for secrets.
 */
export function seededRandom(seed: number | string): Random {
  const draw = sfc32(seed)
  const next = (): number => draw() / 0x1_0000_0000
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))

  return {
    next,
    between,
    byte: () => draw() & 0xff,
    chance: (probability) => next() < probability,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('"pick" needs at least one item to choose from; the list is empty.')

      return items[between(0, items.length - 1)] as (typeof items)[number]
    },
  }
}

/** Whether chance can begin there. */
export function isSeed(value: unknown): value is number | string {
  return typeof value === 'string' || Number.isFinite(value)
}

function sfc32(seed: number | string): () => number {
  let a = hash(seed, 0x9e37_79b9)
  let b = hash(seed, 0x243f_6a88)
  let c = hash(seed, 0xb7e1_5162)
  let counter = 1
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0

    return sum >>> 0
  }
  for (let round = 0; round < 15; round++) draw()

  return draw
}

/** FNV-1a over the seed's text, so that 1 and 2, and `1` and `10`, begin far apart. */
function hash(seed: number | string, basis: number): number {
  let value = basis
  for (const character of String(seed)) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x0100_0193)

  return value ^ (value >>> 15)
}
