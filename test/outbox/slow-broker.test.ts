import { createApp, type Outgoing, type Runtime, type Transport } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { virtualRuntime } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { Told } from './bed.js'

test('a broker slower than its writers gets each message once, however many wait', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const { transport, given } = slow(memory({ broker }), runtime, 10)
  const box = outbox(memoryStore())
  const app = createApp({ name: 'test', services: [], signals: false, log: false, runtime, transport, plugins: [box] })
  onTestFinished(async () => {
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  })
  const started = app.start()
  await runtime.advance('1s')
  await started

  await app.transaction(() => app.publish(Array.from({ length: 3_000 }, (_, n) => new Told({ n }))))
  await runtime.advance('40s')

  expect(new Set(given).size).toBe(3_000)
  expect(given.length).toBe(3_000)
  expect((await box.status()).map(({ pending, parked }) => [pending, parked])).toEqual([[0, 0]])
})

/** The same transport, whose broker takes `eachMs` for each message, one after another. */
function slow(inner: Transport, runtime: Runtime, eachMs: number): { readonly transport: Transport; readonly given: readonly string[] } {
  const given: string[] = []
  let freeAt = 0
  const publish: Transport['publish'] = (batch: readonly Outgoing[], settled) => {
    for (const [index, message] of batch.entries()) {
      given.push(message.envelope.id)
      freeAt = Math.max(freeAt, runtime.elapsed()) + eachMs
      runtime.after(freeAt - runtime.elapsed(), () => inner.publish([message], (_, outcome) => settled(index, outcome)))
    }
  }
  const transport = new Proxy(inner, {
    get(target, name) {
      if (name === 'publish') return publish
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })

  return { transport, given }
}
