import { Command, Context, DeadLetter, Event, Ignore, Listener, type ManualDelivery, type Middleware, Publisher, RawListener, type RawMessage, Retry, Service } from '@waybill/core'
import type { Delivery, Envelope } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Work extends Command('work.do', { payload }) {}
class Step extends Event('step.taken', { key: 'of', payload: z.object({ of: z.string(), n: z.number() }) }) {}
class Skip extends Event('step.skipped', { key: 'of', payload: z.object({ of: z.string(), n: z.number() }) }) {}

const quick = { retry: { attempts: 3, backoff: ['1ms'] } } as const
const dead = { channel: 'work', group: 'worker' }

/** Every envelope that this process publishes, from core's event stream. Returns the end of it. */
function watchPublishes(see: (envelope: Envelope) => void): () => void {
  const told = (event: unknown): void => see((event as { envelope: Envelope }).envelope)
  subscribe('tracing:waybill:publish:start', told)

  return () => void unsubscribe('tracing:waybill:publish:start', told)
}

test('C2 a listener that throws receives the message again, then it is a dead letter with its cause', async () => {
  @Service('worker')
  class Worker {
    readonly attempts: number[] = []

    @Listener(Work, quick)
    work(_work: Work, { attempt }: Delivery): void {
      this.attempts.push(attempt)
      throw new TypeError('no tools')
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  const [letter] = await app.deadLetters.list(dead)

  expect(app.get(Worker).attempts).toEqual([1, 2, 3])
  expect(letter).toMatchObject({
    name: 'work.do',
    reason: 'FAILED',
    message: 'no tools',
    error: 'TypeError: no tools',
    listener: 'Worker.work',
    attempts: 3,
    origin: { address: 'work.worker' },
  })
  expect(Buffer.from(letter?.body ?? []).toString()).toBe('{"n":1}')
})

test('C2 a listener that rejects late, or settles by its own word twice, settles once', async () => {
  @Service('worker')
  class Worker {
    @Listener(Work, { settle: 'manual' })
    async work({ n }: Work, delivery: ManualDelivery): Promise<void> {
      if (n === 1) delivery.ack()
      delivery.deadLetter('by hand')
      await Promise.resolve()
      if (n === 1) delivery.ack()
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })

  await app.publish([new Work({ n: 1 }), new Work({ n: 2 })])
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)
  const [letter] = await app.deadLetters.list(dead)

  expect(letter?.message).toBe('by hand')
  await eventually(() => broker.queues().every(({ unsettled }) => unsettled === 0))
})

test('C2 a listener that never settles is told so, and its message is tried again by its policy', async () => {
  @Service('worker')
  class Worker {
    readonly reasons: unknown[] = []

    @Listener(Work, { timeout: '20ms', retry: false })
    work(_work: Work, { signal }: Delivery): Promise<void> {
      signal.addEventListener('abort', () => this.reasons.push((signal.reason as { code: string }).code))

      return new Promise(() => undefined)
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect(app.get(Worker).reasons).toEqual(['LISTENER_TIMEOUT'])
  expect((await app.deadLetters.list(dead))[0]?.reason).toBe('LISTENER_TIMEOUT')
})

test('what a listener throws decides: dead letter, ignore, retry', async () => {
  @Service('worker')
  class Worker {
    readonly seen: string[] = []

    @Listener(Work, { retry: { attempts: 5, backoff: ['1ms'], unless: [RangeError] } })
    work({ n }: Work, { attempt }: Delivery): void {
      this.seen.push(`${n}.${attempt}`)
      if (n === 1) throw new DeadLetter('never')
      if (n === 2) throw new Ignore('stale')
      if (n === 3 && attempt === 1) throw new Retry({ after: '2ms' })
      if (n === 4) throw new RangeError('no retry mends it')
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })

  await app.publish([1, 2, 3, 4].map((n) => new Work({ n })))
  await eventually(() => app.get(Worker).seen.length === 5 && broker.queues().every(({ unsettled }) => unsettled === 0))
  const letters = await app.deadLetters.list(dead)

  expect(app.get(Worker).seen.sort()).toEqual(['1.1', '2.1', '3.1', '3.2', '4.1'])
  expect(letters.map(({ reason }) => reason).sort()).toEqual(['DEAD_LETTER', 'UNLESS'])
})

test('messages of one key run one after another, also over several types; other keys run beside', async () => {
  const first = gate()
  @Service('walker')
  class Walker {
    readonly seen: string[] = []

    @Listener(Step)
    async step({ of, n }: Step): Promise<void> {
      if (of === 'a' && n === 1) await first.opened
      this.seen.push(`${of}${n}`)
    }

    @Listener(Skip)
    skip({ of, n }: Skip): void {
      this.seen.push(`${of}${n}`)
    }
  }
  const { app } = await startApp({ services: [Walker] })
  const { seen } = app.get(Walker)

  await app.publish([new Step({ of: 'a', n: 1 }), new Skip({ of: 'a', n: 2 }), new Step({ of: 'b', n: 1 }), new Step({ of: 'a', n: 3 })])
  await eventually(() => seen.length === 1)
  first.open()
  await eventually(() => seen.length === 4)

  expect(seen).toEqual(['b1', 'a1', 'a2', 'a3'])
})

test('a key is retried inside its lane: the later message waits for the earlier', async () => {
  @Service('walker')
  class Walker {
    readonly seen: string[] = []

    @Listener(Step, quick)
    step({ n }: Step, { attempt }: Delivery): void {
      this.seen.push(`${n}.${attempt}`)
      if (n === 1 && attempt < 3) throw new Error('again')
    }
  }
  const { app } = await startApp({ services: [Walker] })

  await app.publish([new Step({ of: 'a', n: 1 }), new Step({ of: 'a', n: 2 })])
  await eventually(() => app.get(Walker).seen.length === 4)

  expect(app.get(Walker).seen).toEqual(['1.1', '1.2', '1.3', '2.1'])
})

test('a context travels with a call and with what it causes', async () => {
  const tenant = Context('tenant', z.object({ id: z.string() }))
  @Service('worker')
  class Worker {
    readonly tenants: unknown[] = []

    @Listener(Work)
    work(): void {
      this.tenants.push(tenant.get())
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await tenant.run({ id: 'acme' }, () => app.publish(new Work({ n: 1 })))
  await app.publish(new Work({ n: 2 }))
  await app.publish(new Work({ n: 3 }))
  await eventually(() => app.get(Worker).tenants.length === 3)

  expect(app.get(Worker).tenants).toEqual([{ id: 'acme' }, undefined, undefined])
})

test('middleware runs around listeners and publishes, from the outside in', async () => {
  const steps: string[] = []
  const named = (name: string): Middleware => ({
    async listen(call, next) {
      steps.push(`${name} before ${call.listener}`)
      const value = await next()
      steps.push(`${name} after`)
      return value
    },
    async publish({ options }, next) {
      steps.push(`${name} publishes`)
      await next({ ...options, headers: { ...options.headers, [name]: true } })
    },
  })
  @Service('worker')
  class Worker {
    headers: Delivery['headers'] = {}

    @Listener(Work)
    work(_work: Work, { headers }: Delivery): void {
      this.headers = headers
    }
  }
  const { app } = await startApp({ services: [Worker], middleware: [named('outer'), named('inner')] })

  await app.publish(new Work({ n: 1 }))
  await eventually(() => steps.includes('outer after'))

  expect(steps).toEqual(['outer publishes', 'inner publishes', 'outer before Worker.work', 'inner before Worker.work', 'inner after', 'outer after'])
  expect(app.get(Worker).headers).toMatchObject({ outer: true, inner: true })
})

test.for(['', '00', '00-xyz-00', `00-${'0'.repeat(31)}-${'1'.repeat(16)}-01`, 'x'.repeat(10_000), 7])(
  'B19 a malformed traceparent (%j) harms nothing and is not passed on',
  async (traceparent) => {
    @Service('worker')
    class Worker {
      runs = 0

      @Listener(Work)
      @Publisher(Step)
      async work({ n }: Work): Promise<Step> {
        this.runs++
        return new Step({ of: 'a', n })
      }
    }
    @Service('hearer')
    class Hearer {
      readonly headers: Readonly<Record<string, unknown>>[] = []

      @RawListener('step')
      hear(message: RawMessage, delivery: Delivery): void {
        this.headers.push({ ...delivery.headers, name: message.name })
      }
    }
    const seen: unknown[] = []
    const forget = watchPublishes((envelope) => seen.push(envelope.traceparent))
    onTestFinished(forget)
    const { app, broker } = await startApp({ services: [Worker, Hearer] })

    broker.send({
      exchange: 'work',
      routingKey: 'work.do',
      body: '{"n":1}',
      contentType: 'application/json',
      headers: { cloudEvents_id: 'm-1', cloudEvents_type: 'work.do', cloudEvents_source: '/test', traceparent },
    })
    await eventually(() => app.get(Hearer).headers.length === 1)

    expect(app.get(Worker).runs).toBe(1)
    expect(seen).toEqual([undefined])
  },
)

test('B15 attempts are counted here: a sender that says 99 is not believed', async () => {
  @Service('worker')
  class Worker {
    readonly attempts: number[] = []

    @Listener(Work, quick)
    work(_work: Work, { attempt }: Delivery): void {
      this.attempts.push(attempt)
      throw new Error('no')
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })

  broker.send({
    exchange: 'work',
    routingKey: 'work.do',
    body: '{"n":1}',
    contentType: 'application/json',
    headers: { cloudEvents_id: 'm-1', cloudEvents_type: 'work.do', cloudEvents_source: '/test', 'waybill-attempt': 99, 'x-death': [{ count: 99 }] },
  })
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect(app.get(Worker).attempts).toEqual([1, 2, 3])
})

const unreadable: Readonly<Record<string, () => unknown>> = {
  'a `then` that throws': () => Object.defineProperty({}, 'then', { value: thrower }),
  'a `then` whose getter throws': () => Object.defineProperty({}, 'then', { get: thrower }),
  'a proxy that was revoked': revoked,
  'a list of one': async () => [revoked()],
}

test.for(Object.keys(unreadable))('C2 a listener that returns %s costs no other message anything', async (what) => {
  @Service('worker')
  class Worker {
    readonly seen: number[] = []

    @Listener(Work, { ...quick, concurrency: 1 })
    work({ n }: Work): unknown {
      this.seen.push(n)

      return n === 0 ? unreadable[what]?.() : undefined
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })

  await app.publish([new Work({ n: 0 }), new Work({ n: 1 })])
  await eventually(() => broker.queues().every(({ name, waiting, unsettled }) => name.endsWith('.dead') || waiting + unsettled === 0))

  expect(app.get(Worker).seen).toContain(1)
})

const illegible: Readonly<Record<string, () => unknown>> = {
  'whose message is an object': () => Object.assign(new Error('no'), { message: { code: 7 } }),
  'whose name is a symbol': () => Object.assign(new Error('no'), { name: Symbol('no') }),
  'whose stack is a list': () => Object.assign(new Error('no'), { stack: [1, 2] }),
  'whose message cannot be read': () => Object.defineProperty(new Error('no'), 'message', { get: thrower }),
  'whose code cannot be read': () => Object.defineProperty(new Error('no'), 'code', { get: thrower }),
  'whose class cannot be read': () => Object.defineProperty(new Error('no'), 'constructor', { get: thrower }),
  'whose cause cannot be read': () => Object.defineProperty(new Error('no'), 'cause', { get: thrower }),
  'whose cause has a name that is no text': () => new Error('no', { cause: Object.assign(new Error('why'), { name: Object.create(null) as string }) }),
  'whose cause has a symbol for a message': () => new Error('no', { cause: Object.assign(new Error('why'), { message: Symbol('no') }) }),
  'whose cause is a proxy which was revoked': () => new Error('no', { cause: revoked() }),
  'that is its own cause': () => ownCause(),
  'that is a proxy which was revoked': revoked,
}

test.for(Object.keys(illegible))('C2 an error %s is tried again and kept like any other', async (what) => {
  const unhandled = watchUnhandled()
  @Service('worker')
  class Worker {
    runs = 0

    @Listener(Work, quick)
    async work(): Promise<void> {
      this.runs++
      throw illegible[what]?.()
    }
  }
  const { app } = await startApp({ services: [Worker] })

  await app.publish(new Work({ n: 1 }))
  await eventually(async () => (await app.deadLetters.list(dead)).length === 1)

  expect(app.get(Worker).runs).toBe(3)
  expect(unhandled).toEqual([])
})

function ownCause(): Error {
  const error = new Error('no')
  error.cause = error

  return error
}

function thrower(): never {
  throw new Error('no')
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable([], {})
  revoke()

  return proxy
}

function watchUnhandled(): readonly unknown[] {
  const found: unknown[] = []
  const remember = (reason: unknown): void => void found.push(reason)
  process.on('unhandledRejection', remember)
  onTestFinished(() => void process.off('unhandledRejection', remember))

  return found
}
