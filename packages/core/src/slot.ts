/** Keys are spread over this many slots for good: the number stands in routing keys. */
export const slots = 64

/** For transports that spread keys over queues of a group: the slot of a key. The same function of the same bytes that Kafka's own clients use. */
export function slotOf(key: string): number {
  return (murmur2(bytesOf(key)) & 0x7fffffff) % slots
}

const utf8 = new TextEncoder()

/** Most keys are short and ASCII, for which an encoder is a large tool. */
function bytesOf(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code > 127) return utf8.encode(key)
    bytes[i] = code
  }

  return bytes
}

/** MurmurHash2 as Kafka's Java client computes it, as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995
  const length = bytes.length
  let h = 0x9747b28c ^ length
  let i = 0
  for (; i + 4 <= length; i += 4) {
    let k = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24)
    k = Math.imul(k, m)
    k = Math.imul(k ^ (k >>> 24), m)
    h = Math.imul(h, m) ^ k
  }
  const rest = length - i
  if (rest >= 3) h ^= (bytes[i + 2] as number) << 16
  if (rest >= 2) h ^= (bytes[i + 1] as number) << 8
  if (rest >= 1) h = Math.imul(h ^ (bytes[i] as number), m)
  h = Math.imul(h ^ (h >>> 13), m)

  return h ^ (h >>> 15)
}
