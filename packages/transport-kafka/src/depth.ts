import type { Depth, GroupAddress } from '@waybill/core'
import type { Admin } from 'kafkajs'
import type { KafkaNames } from './topology.js'

/** How far the marks of a group are behind the ends of its topics, over all partitions. */
export async function depthOf(admin: Admin, names: KafkaNames, of: GroupAddress): Promise<Depth> {
  const lags = await lagsOf(admin, names.group(of), [names.channel(of.channel), names.retry(of)])
  const dead = await lagsOf(admin, names.dead(of), [names.dead(of)])

  return { waiting: lags, dead, consumers: undefined }
}

/** What stands at or behind the mark of a group; where it has none yet, all that is there. */
async function lagsOf(admin: Admin, groupId: string, topics: readonly string[]): Promise<number> {
  const [ends, marks] = await Promise.all([
    Promise.all(topics.map(async (topic) => ({ topic, partitions: await admin.fetchTopicOffsets(topic) }))),
    admin.fetchOffsets({ groupId, topics: [...topics] }),
  ])
  let sum = 0
  for (const { topic, partitions } of ends) {
    const marked = new Map(marks.find((one) => one.topic === topic)?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    for (const { partition, low, high } of partitions) sum += Math.max(0, Number(high) - Math.max(Number(low), marked.get(partition) ?? 0))
  }

  return sum
}
