import { Event, Listener, type PublishOutcome, RawListener, Retry, Service, type Delivery } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
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

  expect(tries.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2])
  expect(new Set(tries.map(({ id }) => id)).size).toBe(1)
  expect(await app.deadLetters.list(of)).toEqual([])
})

const untaken: readonly PublishOutcome[] = [
  { kind: 'rejected', reason: 'its disk is full' },
  { kind: 'unroutable', reason: 'there is no queue' },
  { kind: 'unknown', reason: 'nothing was heard' },
]

test.each(untaken)('R4 a next try that the broker does not confirm ($kind) waits in the process, and its message is kept', async (outcome) => {
  const { runtime, tries, broker, app } = await again30sLater(outcome)

  await runtime.advance('29s')
  const kept = broker.queues().find(({ name }) => name === 'bills.ledger')
  await runtime.advance('2s')

  expect(kept).toMatchObject({ unsettled: 1, waiting: 0, delayed: 0 })
  expect(tries.map(({ at, attempt }) => [at, attempt])).toEqual([
    [0, 1],
    [30_000, 2],
  ])
  expect(app.health().consumers[0]).toMatchObject({ unsettled: 0 })
})

test.each(untaken)('R4 a next try that the broker does not confirm ($kind) returns to the broker when the app stops', async (outcome) => {
  const { runtime, broker, app } = await again30sLater(outcome)
  await runtime.advance('10s')

  await app.stop()

  expect(broker.queues().find(({ name }) => name === 'bills.ledger')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('R4 a broker that is blocked while a next try goes to it loses nothing, and the try is made', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const broker = memoryBroker({ runtime })
  const blockedAtFirst = (attempt: number): void => {
    if (attempt === 1 && tries.length === 1) broker.block()
    againIf(attempt === 1)
  }
  const { app } = await startApp({ runtime, broker, services: [ledger(runtime, tries, blockedAtFirst)] })

  await app.publish(new Billed({ n: 1 }))
  await runtime.advance('20s')
  const kept = broker.queues().find(({ name }) => name === 'bills.ledger')
  broker.unblock()
  await runtime.advance('2m')

  expect(kept).toMatchObject({ unsettled: 1 })
  expect(tries.map(({ attempt }) => attempt)).toContain(2)
  expect(broker.queues().find(({ name }) => name === 'bills.ledger')).toMatchObject({ waiting: 0, delayed: 0, unsettled: 0 })
})

test('a try whose time has come goes before messages that have not begun', async () => {
  const runtime = virtualRuntime(1)
  const taken: string[] = []
  @Service('ledger')
  class Ledger {
    @Listener(Billed, { concurrency: 1, retry: { attempts: 2, backoff: ['100ms'] } })
    async on({ n }: Billed, { attempt }: Delivery): Promise<void> {
      taken.push(`${n} ${attempt}`)
      await new Promise<void>((resolve) => void runtime.after(60, resolve))
      if (n === 1 && attempt === 1) throw new Error('not yet')
    }
  }
  const { app } = await startApp({ runtime, services: [Ledger] })

  await app.publish([1, 2, 3, 4, 5].map((n) => new Billed({ n })))
  await runtime.advance('1s')

  expect(taken).toEqual(['1 1', '2 1', '3 1', '1 2', '4 1', '5 1'])
})

test('quick tries of messages that fail together are spread: each waits between half its time and all of it', async () => {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  @Service('ledger')
  class Ledger {
    @Listener(Billed, { concurrency: 20, retry: { attempts: 2, backoff: '1s..4s' } })
    on(_event: Billed, { id, attempt }: Delivery): void {
      tries.push({ at: runtime.elapsed(), id, attempt })
      if (attempt === 1) throw new Error('not yet')
    }
  }
  const { app } = await startApp({ runtime, services: [Ledger] })

  await app.publish(Array.from({ length: 20 }, (_, n) => new Billed({ n })))
  await runtime.advance('2s')

  const waits = tries.filter(({ attempt }) => attempt === 2).map(({ at }) => at)
  expect(waits).toHaveLength(20)
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500)
  expect(Math.max(...waits)).toBeLessThanOrEqual(1_000)
  expect(new Set(waits).size).toBeGreaterThan(10)
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

function againIf(isTooEarly: boolean): void {
  if (isTooEarly) throw new Retry({ after: '30s' })
}

/** A message that asked for its next try in 30 s, of a broker that says something else than that it has it. */
async function again30sLater(outcome: PublishOutcome) {
  const runtime = virtualRuntime(1)
  const tries: Try[] = []
  const broker = memoryBroker({ runtime })
  const transport = memory({ broker })
  const publish = transport.publish.bind(transport)
  transport.publish = (batch, settled) => (batch[0]?.to.kind === 'group' ? settled(0, outcome) : publish(batch, settled))
  const { app } = await startApp({ runtime, broker, transport, services: [ledger(runtime, tries, (attempt) => againIf(attempt === 1))] })
  await app.publish(new Billed({ n: 1 }))

  return { runtime, tries, broker, app }
}

function forged(count: unknown): Record<string, unknown> {
  return { cloudEvents_id: 'm-1', cloudEvents_type: 'bills.billed', cloudEvents_source: '/test', cloudEvents_specversion: '1.0', 'waybill-attempt': count }
}
