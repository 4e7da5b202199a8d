import type { Depth, GroupAddress } from '@waybill/core'
import type { PartitionMark } from './driver.js'
import type { LogReader } from './log-reader.js'
import type { KafkaNames } from './topology.js'

/** How far the marks of a group are behind the ends of its topics, over all partitions. */
export async function depthOf(reader: LogReader, names: KafkaNames, of: GroupAddress): Promise<Depth> {
  const groupId = names.group(of)
  const over = await lagOf(reader, groupId, names.channel(of.channel))
  const again = await lagOf(reader, groupId, names.retry(of))
  const dead = await lagOf(reader, names.dead(of), names.dead(of))

  return { waiting: over + again, dead, consumers: undefined }
}

async function lagOf(reader: LogReader, groupId: string, topic: string): Promise<number> {
  const partitions = await reader.partitions(topic)
  const marks = await reader.marks(groupId, { [topic]: [...partitions] })
  const first = await reader.offsets(topic, partitions, 'first')
  const last = await reader.offsets(topic, partitions, 'last')

  return marks.reduce((sum, mark) => sum + behind(mark, first, last), 0)
}

/** What stands at or behind the mark; where there is none yet, all that is kept. */
function behind({ partition, offset }: PartitionMark, first: ReadonlyMap<number, number>, last: ReadonlyMap<number, number>): number {
  return Math.max(0, (last.get(partition) ?? 0) - Math.max(first.get(partition) ?? 0, offset ?? 0))
}
