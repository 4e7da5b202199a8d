const polynomial = 0x82f63b78
const width = 8
const tables = makeTables()

/** CRC-32C (Castagnoli) of a stretch of bytes, which Kafka wants of each batch and Node has not. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1
  let at = from
  for (const end = to - ((to - from) % width); at < end; at += width) crc = eight(crc, bytes, at)
  for (; at < to; at++) crc = (tables[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8)

  return ~crc >>> 0
}

/** Eight bytes in one step: the look-ups do not wait for each other, which byte by byte they do. */
function eight(crc: number, bytes: Uint8Array, at: number): number {
  return (
    (tables[1792 + ((crc ^ (bytes[at] as number)) & 255)] as number) ^
    (tables[1536 + (((crc >>> 8) ^ (bytes[at + 1] as number)) & 255)] as number) ^
    (tables[1280 + (((crc >>> 16) ^ (bytes[at + 2] as number)) & 255)] as number) ^
    (tables[1024 + ((crc >>> 24) ^ (bytes[at + 3] as number))] as number) ^
    (tables[768 + (bytes[at + 4] as number)] as number) ^
    (tables[512 + (bytes[at + 5] as number)] as number) ^
    (tables[256 + (bytes[at + 6] as number)] as number) ^
    (tables[bytes[at + 7] as number] as number)
  )
}

/** Table n, from n × 256 on, is for a byte that n others follow. */
function makeTables(): Int32Array {
  const made = new Int32Array(width * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    made[byte] = crc
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] as number
    made[at] = (made[before & 255] as number) ^ (before >>> 8)
  }

  return made
}
