import { type RawDelivery, systemRuntime } from '@waybill/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bed, channelOf, drivers, message, type Party, send, strangers, textOf } from './bed.js'

describe('dead letters on kafka', () => {
  const { admin, channel, party } = bed()

  test('they are listed in order and stay where they are', async () => {
    const { one, of } = await withLetters(5)

    expect((await one.transport.dead.list(of, 3)).map(textOf)).toEqual(['d0', 'd1', 'd2'])
    expect((await one.transport.dead.list(of, 100)).map(textOf)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4'])
  })

  test('each one is removed or kept as was decided, also seen by another process', async () => {
    const { one, of, name } = await withLetters(6)

    const removed = await one.transport.dead.take(
      of,
      100,
      decide((text) => (['d0', 'd1', 'd4'].includes(text) ? 'remove' : 'keep')),
    )

    expect(removed).toBe(3)
    const other = await party([channelOf(name)])
    expect((await other.transport.dead.list(of, 100)).map(textOf)).toEqual(['d2', 'd3', 'd5'])
    expect(
      await other.transport.dead.take(
        of,
        100,
        decide(() => 'remove'),
      ),
    ).toBe(3)
    expect(await one.transport.dead.list(of, 100)).toEqual([])
  })

  test('one that is larger than its channel takes, by its cause, is kept and can be read', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const of = { channel: name, group: 'billing' }
    const large = { ...message({ kind: 'dead', ...of }, 'x'.repeat(1_048_000)), headers: { 'waybill-dead-stack': 'y'.repeat(4_000) } }

    expect(await send(one.transport, [large])).toEqual([{ kind: 'confirmed' }])
    expect((await one.transport.dead.list(of, 1)).map(({ body }) => body.length)).toEqual([1_048_000])
  })

  test('what is handled is gone from the topic', async () => {
    const { one, of, name } = await withLetters(4)

    await one.transport.dead.take(
      of,
      3,
      decide(() => 'remove'),
    )

    const [offsets] = await admin.fetchTopicOffsets(`${name}.billing.dead`)
    expect([offsets?.low, offsets?.high]).toEqual(['3', '4'])
  })

  test('a decision that throws keeps that letter, and what was removed before stays removed', async () => {
    const { one, of } = await withLetters(3)

    const taken = one.transport.dead.take(of, 100, (letter) => (textOf(letter) === 'd1' ? Promise.reject(new Error('no broker')) : Promise.resolve('remove')))

    await expect(taken).rejects.toThrow('no broker')
    expect((await one.transport.dead.list(of, 100)).map(textOf)).toEqual(['d1', 'd2'])
  })

  test('stop ends it before that letter', async () => {
    const { one, of } = await withLetters(3)

    expect(
      await one.transport.dead.take(
        of,
        100,
        decide((text) => (text === 'd2' ? 'stop' : 'remove')),
      ),
    ).toBe(2)
    expect((await one.transport.dead.list(of, 100)).map(textOf)).toEqual(['d2'])
  })

  test('two that take at once remove what either of them removed', async () => {
    const { one, of, name } = await withLetters(10)
    const two = await party([channelOf(name)])

    await Promise.all([
      one.transport.dead.take(
        of,
        100,
        decide((text) => (Number(text.slice(1)) % 2 === 0 ? 'remove' : 'keep')),
      ),
      two.transport.dead.take(
        of,
        5,
        decide(() => 'keep'),
      ),
    ])

    expect((await two.transport.dead.list(of, 100)).map(textOf)).toEqual(['d1', 'd3', 'd5', 'd7', 'd9'])
  })

  test('a process that has not been heard of for too long takes no more, and says so', async () => {
    const { of, name } = await withLetters(3)
    let lateMs = 0
    const frozen = strangers()
    await frozen.transport.connect({ ...frozen.host, runtime: { ...systemRuntime, elapsed: () => systemRuntime.elapsed() + lateMs } })
    onTestFinished(() => frozen.transport.close(5_000))
    const shown: string[] = []

    const taken = frozen.transport.dead.take(of, 100, async (letter) => {
      lateMs = 20_000
      shown.push(textOf(letter))

      return 'remove'
    })

    await expect(taken).rejects.toMatchObject({ code: 'TURN_LOST' })
    const other = await party([channelOf(name)])
    expect(shown).toEqual(['d0'])
    expect((await other.transport.dead.list(of, 100)).map(textOf)).toEqual(['d1', 'd2'])
  })

  test.each(drivers)('two processes take in turn by %s, though one of them has the turn to spare', async (_name, options) => {
    const name = channel()
    const [one, two] = [await party([channelOf(name)], { options }), await party([channelOf(name)], { options: {} })]
    const of = { channel: name, group: 'billing' }
    await send(
      one.transport,
      [0, 1, 2, 3].map((i) => message({ kind: 'dead', ...of }, `d${i}`)),
    )
    const shown: string[] = []

    for (const { transport } of [one, two, one, two])
      await transport.dead.take(of, 1, async (letter) => {
        shown.push(textOf(letter))

        return 'remove'
      })

    expect(shown).toEqual(['d0', 'd1', 'd2', 'd3'])
  })

  test('gaps among kept letters that no note can hold end the taking, and nothing that was kept is lost', async () => {
    const { one, of } = await withLetters(3_000)
    const isEven = (text: string): boolean => Number(text.slice(1)) % 2 === 0

    const removed = await one.transport.dead.take(
      of,
      3_000,
      decide((text) => (isEven(text) ? 'remove' : 'keep')),
    )

    expect(removed).toBeGreaterThan(900)
    expect(removed).toBeLessThan(1_500)
    const left = (await one.transport.dead.list(of, 3_000)).map(textOf)
    expect(left.length).toBe(3_000 - removed)
    expect(left.filter((text) => !isEven(text)).length).toBe(1_500)
  })

  test('a group that nobody declared is named', async () => {
    const one = await party()

    await expect(one.transport.dead.list({ channel: 'nobody', group: 'here' }, 10)).rejects.toThrow('"nobody.here.dead"')
  })

  async function withLetters(count: number): Promise<{ readonly one: Party; readonly name: string; readonly of: { readonly channel: string; readonly group: string } }> {
    const name = channel()
    const one = await party([channelOf(name)])
    const of = { channel: name, group: 'billing' }
    await send(
      one.transport,
      Array.from({ length: count }, (_, i) => message({ kind: 'dead', ...of }, `d${i}`)),
    )

    return { one, name, of }
  }
})

function decide(by: (text: string) => 'remove' | 'keep' | 'stop'): (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'> {
  return (letter) => Promise.resolve(by(textOf(letter)))
}
