import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '@waybill/testing'
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../packages/transport-memory/src/broker/message.js'
import { type Filed, Live } from '../../packages/transport-memory/src/journal/live.js'
import { type Bench, message, messages, type Peer, type Receiver } from './bench.js'
import { benchIn, leftBehind, newFolder, nextProcess, sizeOf } from './journal-bed.js'

const all = { types: 'all', keyed: false } as const
const body = Buffer.alloc(10_000, 'x')

/** Goes on until a new file was begun and is the journal. */
async function compactedOnce(folder: string, inBetween: () => void): Promise<void> {
  await eventually(() => {
    inBetween()

    return existsSync(join(folder, 'journal.new'))
  })
  await eventually(() => {
    inBetween()

    return !existsSync(join(folder, 'journal.new'))
  })
}

function settleAll({ runtime }: Bench, { received }: Receiver): void {
  for (const delivery of received.splice(0)) delivery.settle('ack')
  runtime.settle()
}

async function declared(bench: Bench): Promise<Peer> {
  const app = await bench.app()
  await app.declare(all, { ...all, name: 'stock' })

  return app
}

describe('the journal of a broker', () => {
  test('gives back the room of what is done, and stays small for ever', { timeout: 60_000 }, async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await declared(bench)
    const receivers = [await app.listen('billing', 1_000), await app.listen('stock', 1_000)]
    let largest = 0

    for (let round = 0; round < 5; round++) {
      await compactedOnce(folder, () => {
        app.publish(...messages(20, { body }))
        for (const receiver of receivers) settleAll(bench, receiver)
        largest = Math.max(largest, sizeOf(folder))
      })
    }
    await bench.broker.close()

    expect(largest).toBeLessThan(20_000_000)
    expect(bench.log).toEqual([])
    const { held } = await nextProcess(folder)
    expect(held).toEqual({ billing: [], dead: [] })
  })

  test('is whole at every moment of a compaction under load: what waits, its counts, its order, its dead letters', { timeout: 60_000 }, async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await declared(bench)
    const stock = await app.listen('stock', 5_000)
    app.publish(message('late', { delayMs: 3_600_000 }), message('letter', {}, { kind: 'dead', channel: 'orders', group: 'billing' }))
    let sent = 0
    const wrong: string[] = []
    const expected = (): string => JSON.stringify({ billing: Array.from({ length: sent }, (_, n) => `${n}/0`), dead: ['letter'] })
    const moments: { readonly left: string; readonly expected: string }[] = []

    for (let round = 0; round < 2; round++) {
      await compactedOnce(folder, () => {
        app.publish(...Array.from({ length: 5 }, (_, n) => message(String(sent + n))))
        sent += 5
        // Nobody but stock is told of these, so they are dead at once.
        app.publish(...messages(10, { body }).map((one) => ({ ...one, to: { kind: 'group', channel: 'orders', group: 'stock' } as const })))
        settleAll(bench, stock)
        if (moments.length < 40 || sent % 100 === 0) moments.push({ left: leftBehind(folder), expected: expected() })
      })
    }
    moments.push({ left: leftBehind(folder), expected: expected() })
    for (const { left, expected: wanted } of moments) {
      const { app: heir, held } = await nextProcess(left)
      if (JSON.stringify(held) !== wanted) wrong.push(`${JSON.stringify(held).slice(0, 200)} instead of ${wanted.slice(0, 200)}`)
      if (heir.bench.queue('orders.billing').delayed !== 1) wrong.push('the delayed one is missing')
    }

    expect(wrong).toEqual([])
    expect(moments.length).toBeGreaterThan(10)
  })

  test('one that cannot be compacted goes on as it is, and says so', { timeout: 60_000 }, async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await declared(bench)
    mkdirSync(join(folder, 'journal.new'))
    const stock = await app.listen('stock', 1_000)
    let sent = 0

    await eventually(() => {
      app.publish(message(String(sent++)), message('ballast', { body }, { kind: 'group', channel: 'orders', group: 'stock' }))
      settleAll(bench, stock)

      return bench.log.length > 0
    })
    app.publish(message(String(sent++)))
    const { held } = await nextProcess(leftBehind(folder))

    expect(bench.log).toEqual([expect.stringContaining('could not be compacted; it goes on growing')])
    expect(held.billing).toEqual(Array.from({ length: sent }, (_, n) => `${n}/0`))
  })

  test('what is done while the rest is copied is not copied, and what is new is left to be repeated', () => {
    const live = new Live()
    const add = (): Filed => live.add({} as Entry)
    const [first, second, third] = [add(), add(), add()]

    live.rewind()
    const read = [live.read()]
    live.remove(second)
    add()
    read.push(live.read(), live.read())

    expect(read).toEqual([first, third, undefined])
  })

  test('a new file that was never finished is thrown away', async () => {
    const folder = newFolder()
    const app = await declared(benchIn(folder))
    app.publish(message('kept'))
    const left = leftBehind(folder)
    writeFileSync(join(left, 'journal.new'), 'half of it')

    const { held } = await nextProcess(left)

    expect(held.billing).toEqual(['kept/0'])
    expect(existsSync(join(left, 'journal.new'))).toBe(false)
  })
})
