import { systemRuntime } from '@waybill/core'
import { Kafka, logLevel, type Cluster } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { evenAssigner } from '../../packages/transport-kafka/src/kafkajs/assigner.js'
import { fetchBatches } from '../../packages/transport-kafka/src/kafkajs/cluster.js'
import { Fetches } from '../../packages/transport-kafka/src/kafkajs/fetches.js'
import { KafkajsLog } from '../../packages/transport-kafka/src/kafkajs/log.js'
import { LogReader } from '../../packages/transport-kafka/src/log-reader.js'
import { bed, brokers } from './bed.js'

const minuteMs = 60_000

describe('a member of a group', () => {
  const { admin, client, channel, topic } = bed()

  test('leaves at once, though its broker has a minute to find messages for it', async () => {
    const name = channel()
    await topic(name)
    const { consumer, fetches, asked } = patientConsumer(client, name)
    await consumer.subscribe({ topics: [name] })
    await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() })
    await asked

    fetches.end()
    await consumer.stop()
    fetches.drop()
    await consumer.disconnect()

    const { groups } = await admin.describeGroups([name])
    expect(groups[0]?.members).toEqual([])
  })

  test('asks its coordinator once where it stands, also when it knows no broker yet', async () => {
    const lines: string[] = []
    const talkative = new Kafka({
      brokers,
      logLevel: logLevel.DEBUG,
      logCreator:
        () =>
        ({ log: { message } }) =>
          void lines.push(message),
    })
    const name = channel()
    await topic(name)
    const reader = new LogReader(new KafkajsLog(talkative), systemRuntime)

    const marks = await reader.marks(name, { [name]: [0] })
    await reader.close()

    expect(marks).toEqual([{ topic: name, partition: 0, offset: undefined, note: '' }])
    expect(lines.filter((line) => line.includes('trying again'))).toEqual([])
  })
})

/** A consumer whose broker answers no fetch before the minute is over. */
function patientConsumer(client: Kafka, groupId: string) {
  const clusters: Cluster[] = []
  const consumer = client.consumer({
    groupId,
    partitionAssigners: [
      (config) => {
        clusters.push(config.cluster)

        return evenAssigner(config)
      },
    ],
  })
  let ask: () => void = () => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const fetches = new Fetches(clusters[0] as Cluster, (broker, request) => {
    ask()

    return fetchBatches(broker, { ...request, maxWaitTime: minuteMs })
  })

  return { consumer, fetches, asked }
}
