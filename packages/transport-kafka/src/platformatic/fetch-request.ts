import { ByteWriter } from '../byte-writer.js'
import type { TopicPartition } from '../driver.js'

export const fetchKey = 1
/** The last before topics have numbers instead of names. */
export const fetchVersion = 11

export interface FetchPlace extends TopicPartition {
  readonly offset: number
}

export interface FetchRequest {
  readonly waitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly partitionBytes: number
  readonly places: readonly FetchPlace[]
}

const none = -1
const committedOnly = 1
const headSize = 29
const topicHead = 6
const partitionSize = 28
const tailSize = 6

/** Asks for what transactions have committed, without a session at the broker. */
export function encodeFetch({ waitMs, minBytes, maxBytes, partitionBytes, places }: FetchRequest): Buffer {
  const topics = byTopic(places)
  const names = [...topics.keys()].reduce((sum, topic) => sum + topicHead + Buffer.byteLength(topic), 0)
  const out = new ByteWriter(headSize + names + places.length * partitionSize + tailSize)
  out.int32(none)
  out.int32(waitMs)
  out.int32(minBytes)
  out.int32(maxBytes)
  out.int8(committedOnly)
  out.int32(0)
  out.int32(none)
  out.int32(topics.size)
  for (const [topic, own] of topics) {
    out.int16(Buffer.byteLength(topic))
    out.utf8(topic)
    out.int32(own.length)
    for (const { partition, offset } of own) {
      out.int32(partition)
      out.int32(none)
      out.int64(offset)
      out.int64(none)
      out.int32(partitionBytes)
    }
  }
  out.int32(0)
  out.int16(0)

  return out.bytes
}

function byTopic(places: readonly FetchPlace[]): Map<string, FetchPlace[]> {
  const topics = new Map<string, FetchPlace[]>()
  for (const place of places) {
    const own = topics.get(place.topic)
    if (own) own.push(place)
    else topics.set(place.topic, [place])
  }

  return topics
}
