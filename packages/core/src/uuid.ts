/**
 * Makes ids of UUID version 7 (RFC 9562): the moment first, so that they sort by age, then chance. Those of one source only ever grow,
 * also within a millisecond and when the clock steps back. `randomBytes` is asked for ten bytes an id.
 */
export function uuid7Source(randomBytes: (count: number) => Uint8Array): (nowMs: number) => string {
  let timeMs = -1
  let time = ''
  let count = 0
  const enter = (ms: number, first: number): void => {
    timeMs = ms
    time = timeText(ms)
    count = first
  }

  return (nowMs) => {
    const bytes = randomBytes(10)
    const now = clamp(nowMs)
    // A new millisecond begins in the lower half of the 12 bits, which leaves room for 2,048 ids and more before time is borrowed.
    if (now > timeMs) enter(now, (((bytes[0] ?? 0) & 0x07) << 8) | (bytes[1] ?? 0))
    else if (count < 0xfff) count++
    else enter(timeMs + 1, 0)

    return `${time}-${hex(0x70 | (count >>> 8))}${hex(count & 0xff)}-${lastText(bytes)}`
  }
}

/**
 * A UUID version 8 of a given moment and 74 bits of `bytes` (ten of them): the same input gives the same id.
 * For what is derived from something else, so that doing it again names the same thing.
 */
export function uuid8From(timeMs: number, bytes: Uint8Array): string {
  return `${timeText(clamp(timeMs))}-${hex(0x80 | ((bytes[0] ?? 0) & 0x0f))}${hex(bytes[1] ?? 0)}-${lastText(bytes)}`
}

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function hex(byte: number): string {
  return pairs[byte] as string
}

function timeText(ms: number): string {
  const text = ms.toString(16).padStart(12, '0')

  return `${text.slice(0, 8)}-${text.slice(8)}`
}

/** The 62 bits after the variant. */
function lastText(bytes: Uint8Array): string {
  const at = (index: number): string => hex(bytes[index] ?? 0)

  return `${hex(0x80 | ((bytes[2] ?? 0) & 0x3f))}${at(3)}-${at(4)}${at(5)}${at(6)}${at(7)}${at(8)}${at(9)}`
}

/** A clock, or the time that a stranger's message claims, as 48 bits. */
function clamp(ms: number): number {
  return ms >= 0 ? Math.min(Math.floor(ms), 0xffff_ffff_ffff) : 0
}
