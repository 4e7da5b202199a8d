/** A text that AMQP calls short has at most so many bytes. */
const mostShortBytes = 255
/** Up to this length a loop over ASCII is quicker than the call that knows all of Unicode. */
const quickLength = 64
const longString = 0x53
const array = 0x41

/** Whether it surely fits where AMQP wants a short text: in UTF-8 it may have three times its length. */
export function isShort(text: string): boolean {
  return text.length * 3 <= mostShortBytes
}

/** Room that a text surely fits in, with its length and the mark of its kind. */
export function roomFor(text: string): number {
  return text.length * 3 + 5
}

// Each of these writes at an offset, and returns the next one.

export function writeShort(bytes: Buffer, at: number, text: string): number {
  const end = writeText(bytes, at + 1, text)
  bytes[at] = end - at - 1

  return end
}

/** A header: its name, then its value. */
export function writeHeader(bytes: Buffer, at: number, name: Buffer, text: string): number {
  bytes.set(name, at)

  return writeLong(bytes, at + name.length, text)
}

/** The value of a header. */
export function writeLong(bytes: Buffer, at: number, text: string): number {
  bytes[at] = longString
  const end = writeText(bytes, at + 5, text)
  writeUint32(bytes, at + 1, end - at - 5)

  return end
}

/** The value of a header that is a list. */
export function writeList(bytes: Buffer, at: number, texts: readonly string[]): number {
  bytes[at] = array
  let end = at + 5
  for (const text of texts) end = writeLong(bytes, end, text)
  writeUint32(bytes, at + 1, end - at - 5)

  return end
}

export function writeUint32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value

  return at + 4
}

/** The name of a header as it is written, for those that are written often. */
export function encodedName(name: string): Buffer {
  const bytes = Buffer.alloc(name.length * 3 + 1)

  return bytes.subarray(0, writeShort(bytes, 0, name))
}

function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text
  if (length > quickLength) return at + bytes.write(text, at)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return at + bytes.write(text, at)
    bytes[at + i] = code
  }

  return at + length
}
