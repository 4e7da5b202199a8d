import { isUtf8 } from 'node:buffer'

const slots = 512
const shortText = 64

/** Makes texts out of bytes. Header names and most values come with every record: those that are known are not made again. */
export class TextMemo {
  readonly #known: (string | undefined)[] = Array.from({ length: slots }, () => undefined)

  /** The text in a stretch of bytes; undefined where it is none. */
  read(bytes: Buffer, from: number, to: number): string | undefined {
    const length = to - from
    if (length === 0) return ''
    if (length > shortText) return textIn(bytes, from, to)
    const slot = slotOf(bytes, from, to)
    const known = this.#known[slot]
    if (known?.length === length && isSame(known, bytes, from)) return known
    if (!isAscii(bytes, from, to)) return textIn(bytes, from, to)

    return (this.#known[slot] = bytes.toString('latin1', from, to))
  }
}

function slotOf(bytes: Buffer, from: number, to: number): number {
  return ((to - from) * 31 + (bytes[from] as number) * 7 + (bytes[to - 1] as number) * 13 + (bytes[(from + to) >> 1] as number) * 3) & (slots - 1)
}

/** Whether the bytes from there on, as many as it has characters, are this text. One that has others than ASCII never is: its bytes are more. */
export function isSame(text: string, bytes: Buffer, from: number): boolean {
  for (let at = 0; at < text.length; at++) {
    const byte = bytes[from + at] as number
    if (byte > 127 || text.charCodeAt(at) !== byte) return false
  }

  return true
}

function isAscii(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((bytes[at] as number) > 127) return false

  return true
}

function textIn(bytes: Buffer, from: number, to: number): string | undefined {
  return isUtf8(bytes.subarray(from, to)) ? bytes.toString('utf8', from, to) : undefined
}
