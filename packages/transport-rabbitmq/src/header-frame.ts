/** How deep a header may be nested that was cut: far over what core lets pass, and nothing that overflows a stack. */
const keptLevels = 100
const frameHeader = 7
const headerFrame = 2
const fixedSizes: Readonly<Record<string, number>> = { b: 1, B: 1, I: 4, i: 4, D: 5, T: 8, d: 8, f: 4, l: 8, s: 2, u: 2, t: 1, V: 0 }

/**
 * The AMQP header frame that `bytes` begins with, its too deeply nested headers replaced by ones that are only a hundred levels deep.
 * Undefined where `bytes` begins with something else. Scalars stay, so the message keeps its identity and core refuses it by its nesting.
 */
export function shallow(bytes: Buffer): Buffer | undefined {
  if (bytes.length < frameHeader || bytes[0] !== headerFrame) return undefined
  const size = bytes.readUInt32BE(3)
  if (bytes.length < frameHeader + size + 1) return undefined
  const payload = bytes.subarray(frameHeader, frameHeader + size)
  const start = tableStart(payload)
  if (start === undefined) return undefined
  const end = start + 4 + payload.readUInt32BE(start)
  const table = shallowTable(payload.subarray(start + 4, end))
  const parts = [payload.subarray(0, start), lengthOf(table.length), table, payload.subarray(end)]
  const frame = Buffer.concat([bytes.subarray(0, frameHeader), ...parts, bytes.subarray(frameHeader + size, frameHeader + size + 1)])
  frame.writeUInt32BE(frame.length - frameHeader - 1, 3)

  return frame
}

// Class, weight and body size take 12 bytes, the flags 2; content type and encoding may stand before the headers.
function tableStart(payload: Buffer): number | undefined {
  const flags = payload.readUInt16BE(12)
  let offset = 14
  if (flags & 0x8000) offset += 1 + payload.readUInt8(offset)
  if (flags & 0x4000) offset += 1 + payload.readUInt8(offset)

  return flags & 0x2000 ? offset : undefined
}

function shallowTable(table: Buffer): Buffer {
  const parts: Buffer[] = []
  let offset = 0
  while (offset < table.length) {
    const tag = offset + 1 + table.readUInt8(offset)
    const end = valueEnd(table, tag)
    if (end === undefined) {
      parts.push(table.subarray(offset, tag), tooDeep())
      break
    }
    parts.push(depthOf(table.subarray(tag, end)) > keptLevels ? Buffer.concat([table.subarray(offset, tag), tooDeep()]) : table.subarray(offset, end))
    offset = end
  }

  return Buffer.concat(parts)
}

function valueEnd(table: Buffer, tag: number): number | undefined {
  const type = String.fromCharCode(table.readUInt8(tag))
  if ('SxFA'.includes(type)) return tag + 5 + table.readUInt32BE(tag + 1)
  const size = fixedSizes[type]

  return size === undefined ? undefined : tag + 1 + size
}

/** Walks without recursion. A value that cannot be read counts as too deep. */
function depthOf(value: Buffer): number {
  const ends: number[] = []
  const tables: boolean[] = []
  let deepest = 0
  let offset = 0
  while (offset < value.length) {
    while (ends.length > 0 && offset >= (ends.at(-1) as number)) {
      ends.pop()
      tables.pop()
    }
    if (tables.at(-1)) offset += 1 + value.readUInt8(offset)
    const end = valueEnd(value, offset)
    if (end === undefined || end > value.length) return Infinity
    const type = value[offset] as number
    const isNested = type === 0x46 || type === 0x41
    if (isNested) {
      ends.push(end)
      tables.push(type === 0x46)
      deepest = Math.max(deepest, ends.length)
    }
    offset = isNested ? offset + 5 : end
  }

  return deepest
}

function tooDeep(): Buffer {
  let table: Buffer = Buffer.alloc(0)
  for (let level = 0; level < keptLevels; level++) table = Buffer.concat([Buffer.from([0, 0x46]), lengthOf(table.length), table])

  return Buffer.concat([Buffer.from('F'), lengthOf(table.length), table])
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)

  return bytes
}
