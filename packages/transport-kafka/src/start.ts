import { codeOf } from './broker-error.js'
import type { Place } from './driver.js'
import type { LogReader } from './log-reader.js'

export interface Reading {
  readonly groupId: string
  readonly topic: string
}

/** Lets a group that never committed anything of a topic begin there. One that did goes on where it stood. */
export async function beginAt(reader: LogReader, { groupId, topic }: Reading, place: Place): Promise<void> {
  const partitions = await reader.partitions(topic)
  const marks = await reader.marks(groupId, { [topic]: [...partitions] })
  if (marks.some(({ offset }) => offset !== undefined)) return
  try {
    await reader.setMarks(groupId, topic, await reader.offsets(topic, partitions, place))
  } catch (error) {
    // Somebody has joined meanwhile, and did the same before.
    if (!memberCodes.has(codeOf(error))) throw error
  }
}

/** What the broker says to one that moves the marks of a group that has members. */
export const memberCodes: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'])
