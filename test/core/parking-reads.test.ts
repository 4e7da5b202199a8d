import { createApp, Listener, Service } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { gate, startApp } from './on-memory.js'
import { bench, letters, Moved, moves, of, slowly, yard } from './parked.js'

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

test('which keys are dead is known before the first message: where the dead letters cannot be read for a minute, messages go on by that', async () => {
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
  await runtime.advance('59s')
  const meanwhile = [...taken]
  await runtime.advance('2s')
  dead.list = list

  expect(meanwhile).toEqual([])

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

/** An app that was away while "a1" died in another process, and cannot read the dead letters until it is healed. */
async function deadElsewhere() {
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

  return { app, runtime, taken, heal: () => void (dead.list = list) }
}

test('a message waits where the dead letters come back later than what delivers it, and does not run behind a dead one', async () => {
  const { app, heal, runtime, taken } = await deadElsewhere()

  await app.publish(moves('a2'))
  await runtime.advance('1s')
  heal()
  await runtime.advance('2s')

  expect(taken).toEqual([])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('dead letters that could not be read are read again for the next message', async () => {
  const { app, heal, runtime, taken } = await deadElsewhere()

  await app.publish(moves('b1'))
  await runtime.advance('1ms')
  heal()
  await app.publish(moves('a2'))
  await runtime.advance('1s')

  expect(taken).toEqual(['b1'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED'])
})

test('while somebody has the dead letters in hand for long, messages go on by what is known', async () => {
  const { runtime, broker, taken, bad } = bench('a1')
  const transport = memory({ broker })
  const read = { isSlow: false }
  const answer = gate()
  const { app } = await startApp({ runtime, broker, transport: slowly(transport, read, 'before', answer.opened), services: [yard(taken, (text) => bad.has(text))] })
  await app.publish(moves('a1'))
  await runtime.advance('6s')
  read.isSlow = true

  await app.publish(moves('b1', 'a2'))
  await runtime.advance('59s')
  expect(taken).toEqual([])
  await runtime.advance('1s')
  await app.publish(moves('b2', 'a3'))
  await runtime.advance('1s')
  const meanwhile = [...taken]
  read.isSlow = false
  answer.open()
  await runtime.advance('1s')

  expect(meanwhile).toEqual(['b1', 'b2'])
  expect(await letters(app)).toEqual(['a1 FAILED', 'a2 PARKED', 'a3 PARKED'])
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

test('a key stays parked until each of two letters that the broker made of one id is redriven', async () => {
  const { runtime, broker, taken, start } = bench()
  const { app: before } = await start()
  await before.stop()
  const { app: sender } = await startApp({ name: 'sender', runtime, broker, services: [] })
  for (const move of moves('a1', 'a1')) await sender.publish(move, { id: 'twice', expires: '1s' })
  await runtime.advance('2s')
  const { app } = await start()

  const redriven = await app.deadLetters.redrive(of, { limit: 1 })
  await app.publish(moves('a2'))
  await runtime.advance('1s')
  const between = [[...taken], (await letters(app)).length]
  await app.deadLetters.redrive(of)
  await runtime.advance('1s')
  await app.publish(moves('a3'))
  await runtime.advance('1s')

  expect(redriven).toBe(1)
  expect(between).toEqual([['a1'], 2])
  expect(taken).toEqual(['a1', 'a1', 'a2', 'a3'])
})
