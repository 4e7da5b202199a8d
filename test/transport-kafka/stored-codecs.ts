export interface Packer {
  compress(records: Buffer): Buffer
  decompress(records: Buffer): Buffer
}

const largestPart = 65_536

/** Snappy whose blocks are one literal each, in the framing of snappy-java: what a broker takes, without a package that can compress. */
export const storedSnappy: Packer = {
  compress: (records) => Buffer.concat([snappyHead, ...partsOf(records).map((part) => behindLength(literal(part)))]),
  decompress(records) {
    const parts: Buffer[] = []
    for (let at = snappyHead.length; at < records.length; ) {
      const end = at + 4 + records.readInt32BE(at)
      const block = records.subarray(at + 4, end)
      parts.push(block.subarray(literalHead))
      at = end
    }

    return Buffer.concat(parts)
  },
}

/** Zstandard whose blocks are stored as they are. */
export const storedZstd: Packer = {
  compress(records) {
    const parts = partsOf(records)
    const blocks = parts.map((part, index) => Buffer.concat([zstdBlock(part.length, index === parts.length - 1), part]))

    return Buffer.concat([zstdHead, ...blocks])
  },
  decompress(records) {
    const parts: Buffer[] = []
    for (let at = zstdHead.length; at < records.length; ) {
      const end = at + 3 + (records.readUIntLE(at, 3) >> 3)
      parts.push(records.subarray(at + 3, end))
      at = end
    }

    return Buffer.concat(parts)
  },
}

/** Magic, version and the oldest version that reads it. */
const snappyHead = Buffer.from('82534e4150505900 00000001 00000001'.replaceAll(' ', ''), 'hex')
/** Magic, and a frame without size and checksum whose window is 128 KiB. */
const zstdHead = Buffer.from('28b52ffd 00 38'.replaceAll(' ', ''), 'hex')
/** A length of three bytes, and a literal whose length takes two. */
const literalHead = 6

function literal(part: Buffer): Buffer {
  const head = Buffer.alloc(literalHead)
  head[0] = (part.length & 127) | 128
  head[1] = ((part.length >> 7) & 127) | 128
  head[2] = part.length >> 14
  head[3] = 61 << 2
  head.writeUInt16LE(part.length - 1, 4)

  return Buffer.concat([head, part])
}

function behindLength(block: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)

  return Buffer.concat([length, block])
}

function zstdBlock(length: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(3)
  head.writeUIntLE((length << 3) | (isLast ? 1 : 0), 0, 3)

  return head
}

function partsOf(records: Buffer): readonly Buffer[] {
  return Array.from({ length: Math.ceil(records.length / largestPart) }, (_, index) => records.subarray(index * largestPart, (index + 1) * largestPart))
}
