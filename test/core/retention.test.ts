import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type App, type Delivery, Event, Listener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import type { MemoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

const headers = { cloudEvents_type: 'retention.noted' }

class Noted extends Event('retention.noted', { payload: z.object({ n: z.number(), text: z.string() }) }) {}

@Service('reader')
class Reader {
  readonly #seen: WeakRef<object>[] = []
  taken = 0
  remembers = false
  onTaken: () => void = () => undefined

  /** What it was given and is still in memory. */
  get alive(): number {
    return this.#seen.filter((ref) => ref.deref() !== undefined).length
  }

  @Listener(Noted)
  async on(message: Noted, delivery: Delivery): Promise<void> {
    if (this.remembers) this.#seen.push(new WeakRef(message), new WeakRef(delivery))
    this.taken++
    this.onTaken()
  }
}

interface Running {
  readonly app: App
  readonly broker: MemoryBroker
}

async function work({ app, broker }: Running, count: number): Promise<void> {
  const reader = app.get(Reader)
  for (let n = 0; n < count; n += 100) {
    const due = reader.taken + 100
    const taken = new Promise<void>((resolve) => {
      reader.onTaken = () => {
        if (reader.taken === due) resolve()
      }
    })
    for (let at = 0; at < 100; at++) broker.send({ exchange: 'retention', routingKey: 'retention.noted', headers, body: JSON.stringify({ n: n + at, text: 'x'.repeat(500) }) })
    await taken
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('nothing holds a message that was settled', async () => {
  const running = await startApp({ services: [Reader] })
  const reader = running.app.get(Reader)
  reader.remembers = true
  await work(running, 1_000)
  // The last one may still lie in a register or on the stack; others take its place.
  reader.remembers = false
  await work(running, 100)

  expect(reader.taken).toBe(1_100)
  // V8 compiles in a thread of its own and holds what it looks at until it is done.
  await eventually(() => {
    collect()

    return reader.alive === 0
  })
})
