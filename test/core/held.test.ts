import { type Delivery, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Asked extends Event('held.asked', { payload }) {}
class Told extends Event('told.told', { payload }) {}

/** Takes what the service under test publishes, with the ids that it came with. */
@Service('audience')
class Audience {
  readonly heard: { n: number; id: string }[] = []

  @Listener(Told)
  hear({ n }: Told, { id }: { id: string }): void {
    this.heard.push({ n, id })
  }
}

test('H1 a listener that runs again sends the same messages under the same ids', async () => {
  @Service('speaker')
  class Speaker {
    runs = 0

    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked, { retry: { attempts: 3, backoff: ['1ms'] } })
    async speak(): Promise<void> {
      this.runs++
      await this.tell([{ n: 1 }, { n: 2 }])
      if (this.runs < 3) throw new Error('not yet')
    }
  }
  const ids: string[] = []
  const { app } = await startApp({
    services: [Speaker, Audience],
    middleware: [{ publish: (call, next) => next(call.options) }],
  })

  await app.publish(new Asked({ n: 0 }))
  const audience = app.get(Audience)
  await eventually(() => audience.heard.length === 2)
  ids.push(...audience.heard.map(({ id }) => id))

  expect(app.get(Speaker).runs).toBe(3)
  expect(new Set(ids).size).toBe(2)
  expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-8/.test(id))).toBe(true)
})

test('H1 the id of a held message follows from its cause, its listener and its place', async () => {
  @Service('repeater')
  class Repeater {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked)
    async speak({ n }: Asked): Promise<void> {
      await this.tell({ n })
    }
  }
  const { app } = await startApp({ services: [Repeater, Audience] })

  await app.publish(new Asked({ n: 1 }), { id: 'the-same' })
  await app.publish(new Asked({ n: 2 }), { id: 'another' })
  const audience = app.get(Audience)
  await eventually(() => audience.heard.length === 2)

  expect(audience.heard[0]?.id).not.toBe(audience.heard[1]?.id)
})

test('H1 a listener that runs again sends each message under its id, also where what it publishes at the same time comes in another order', async () => {
  class Sent extends Event('parcels.sent', { key: 'parcel', payload: z.object({ parcel: z.string() }) }) {}
  class Billed extends Event('parcels.billed', { payload: z.object({ parcel: z.string() }) }) {}
  const ids: string[] = []
  @Service('sender')
  class Sender {
    runs = 0

    constructor(
      @Publisher(Sent) private readonly sent: Publish<Sent>,
      @Publisher(Billed) private readonly billed: Publish<Billed>,
    ) {}

    @Listener(Asked, { retry: { attempts: 2, backoff: ['1ms'] } })
    async send(): Promise<void> {
      const work = [() => this.sent({ parcel: 'a' }), () => this.sent({ parcel: 'b' }), () => this.billed({ parcel: 'a' })]
      if (this.runs++ > 0) work.reverse()
      await Promise.all(work.map((publish) => publish()))
    }

    @Listener([Sent, Billed])
    on(message: Sent | Billed, { id }: Delivery): void {
      ids.push(`${message.constructor.name} ${message.parcel} ${id}`)
    }
  }
  const broker = memoryBroker()
  const transport = memory({ broker })
  const publish = transport.publish.bind(transport)
  let hung = 0
  transport.publish = (batch, settled) =>
    publish(batch, (index, outcome) => settled(index, batch[index]?.envelope.type === 'parcels.sent' && hung++ < 2 ? { kind: 'unknown', reason: 'It hung.' } : outcome))
  const { app } = await startApp({ services: [Sender], transport })

  await app.publish(new Asked({ n: 0 }))
  await eventually(() => ids.length === 6)

  expect(app.get(Sender).runs).toBe(2)
  expect([...new Set(ids)]).toHaveLength(3)
})

test('H1 two groups that hold the same message of the same cause send it under two ids', async () => {
  function speaker(group: string): new (tell: Publish<Told>) => object {
    @Service(group)
    class Speaker {
      constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

      @Listener(Asked)
      async speak({ n }: Asked): Promise<void> {
        await this.tell({ n })
      }
    }

    return Speaker
  }
  const { app } = await startApp({ services: [speaker('north'), speaker('south'), Audience] })

  await app.publish(new Asked({ n: 1 }))
  const audience = app.get(Audience)
  await eventually(() => audience.heard.length === 2)

  expect(new Set(audience.heard.map(({ id }) => id)).size).toBe(2)
})

test('H6 what is not held is out, although its listener fails; what is held is not', async () => {
  @Service('hasty')
  class Hasty {
    runs = 0

    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked, { retry: false })
    async speak(): Promise<void> {
      this.runs++
      await this.tell({ n: 1 })
      await this.tell({ n: 2 }, { held: false })
      throw new Error('after all')
    }
  }
  const { app } = await startApp({ services: [Hasty, Audience] })

  await app.publish(new Asked({ n: 0 }))
  await eventually(async () => (await app.deadLetters.list({ channel: 'held', group: 'hasty' })).length === 1)

  expect(app.get(Audience).heard.map(({ n }) => n)).toEqual([2])
})

test('H7 a publish after its listener has ended is an error that names the listener', async () => {
  let late: Promise<void> | undefined
  @Service('forgetful')
  class Forgetful {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked)
    speak(): void {
      late = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.tell({ n: 1 }))
    }
  }
  const { app } = await startApp({ services: [Forgetful, Audience] })

  await app.publish(new Asked({ n: 0 }))
  await eventually(() => late !== undefined)

  await expect(late).rejects.toMatchObject({ code: 'LATE_PUBLISH', message: expect.stringContaining('Forgetful.speak') })
  expect(app.get(Audience).heard).toEqual([])
})

test('a publish that is refused while nobody awaits it fails the listener, as it would if it were awaited', async () => {
  @Service('careless')
  class Careless {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked, { retry: { attempts: 1 } })
    async speak({ n }: Asked): Promise<void> {
      if (n === 1) void this.tell({ n: 'one' as unknown as number })
      if (n === 2) void this.tell({ n }, { id: '' })
      if (n === 3) this.tell({ n: 'three' as unknown as number }).catch(() => undefined)
      if (n === 4) await this.tell({ n: 'four' as unknown as number }).catch(() => undefined)
      if (n === 5) await Promise.allSettled([this.tell({ n: 'five' as unknown as number })])
    }
  }
  const { app } = await startApp({ services: [Careless, Audience] })

  await app.publish([1, 2, 3, 4, 5].map((n) => new Asked({ n })))

  const letters = () => app.deadLetters.list({ channel: 'held', group: 'careless' })
  await eventually(async () => (await letters()).length === 2)
  await app.publish(new Asked({ n: 0 }))
  expect((await letters()).map(({ message }) => message).sort()).toEqual([expect.stringContaining('"id"'), expect.stringContaining('does not fit its schema')])
})

test('a good publish that nobody awaits fails its listener with or without a middleware, and one that is awaited in the end does not', async () => {
  @Service('careless')
  class Careless {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked, { retry: false })
    async speak({ n }: Asked): Promise<void> {
      if (n === 1) void this.tell({ n })
      if (n === 2) {
        void this.tell({ n })
        await new Promise((resolve) => setImmediate(resolve))
      }
      const [first, second] = n === 3 ? [this.tell({ n }), this.tell({ n })] : []
      await Promise.all([first, second])
      if (n === 4) return this.tell({ n })
      if (n === 5) void this.tell({ n }, { held: false })
    }

    @Listener(Asked, { retry: false, group: 'heedless' })
    hear({ n }: Asked): void {
      if (n === 1) void this.tell({ n: 10 + n })
    }
  }
  for (const middleware of [[], [{ publish: (_call: unknown, next: () => Promise<void>) => next() }]]) {
    const { app } = await startApp({ services: [Careless, Audience], middleware })

    await app.publish([1, 2, 3, 4, 5].map((n) => new Asked({ n })))

    const letters = async (group: string) => (await app.deadLetters.list({ channel: 'held', group })).map(({ reason, message }) => [reason, message?.split('.speak')[0]])
    await eventually(() => app.get(Audience).heard.length === 4)
    await eventually(async () => (await letters('careless')).length === 2 && (await letters('heedless')).length === 1)
    expect(await letters('careless')).toEqual([
      ['FAILED', 'Careless'],
      ['FAILED', 'Careless'],
    ])
    expect(
      app
        .get(Audience)
        .heard.map(({ n }) => n)
        .sort(),
    ).toEqual([3, 3, 4, 5])
  }
})
