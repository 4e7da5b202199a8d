import { Command, createApp, DeadLetter, type Delivery, Listener, type Outgoing, Service, type Transport } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Work extends Command('work.do', { payload: z.object({ n: z.number() }) }) {}

const dead = { channel: 'work', group: 'worker' }

@Service('worker')
class Worker {
  isWell = false
  readonly done: { n: number; id: string; attempt: number }[] = []

  @Listener(Work, { retry: { attempts: 2, backoff: ['1ms'] } })
  work({ n }: Work, { id, attempt }: Delivery): void {
    if (!this.isWell) throw new DeadLetter('not well')
    this.done.push({ n, id, attempt })
  }
}

/** A transport whose dead letters are refused so many times. */
function refusingDead(transport: Transport, times: number): { readonly refused: () => number } {
  let refused = 0
  const { publish } = transport
  transport.publish = (batch, settled) => {
    const isRefused = ({ to }: Outgoing): boolean => to.kind === 'dead' && refused < times
    if (!batch.some(isRefused)) return publish.call(transport, batch, settled)
    refused++
    batch.forEach((_, index) => settled(index, { kind: 'rejected', reason: 'The disk is full.' }))
  }

  return { refused: () => refused }
}

test('R4 a dead letter that the broker does not take leaves its original unsettled, until it is taken', async () => {
  const broker = memoryBroker()
  const transport = memory({ broker })
  const { refused } = refusingDead(transport, 2)
  const app = createApp({ name: 'test', services: [Worker], signals: false, log: false, transport })
  onTestFinished(() => app.stop())
  await app.start()
  const unsettled = (): number | undefined => broker.queues().find(({ name }) => name === 'work.worker')?.unsettled

  await app.publish(new Work({ n: 1 }))
  await eventually(() => refused() === 1)
  expect(unsettled()).toBe(1)
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  await eventually(() => unsettled() === 0)

  expect(refused()).toBe(2)
})

test('R4 stopping while a dead letter is refused returns the original to the broker', async () => {
  const broker = memoryBroker()
  const transport = memory({ broker })
  const { refused } = refusingDead(transport, Number.POSITIVE_INFINITY)
  const app = createApp({ name: 'test', services: [Worker], signals: false, log: false, transport, shutdown: '50ms' })
  onTestFinished(() => app.stop())
  await app.start()

  await app.publish(new Work({ n: 1 }))
  await eventually(() => refused() >= 1)
  await app.stop()

  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('R9 redriven dead letters start their attempts again, under their own ids, and are not refused at once', async () => {
  const { app } = await startApp({ services: [Worker] })
  const worker = app.get(Worker)
  await app.publish(new Work({ n: 1 }), { id: 'first' })
  await app.publish(new Work({ n: 2 }), { id: 'second' })
  await eventually(async () => (await app.deadLetters.list(dead)).length === 2)

  worker.isWell = true
  expect(await app.deadLetters.redrive(dead, { ids: ['second'] })).toBe(1)
  await eventually(() => worker.done.length === 1)
  expect(await app.deadLetters.redrive(dead)).toBe(1)
  await eventually(() => worker.done.length === 2)

  expect(worker.done).toEqual([
    { n: 2, id: 'second', attempt: 1 },
    { n: 1, id: 'first', attempt: 1 },
  ])
  expect(await app.deadLetters.list(dead)).toEqual([])
})

test('a discarded dead letter is gone, the others stay', async () => {
  const { app } = await startApp({ services: [Worker] })
  await app.publish(new Work({ n: 1 }), { id: 'first' })
  await app.publish(new Work({ n: 2 }), { id: 'second' })
  await eventually(async () => (await app.deadLetters.list(dead)).length === 2)

  expect(await app.deadLetters.discard(dead, { ids: ['first'], because: 'a test order' })).toBe(1)

  expect((await app.deadLetters.list(dead)).map(({ id }) => id)).toEqual(['second'])
})

test('dead letters of a group of another app are shown and discarded, and redriven only by the app that has it', async () => {
  const { app, broker } = await startApp({ services: [Worker] })
  const { app: desk } = await startApp({ name: 'desk', services: [], broker })
  await app.publish(new Work({ n: 1 }), { id: 'first' })
  await eventually(async () => (await desk.deadLetters.list(dead)).length === 1)

  await expect(desk.deadLetters.redrive(dead)).rejects.toMatchObject({ code: 'UNKNOWN_GROUP', message: expect.stringContaining('the app that has it') })
  await expect(desk.deadLetters.edit(dead, 'first', { payload: { n: 2 } })).rejects.toMatchObject({ code: 'UNKNOWN_GROUP' })
  expect((await desk.deadLetters.show(dead, 'first'))?.listener).toBe('Worker.work')
  expect(await desk.deadLetters.discard(dead, { because: 'a test order' })).toBe(1)
})

test('a group that nobody has is named, with those that the app has', async () => {
  const { app } = await startApp({ services: [Worker] })

  await expect(app.deadLetters.list({ channel: 'work', group: 'wroker' })).rejects.toMatchObject({
    code: 'UNKNOWN_GROUP',
    message: expect.stringMatching(/Did you mean "work \/ worker"\? This app has, as channel \/ group: work \/ worker\.$/),
  })
  await expect(app.deadLetters.list({ channel: 'work', group: '../etc' })).rejects.toMatchObject({
    code: 'UNKNOWN_GROUP',
    message: expect.stringContaining('A group is named with'),
  })
  await expect(app.deadLetters.list('wroker' as never)).rejects.toMatchObject({
    code: 'UNKNOWN_GROUP',
    message: 'Dead letters are those of a { channel, group }; found "wroker". Did you mean "worker"? This app has, as channel / group: work / worker.',
  })
})
