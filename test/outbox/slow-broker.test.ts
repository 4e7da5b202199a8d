import type { Outgoing, Runtime, Transport } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { Told } from './bed.js'
import { startedApp } from './started.js'

test('a broker slower than its writers gets each message once, however many wait', async () => {
  const given: string[] = []
  const { app, box, runtime } = await startedApp({ transport: (of, clock) => slow(memory({ broker: of }), clock, { eachMs: 10, given }) })

  await app.transaction(() => app.publish(Array.from({ length: 3_000 }, (_, n) => new Told({ n }))))
  await runtime.advance('40s')

  expect(new Set(given).size).toBe(3_000)
  expect(given.length).toBe(3_000)
  expect((await box.status()).map(({ pending, parked }) => [pending, parked])).toEqual([[0, 0]])
})

/** The same transport, whose broker takes `eachMs` for each message, one after another. */
function slow(inner: Transport, runtime: Runtime, { eachMs, given }: { readonly eachMs: number; readonly given: string[] }): Transport {
  let freeAt = 0
  const publish: Transport['publish'] = (batch: readonly Outgoing[], settled) => {
    for (const [index, message] of batch.entries()) {
      given.push(message.envelope.id)
      freeAt = Math.max(freeAt, runtime.elapsed()) + eachMs
      runtime.after(freeAt - runtime.elapsed(), () => inner.publish([message], (_, outcome) => settled(index, outcome)))
    }
  }
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'publish') return publish
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
