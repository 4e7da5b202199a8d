import { platformatic } from '@waybill/transport-kafka'
import { describe, expect, test } from 'vitest'
import { kafkajs } from '../../packages/transport-kafka/src/kafkajs/driver.js'
import { LogReader } from '../../packages/transport-kafka/src/log-reader.js'
import { resolveOptions } from '../../packages/transport-kafka/src/options.js'
import { bed, brokers, channelOf, message, send, strangers } from './bed.js'

describe('records that somebody deletes', () => {
  const { admin, channel, party } = bed()

  test.each([kafkajs(), platformatic()])('while they are looked at are passed over, through $name', async (driver) => {
    const name = channel()
    const one = await party([channelOf(name, [])])
    await send(
      one.transport,
      ['a', 'b', 'c', 'd'].map((text) => message(name, text)),
    )
    // kafkajs deletes in topics that it has heard of.
    await admin.fetchTopicOffsets(name)
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '3' }] })
    const { host } = strangers()
    const client = await driver.open(resolveOptions({ brokers }).options, host)
    const reader = new LogReader(client.log(), host.runtime)

    const [left, beyond] = [await reader.read({ topic: name, partition: 0 }, 1), await reader.read({ topic: name, partition: 0 }, 9)]
    client.close()

    expect(left.map(({ value }) => String(value))).toEqual(['d'])
    expect(beyond).toEqual([])
  })
})
