import { kafka, platformatic, type KafkaDriver } from '@waybill/transport-kafka'
import { describe, expect, test } from 'vitest'
import { loadLibrary } from '../../packages/transport-kafka/src/platformatic/library.js'
import { bed, brokers, channelOf, eventually, listen, message, send } from './bed.js'

describe('the drivers of kafka', () => {
  const { admin, channel, party } = bed()

  test('one whose package is not installed says which one to install', async () => {
    const absent = '@platformatic/absent'

    const error: unknown = await loadLibrary(() => import(absent)).catch((found: unknown) => found)

    expect(error).toMatchObject({ code: 'DRIVER_MISSING', message: expect.stringContaining('npm install @platformatic/kafka@1') })
  })

  test('something that is no driver is a fault of the options', () => {
    const { faults } = kafka({ brokers, driver: 'platformatic' as unknown as KafkaDriver })

    expect(faults).toMatchObject([{ code: 'KAFKA_OPTION', message: expect.stringContaining('platformatic()') }])
  })

  test('members with different drivers share the partitions of a group', async () => {
    const name = channel()
    const topology = [channelOf(name, ['billing'], { partitions: 4 })]
    const one = await party(topology)
    const two = await party(topology, { options: { driver: platformatic() } })
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 100 })
    const second = await listen(two, { kind: 'group', channel: name, group: 'billing', window: 100 })

    await eventually(() => [first, second].every(({ consumer }) => consumer.health().attached))
    let sent = 0
    // Nobody says when both have their share, so both are given something until they have had it.
    await eventually(async () => {
      const more = Array.from({ length: 40 }, (_, i) => message(name, `m${sent + i}`, { key: `k${i}` }))
      sent += more.length
      await send(one.transport, more)

      return first.received.length > 0 && second.received.length > 0
    })
    await eventually(() => new Set([...first.texts(), ...second.texts()]).size === sent)

    const { groups } = await admin.describeGroups([`${name}.billing`])
    expect(groups[0]?.members.length).toBe(2)
    await eventually(async () => (await committed(name)) === sent)
  })

  test('the group goes on where another driver left it', async () => {
    const name = channel()
    const topology = [channelOf(name)]
    const one = await party(topology)
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(
      one.transport,
      ['a', 'b'].map((text) => message(name, text)),
    )
    await eventually(() => first.received.length === 2)
    await first.consumer.stop()

    const two = await party(topology, { options: { driver: platformatic() } })
    const second = await listen(two, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(two.transport, [message(name, 'c')])
    await eventually(() => second.received.length > 0)

    expect(second.texts()).toEqual(['c'])
  })

  async function committed(name: string): Promise<number> {
    const [found] = await admin.fetchOffsets({ groupId: `${name}.billing`, topics: [name] })

    return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
  }
})
