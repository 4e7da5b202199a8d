import { describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

describe('messages that kafka keeps back for a group', () => {
  const { admin, channel, party } = bed()

  test('R5 each comes when its own time has come, whatever stands before it in the log', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing', 'stock'])])
    const times = new Map<string, number>()
    const from = performance.now()
    const billing = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, (delivery) => {
      times.set(Buffer.from(delivery.body).toString(), performance.now() - from)
      delivery.settle('ack')
    })
    const stock = await listen(one, { kind: 'group', channel: name, group: 'stock', window: 10 })

    const waits = { slow: 2_500, middle: 1_500, quick: 700 }
    await send(
      one.transport,
      Object.entries(waits).map(([text, delayMs]) => message({ kind: 'group', channel: name, group: 'billing' }, text, { delayMs })),
    )
    await eventually(() => billing.received.length === 3)

    expect(billing.texts()).toEqual(['quick', 'middle', 'slow'])
    for (const [text, delayMs] of Object.entries(waits)) expect(times.get(text)).toBeGreaterThanOrEqual(delayMs - 1)
    expect(billing.received.every(({ toGroup, headers }) => toGroup && headers['waybill-due'] === undefined)).toBe(true)
    expect(stock.received).toEqual([])
    await eventually(async () => (await committed(name, 1)) === 3)
  })

  test('one that waits holds up neither the channel nor its commits, and is not lost with the process', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const first = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 1 })
    await send(one.transport, [message({ kind: 'group', channel: name, group: 'billing' }, 'later', { delayMs: 3_000 })])

    await send(one.transport, [message(name, 'a'), message(name, 'b')])
    await eventually(() => first.received.length === 2)
    await first.consumer.stop()
    const second = await listen(await party([channelOf(name)]), { kind: 'group', channel: name, group: 'billing', window: 1 })
    await eventually(() => second.received.length === 1)

    expect(first.texts()).toEqual(['a', 'b'])
    expect(second.texts()).toEqual(['later'])
    expect(second.received[0]?.redelivered).toBe(false)
  })

  async function committed(name: string, rung: number): Promise<number> {
    const topic = `${name}.billing.retry.${rung}`
    const [found] = await admin.fetchOffsets({ groupId: `${name}.billing`, topics: [topic] })

    return Number(found?.partitions[0]?.offset)
  }
})
