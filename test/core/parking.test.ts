import { createApp, Event, Listener, Service, type Transport } from '@waybill/core'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Moved extends Event('goods.moved', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}

const of = { channel: 'goods', group: 'yard' } as const

function yard(taken: string[], isBad: (text: string) => boolean): new () => object {
  @Service('yard')
  class Yard {
    @Listener(Moved, { retry: false, deadKey: 'park' })
    on({ id, n }: Moved): void {
      if (isBad(`${id}${n}`)) throw new Error('no')
      taken.push(`${id}${n}`)
    }
  }

  return Yard
}

function moves(...texts: readonly string[]): readonly Moved[] {
  return texts.map((text) => new Moved({ id: text[0] as string, n: Number(text.slice(1)) }))
}

interface Bench {
  readonly runtime: VirtualRuntime
  readonly broker: MemoryBroker
  readonly taken: string[]
  readonly bad: Set<string>
  start(): ReturnType<typeof startApp>
  startAs(name: string): ReturnType<typeof startApp>
}

function bench(...bad: readonly string[]): Bench {
  const runtime = virtualRuntime()
  const parts = { runtime, broker: memoryBroker({ runtime }), taken: [] as string[], bad: new Set(bad) }
  const startAs = (name: string): ReturnType<typeof startApp> => startApp({ name, runtime, broker: parts.broker, services: [yard(parts.taken, (text) => parts.bad.has(text))] })

  return { ...parts, startAs, start: () => startAs('test') }
}

async function letters(app: Awaited<ReturnType<typeof startApp>>['app']): Promise<readonly string[]> {
  return (await app.deadLetters.list(of)).map(
    ({ body, reason }) => `${(JSON.parse(Buffer.from(body).toString()) as { id: string; n: number }).id}${(JSON.parse(Buffer.from(body).toString()) as { n: number }).n} ${reason}`,
  )
}

test('later messages of a dead key are parked beside it, those of other keys go on', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()

  await app.publish(moves('a1', 'b1', 'a2', 'b2', 'a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1', 'b2'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
})

test('which keys are dead is known after a restart, from the dead letters', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app: first } = await start()
  await first.publish(moves('a1'))
  await runtime.advance('1s')
  await first.stop()

  const { app } = await start()
  await app.publish(moves('a2', 'b1'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('which keys are dead is known before the first message, also where the dead letters cannot be read any more when it comes', async () => {
  const { runtime, broker, taken, start } = bench('a1')
  const { app: first } = await start()
  await first.publish(moves('a1'))
  await runtime.advance('1s')
  await first.stop()
  const transport = memory({ broker })
  const { dead } = transport
  const list = dead.list.bind(dead)
  const { app } = await startApp({ runtime, broker, transport, services: [yard(taken, () => false)] })

  dead.list = () => Promise.reject(new Error('the broker is busy'))
  await app.publish(moves('a2', 'b1'))
  await runtime.advance('1s')
  dead.list = list

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('dead letters that could not be read are read again for the next message', async () => {
  const { runtime, broker, taken, startAs } = bench('a1')
  const transport = memory({ broker })
  const { dead } = transport
  const list = dead.list.bind(dead)
  const { app } = await startApp({ runtime, broker, transport, services: [yard(taken, () => false)] })
  const { app: other } = await startAs('other')
  broker.disconnect('test')
  await runtime.advance('1s')
  await other.publish(moves('a1'))
  await runtime.advance('1ms')
  dead.list = () => Promise.reject(new Error('the broker is busy'))
  broker.disconnect('other')

  await app.publish(moves('b1'))
  await runtime.advance('1ms')
  dead.list = list
  await app.publish(moves('a2'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('dead letters are not read again and again while a slow key holds up the consumer', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const never = gate()
  let done = 0
  @Service('yard')
  class Yard {
    @Listener(Moved, { deadKey: 'park', concurrency: 2, timeout: '1h' })
    async on({ id }: Moved): Promise<void> {
      await (id === 's' ? never.opened : new Promise<void>((resolve) => void runtime.after(400, resolve)))
      done++
    }
  }
  const transport = memory({ broker })
  const { dead } = transport
  const list = dead.list.bind(dead)
  let reads = 0
  dead.list = (...given) => {
    reads++

    return list(...given)
  }
  const { app } = await startApp({ runtime, broker, transport, services: [Yard] })

  await app.publish(moves(...Array.from({ length: 60 }, (_, n) => (n < 10 ? `a${n}` : `s${n}`))))
  await runtime.advance('4500ms')
  const { paused } = app.health().consumers[0] ?? {}
  never.open()
  await runtime.advance('1s')

  expect(paused).toBe(true)
  expect(done).toBe(60)
  expect(reads).toBe(2)
})

test('R9 a redrive of the key in order frees it', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')
  bad.clear()

  const count = await app.deadLetters.redrive(of, { key: 'a' })
  await app.publish(moves('a4'))
  await runtime.advance('1s')

  expect(count).toBe(3)
  expect(taken).toEqual(['a1', 'a2', 'a3', 'a4'])
  expect(await letters(app)).toEqual([])
})

test('a key stays parked while any of its letters is left', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')
  bad.clear()
  const [first] = await app.deadLetters.list(of)

  await app.deadLetters.redrive(of, { ids: [first?.id ?? ''] })
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a1'])
  expect(await letters(app)).toEqual(['a2 PARKED', 'a3 PARKED'])
})

test('a key stays parked while one of two letters with one id is left', async () => {
  const { runtime, broker, taken, bad, start } = bench('a1')
  const { app } = await start()
  for (const n of [1, 2]) broker.send(sameId(n))
  await runtime.advance('1s')
  bad.clear()

  await app.deadLetters.redrive(of, { limit: 1 })
  await app.publish(moves('a3'))
  await runtime.advance('1s')
  expect(taken).toEqual(['a1'])
  expect(await letters(app)).toEqual(['a2 PARKED', 'a3 PARKED'])

  await app.deadLetters.redrive(of)
  await app.publish(moves('a4'))
  await runtime.advance('1s')
  expect(taken).toEqual(['a1', 'a2', 'a3', 'a4'])
})

function sameId(n: number): Parameters<MemoryBroker['send']>[0] {
  const headers = { cloudEvents_id: 'same', cloudEvents_type: 'goods.moved', cloudEvents_source: '/x', cloudEvents_subject: 'a' }

  return { exchange: 'goods', routingKey: 'goods.moved.keyed.0', headers, body: JSON.stringify({ id: 'a', n }), contentType: 'application/json' }
}

test('a key whose only letter was edited and done is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')
  const [letter] = await app.deadLetters.list(of)

  await app.deadLetters.edit(of, letter?.id ?? '', { payload: { id: 'a', n: 2 } })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a2', 'a3'])
})

test('a key whose only letter was edited to another key is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')
  const [letter] = await app.deadLetters.list(of)

  await app.deadLetters.edit(of, letter?.id ?? '', { payload: { id: 'b', n: 1 } })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1', 'a3'])
})

test('a redriven message that dies again parks those of its redrive behind it', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')

  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  const again = await letters(app)
  bad.clear()
  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')

  expect([...again].sort()).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('a key is free when what died again in a redrive is redriven and done', async () => {
  const { runtime, taken, bad, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')

  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  bad.clear()
  await app.deadLetters.redrive(of, { key: 'a' })
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a1', 'a2', 'a3'])
})

test('a key whose letters were discarded is free', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1', 'a2'))
  await runtime.advance('1s')

  await app.deadLetters.discard(of, { key: 'a', because: 'lost in the yard' })
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(taken).toEqual(['a3'])
})

test('B15 a message that says of itself that it was redriven is parked all the same', async () => {
  const { runtime, broker, taken, start } = bench('a1')
  const { app } = await start()
  await app.publish(moves('a1'))
  await runtime.advance('1s')

  const headers = { cloudEvents_id: 'x', cloudEvents_type: 'goods.moved', cloudEvents_source: '/x', cloudEvents_subject: 'a', 'waybill-redriven': 'yes' }
  broker.send({ exchange: 'goods', routingKey: 'goods.moved.keyed.0', headers, body: '{"id":"a","n":2}', contentType: 'application/json' })
  await runtime.advance('1s')

  expect(taken).toEqual([])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('a process that takes over reads anew which keys are dead', async () => {
  const { runtime, taken, start } = bench('a1')
  const { app: active } = await start()
  const { app: standby } = await start()
  await active.publish(moves('a1'))
  await runtime.advance('1s')

  await active.stop()
  await standby.publish(moves('a2', 'b1'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1'])
  expect(await letters(standby)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('a process that takes over again after a moment reads anew which keys are dead', async () => {
  const { runtime, broker, taken, bad, startAs } = bench('a1')
  const { app } = await startAs('one')
  await startAs('two')
  await app.publish(moves('b1'))
  await runtime.advance('1ms')

  broker.disconnect('one')
  await runtime.advance('1s')
  await app.publish(moves('a1'))
  await runtime.advance('1ms')
  broker.disconnect('two')
  bad.clear()
  await app.publish(moves('a2', 'b2'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1', 'b2'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test.each(['before', 'after'] as const)('a key that dies while the dead letters are read is parked, where they were looked at %s its death', async (look) => {
  const runtime = virtualRuntime()
  const [death, answer] = [gate(), gate()]
  const taken: string[] = []
  @Service('yard')
  class Yard {
    @Listener(Moved, { retry: false, deadKey: 'park', concurrency: 5 })
    async on({ id, n }: Moved): Promise<void> {
      if (`${id}${n}` === 'a1') {
        await death.opened
        throw new Error('no')
      }
      taken.push(`${id}${n}`)
    }
  }
  const transport = memory({ broker: memoryBroker({ runtime }) })
  const read = { isSlow: false }
  const app = createApp({
    name: 'test',
    services: [Yard],
    signals: false,
    log: false,
    runtime,
    channels: { goods: { partitions: 1 } },
    transport: slowly(transport, read, look, answer.opened),
  })
  onTestFinished(() => app.stop())
  await app.start()
  await app.publish(moves('a1'))
  await runtime.advance('6s')

  read.isSlow = true
  await app.publish(moves('b1'))
  await runtime.advance('1s')
  expect(taken).toEqual([])
  death.open()
  await runtime.advance('1s')
  read.isSlow = false
  answer.open()
  await runtime.advance('1s')
  await app.publish(moves('a2'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
  await app.deadLetters.discard(of, { key: 'a', because: 'lost in the yard' })
  await app.publish(moves('a3'))
  await runtime.advance('1s')
  expect(taken).toEqual(['b1', 'a3'])
})

/** Its broker answers a slow read of the dead letters late, with what it saw before or after the wait. */
function slowly(transport: Transport, read: { readonly isSlow: boolean }, look: 'before' | 'after', answer: Promise<void>): Transport {
  const { dead } = transport

  return Object.assign(transport, {
    dead: {
      take: dead.take.bind(dead),
      list: async (...given: Parameters<typeof dead.list>) => {
        if (!read.isSlow) return dead.list(...given)
        if (look === 'after') await answer
        const found = await dead.list(...given)
        await answer

        return found
      },
    },
  })
}
