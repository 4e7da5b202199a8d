import { Event, Listener, RawListener, Retry, Service, type Delivery } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Billed extends Event('bills.billed', { payload: z.object({ n: z.number() }) }) {}
class Moved extends Event('bills.moved', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}

const of = { channel: 'bills', group: 'ledger' } as const

interface Try {
  readonly at: number
  readonly id: string
  readonly attempt: number
}

function ledger(runtime: VirtualRuntime, tries: Try[], fail: (attempt: number) => void): new () => object {
  @Service('ledger')
  class Ledger {
    @Listener(Billed)
    on(_event: Billed, { id, attempt }: Delivery): void {
      tries.push({ at: runtime.elapsed(), id, attempt })
      fail(attempt)
    }
  }

  return Ledger
}

function never(): never {
  throw new Error('never')
}

test('R1 R2 a listener that always fails is tried six times at the waits of its policy, then its message is a dead letter', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const { app } = await startApp({ runtime, services: [ledger(runtime, tries, never)] })

  await app.publish(new Billed({ n: 1 }))
  await runtime.advance('10s')
  const after10s = tries.length
  await runtime.advance('10m')
  const [letter] = await app.deadLetters.list(of)

  const waits = tries.slice(1).map(({ at }, i) => at - (tries[i]?.at ?? 0))
  expect(after10s).toBe(4)
  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6])
  expect(waits[0]).toBeLessThanOrEqual(100)
  expect(waits[1]).toBeLessThanOrEqual(1_000)
  expect(waits.slice(2)).toEqual([5_000, 30_000, 120_000])
  expect(new Set(tries.map(({ id }) => id)).size).toBe(1)
  expect(letter).toMatchObject({ attempts: 6, reason: 'FAILED' })
})

test('a try that waits 5 s or longer is kept by the broker and holds nothing back', async () => {
  const runtime = virtualRuntime(1)
  const { app } = await startApp({
    runtime,
    services: [
      ledger(runtime, [], () => {
        throw new Retry({ after: '5.2s' })
      }),
    ],
  })

  await app.publish(new Billed({ n: 1 }))
  await runtime.advance('1s')

  expect(app.health().consumers[0]).toMatchObject({ unsettled: 0, running: 0 })
})

test('a wait that the broker keeps is rounded up to a second', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const { app } = await startApp({
    runtime,
    services: [
      ledger(runtime, tries, (attempt) => {
        if (attempt === 1) throw new Retry({ after: '5.2s' })
      }),
    ],
  })

  await app.publish(new Billed({ n: 1 }))
  await runtime.advance('10s')

  expect(tries.map(({ at }) => at)).toEqual([0, 6_000])
})

test('R5 a connection lost between the retry and the ack leaves the same message, at the same try, twice', async () => {
  const runtime = virtualRuntime(1)
  const broker = memoryBroker()
  const tries: Try[] = []
  const { app } = await startApp({
    runtime,
    broker,
    services: [
      ledger(runtime, tries, (attempt) => {
        if (attempt === 1) throw new Retry({ after: '5s' })
      }),
    ],
  })

  broker.loseConfirms(2)
  const sent = app.publish(new Billed({ n: 1 })).catch(() => undefined)
  await runtime.advance('1s')
  broker.disconnect()
  await runtime.advance('1m')
  await sent

  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 2])
  expect(new Set(tries.map(({ id }) => id)).size).toBe(1)
  expect(await app.deadLetters.list(of)).toEqual([])
})

test('B15 a counter that a sender wrote is not believed', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const broker = memoryBroker()
  const { app } = await startApp({ runtime, broker, services: [ledger(runtime, tries, never)] })

  broker.send({ exchange: 'bills', routingKey: 'bills.billed', headers: forged(900), body: Buffer.from('{"n":1}'), contentType: 'application/json' })
  await runtime.advance('5m')

  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6])
  expect((await app.deadLetters.list(of))[0]?.attempts).toBe(6)
})

test('B15 a counter that somebody wrote into the queue itself is bounded', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const broker = memoryBroker()
  await startApp({ runtime, broker, services: [ledger(runtime, tries, never)] })

  for (const count of [1e9, -5, 'many', 2.5])
    broker.send({ exchange: '', routingKey: 'bills.ledger', headers: forged(count), body: Buffer.from('{"n":1}'), contentType: 'application/json' })
  await runtime.advance('1ms')

  expect(tries.map(({ attempt }) => attempt)).toEqual([6, 1, 1, 1])
})

test('a message with a key waits in its lane, whatever the broker could keep', async () => {
  const runtime = virtualRuntime(1)
  const taken: string[] = []
  @Service('ledger')
  class Ledger {
    @Listener(Moved)
    on({ id, n }: Moved, { attempt }: Delivery): void {
      taken.push(`${id}${n} ${attempt}`)
      if (id === 'a' && n === 1 && attempt === 1) throw new Retry({ after: '1m' })
    }
  }
  const { app } = await startApp({ runtime, services: [Ledger] })

  await app.publish([new Moved({ id: 'a', n: 1 }), new Moved({ id: 'a', n: 2 }), new Moved({ id: 'b', n: 1 })])
  await runtime.advance('2m')

  expect(taken).toEqual(['a1 1', 'b1 1', 'a1 2', 'a2 1'])
})

test('a raw listener that fails gets the same bytes again after a delay', async () => {
  const runtime = virtualRuntime(1)
  const taken: string[] = []
  @Service('ledger')
  class Ledger {
    @RawListener('bills')
    on({ name, body }: { name: string | undefined; body: Uint8Array }, { attempt }: Delivery): void {
      taken.push(`${String(name)} ${Buffer.from(body).toString('hex')} ${attempt}`)
      if (attempt === 1) throw new Retry({ after: '30s' })
    }
  }
  const broker = memoryBroker()
  await startApp({ runtime, broker, services: [Ledger] })

  broker.send({ exchange: 'bills', routingKey: 'whatever', headers: {}, body: Buffer.from([0xff, 0x00]) })
  await runtime.advance('1m')

  expect(taken).toEqual(['undefined ff00 1', 'undefined ff00 2'])
})

function forged(count: unknown): Record<string, unknown> {
  return { cloudEvents_id: 'm-1', cloudEvents_type: 'bills.billed', cloudEvents_source: '/test', cloudEvents_specversion: '1.0', 'waybill-attempt': count }
}
