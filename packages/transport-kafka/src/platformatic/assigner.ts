import { assignerVersion } from '../assignment.js'
import { ByteReader } from '../byte-reader.js'
import { ByteWriter } from '../byte-writer.js'
import type { Assignment } from '../driver.js'

const versionSize = 2
const countSize = 4
const lengthSize = 2

/** What a member wants to read, as members of a group tell each other. */
export function encodeSubscription(topics: readonly string[]): Buffer {
  const out = new ByteWriter(versionSize + countSize + sizeOfNames(topics) + countSize)
  out.int16(assignerVersion)
  out.int32(topics.length)
  for (const topic of topics) writeName(out, topic)
  out.int32(0)

  return out.bytes
}

export function decodeSubscription(bytes: Buffer | null): readonly string[] {
  if (!bytes) return []
  const reader = new ByteReader(bytes)
  reader.int16()

  return Array.from({ length: reader.int32() }, () => reader.text())
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const topics = Object.entries(assignment)
  const partitions = topics.reduce((sum, [, own]) => sum + countSize * (own.length + 1), 0)
  const out = new ByteWriter(versionSize + countSize + sizeOfNames(Object.keys(assignment)) + partitions + countSize)
  out.int16(assignerVersion)
  out.int32(topics.length)
  for (const [topic, own] of topics) {
    writeName(out, topic)
    out.int32(own.length)
    for (const partition of own) out.int32(partition)
  }
  out.int32(0)

  return out.bytes
}

/** Nothing where the leader has nothing for this member. */
export function decodeAssignment(bytes: Buffer): Assignment {
  if (bytes.length < versionSize + countSize) return {}
  const reader = new ByteReader(bytes)
  reader.int16()
  const assignment: Record<string, number[]> = {}
  for (let left = reader.int32(); left > 0; left--) {
    const topic = reader.text()
    assignment[topic] = Array.from({ length: reader.int32() }, () => reader.int32())
  }

  return assignment
}

function sizeOfNames(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + lengthSize + Buffer.byteLength(name), 0)
}

function writeName(out: ByteWriter, name: string): void {
  out.int16(Buffer.byteLength(name))
  out.utf8(name)
}
