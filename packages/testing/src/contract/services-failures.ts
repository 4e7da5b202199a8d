import assert from 'node:assert/strict'
import { DeadLetter, Ignore, Listener, Retry, Service, type App, type DeadMessage, type Delivery, type Outgoing } from '@waybill/core'
import type { Bench, Parts } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

const of = { channel: 'orders', group: 'billing' } as const
const threeTries = { attempts: 3, backoff: ['10ms'] } as const

/** The same decorated services on every transport: what becomes of messages that nobody can do. */
export const servicesFailures: readonly Scenario[] = [
  {
    title: 'R10 a listener that throws receives the message again, then it is a dead letter that tells all',
    async run(bench) {
      const attempts: number[] = []
      const app = await billing(bench, (_event, delivery) => {
        attempts.push(delivery.attempt)
        throw new TypeError('The ledger is closed.')
      })

      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      const letter = await deadLetter(bench, app)

      assert.deepEqual(attempts, [1, 2, 3])
      assert.deepEqual([letter.name, letter.attempts, letter.listener], ['order.placed', 3, 'Billing.on'])
      assert.match(letter.error ?? '', /The ledger is closed/)
      assert.match(letter.stack ?? '', /The ledger is closed/)
      assert.ok(letter.reason && letter.time, 'It says why and when.')
      assert.ok(letter.origin?.address.includes('orders'), `It says where it came from; found ${JSON.stringify(letter.origin)}.`)
      assert.equal(Buffer.from(letter.body).toString(), '{"orderId":"a","total":1}')
    },
  },
  {
    title: 'R8 K12 messages that cannot be read are dead letters with their reason and their bytes, and the next one is taken',
    async run(bench) {
      const taken: string[] = []
      const app = await billing(bench, (event) => void taken.push(event.orderId))
      const bodies = ['{"orderId":', '[]', '{"orderId":1,"total":"many"}', '1e400', '"\\ud800"', '['.repeat(3_000), '\ufeff', ''].map((text) => Buffer.from(text))
      bodies.push(Buffer.from([0xff, 0xfe]))

      await inject(
        bench,
        bodies.map((body) => ({ body })),
      )
      await app.publish(new OrderPlaced({ orderId: 'good', total: 1 }))
      await bench.eventually('the next one is taken', () => taken.includes('good'))
      const letters = await deadLettersOf(bench, app, bodies.length)

      assert.deepEqual(taken, ['good'])
      assert.deepEqual(letters.map(hex).sort(), bodies.map((body) => body.toString('hex')).sort())
      assert.ok(
        letters.every((letter) => letter.reason && letter.message),
        'Each says why.',
      )
      assert.ok(
        letters.every((letter) => (letter.attempts ?? 1) === 1),
        'None was tried again.',
      )
    },
  },
  {
    title: 'B15 hostile envelopes and headers are dead letters or harmless, and the next one is taken',
    async run(bench) {
      const taken: { readonly id: string; readonly attempt: number }[] = []
      const app = await billing(bench, (event, delivery) => void taken.push({ id: event.orderId, attempt: delivery.attempt }))
      const good = '{"orderId":"hostile","total":1}'

      await inject(bench, [
        { text: good, envelope: { id: '' } },
        { text: good, envelope: { id: 'i'.repeat(5_000) } },
        { text: good, contentType: 'application/pdf' },
        { text: good, contentEncoding: 'gzip' },
        { text: good, contentEncoding: 'x-unknown' },
        { text: good, headers: { 'waybill-attempt': 999, 'x-death': 'forged' } },
        { text: good, headers: { 'waybill-attempt': 'many', 'waybill-deadline': 'never' } },
        { text: good, headers: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`h${index}`, 'x'])) },
        { text: good, envelope: { traceparent: 'malformed', time: 'yesterday', source: '' } },
        { text: good, envelope: { dataVersion: 99 } },
      ])
      await app.publish(new OrderPlaced({ orderId: 'good', total: 1 }))

      await bench.eventually('the next one is taken', () => taken.some(({ id }) => id === 'good'))
      assert.equal(taken.find(({ id }) => id === 'good')?.attempt, 1)
    },
  },
  {
    title: 'C3 a type that no listener of the group takes is a dead letter on a queue and skipped on a log',
    async run(bench) {
      const taken: string[] = []
      const app = await billing(bench, (event) => void taken.push(event.orderId))
      const peer = await bench.another({ namespace: bench.namespace })

      await peer.send(bench.messageTo({ kind: 'group', ...of }, { type: 'order.unheard-of', text: '{}' }))
      await app.publish(new OrderPlaced({ orderId: 'good', total: 1 }))
      await bench.eventually('the next one is taken', () => taken.includes('good'))

      if (peer.capabilities.kind === 'queue') assert.equal((await deadLetter(bench, app)).name, 'order.unheard-of')
      else assert.deepEqual(await app.deadLetters.list(of), [])
    },
  },
  {
    title: 'C16 a body over the limit is refused alone or becomes a dead letter alone',
    async run(bench) {
      const taken: string[] = []
      const app = await billing(bench, (event) => void taken.push(event.orderId))
      const peer = await bench.another({ namespace: bench.namespace })

      const [outcome] = await peer.publish([orders(bench, { body: Buffer.alloc(1024 * 1024 + 1, ' ') })])
      await app.publish(new OrderPlaced({ orderId: 'good', total: 1 }))
      await bench.eventually('the next one is taken', () => taken.includes('good'))

      if (outcome?.kind === 'confirmed') assert.equal((await deadLetter(bench, app)).body.length, 1024 * 1024 + 1)
      else assert.equal(outcome?.kind, 'rejected')
    },
  },
  {
    title: 'C13 where one of two services fails, only that one receives the message again',
    async run(bench) {
      const taken: string[] = []
      @Service('stock')
      class Stock {
        @Listener(OrderPlaced)
        on(event: OrderPlaced): void {
          taken.push(`stock ${event.orderId}`)
        }
      }
      const app = await billing(bench, fails(taken), [Stock])

      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      await deadLetter(bench, app)
      await app.publish(new OrderPlaced({ orderId: 'b', total: 1 }))
      await bench.eventually(
        'both services have both',
        () => taken.length >= 8,
        () => taken,
      )

      assert.deepEqual(
        taken.filter((entry) => entry.startsWith('stock')),
        ['stock a', 'stock b'],
      )
      assert.deepEqual(taken.filter((entry) => entry === 'billing a').length, 3)
    },
  },
  {
    title: 'a listener that decides is obeyed: dead letter at once, forget, or again',
    async run(bench) {
      const taken: string[] = []
      const app = await billing(bench, (event, delivery) => {
        taken.push(`${event.orderId} ${delivery.attempt}`)
        if (event.orderId === 'dead') throw new DeadLetter('No such customer.')
        if (event.orderId === 'ignored') throw new Ignore('Seen before.')
        if (event.orderId === 'again' && delivery.attempt === 1) throw new Retry({ after: '20ms' })
      })

      await app.publish(['dead', 'ignored', 'again'].map((orderId) => new OrderPlaced({ orderId, total: 1 })))
      await bench.eventually('the second try is made', () => taken.includes('again 2'))
      const letter = await deadLetter(bench, app)

      assert.deepEqual([...taken].sort(), ['again 1', 'again 2', 'dead 1', 'ignored 1'])
      assert.match(`${letter.message} ${letter.error}`, /No such customer/)
    },
  },
  {
    title: 'R9 dead letters that are redriven begin anew, those discarded are gone',
    async run(bench) {
      const attempts: string[] = []
      let isClosed = true
      const app = await billing(bench, (event, delivery) => {
        attempts.push(`${event.orderId} ${delivery.attempt}`)
        if (isClosed) throw new DeadLetter('The ledger is closed.')
      })
      await app.publish(['a', 'b', 'c'].map((orderId) => new OrderPlaced({ orderId, total: 1 })))
      const letters = await deadLettersOf(bench, app, 3)
      const unwanted = letters.find((letter) => Buffer.from(letter.body).includes('"b"'))
      isClosed = false

      const discarded = await app.deadLetters.discard(of, { ids: [unwanted?.id ?? ''], because: 'a test' })
      const redriven = await app.deadLetters.redrive(of)
      await bench.eventually(
        'both are taken again',
        () => attempts.length >= 5,
        () => attempts,
      )

      assert.deepEqual([discarded, redriven], [1, 2])
      assert.deepEqual(attempts.slice(3).sort(), ['a 1', 'c 1'])
      assert.deepEqual(await app.deadLetters.list(of), [])
    },
  },
  {
    title: 'a message with a key that fails keeps the others of its key behind it',
    async run(bench) {
      const taken: string[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderMoved, { concurrency: 4, retry: threeTries })
        on(event: OrderMoved, delivery: Delivery): void {
          taken.push(`${event.orderId}${event.step}`)
          if (event.step === 0 && delivery.attempt < 3) throw new Error('Not yet.')
        }
      }
      const app = await bench.start([Billing])

      await app.publish([0, 1, 2].flatMap((step) => ['a', 'b'].map((orderId) => new OrderMoved({ orderId, step }))))
      await bench.eventually(
        'all are done',
        () => taken.length >= 10,
        () => taken,
      )

      for (const key of ['a', 'b'])
        assert.deepEqual(
          taken.filter((entry) => entry.startsWith(key)),
          ['0', '0', '0', '1', '2'].map((step) => key + step),
        )
    },
  },
]

type Work = (event: OrderPlaced, delivery: Delivery) => void

function billing(bench: Bench, work: Work, others: Parameters<Bench['start']>[0] = []): Promise<App> {
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced, { retry: threeTries })
    on(event: OrderPlaced, delivery: Delivery): void {
      work(event, delivery)
    }
  }

  return bench.start([Billing, ...others])
}

function fails(taken: string[]): Work {
  return (event) => {
    taken.push(`billing ${event.orderId}`)
    throw new Error('Never.')
  }
}

/** An order that somebody else sent, past every check of ours. */
function orders(bench: Bench, parts: Parts): Outgoing {
  return bench.messageTo({ kind: 'channel', channel: 'orders' }, parts)
}

async function inject(bench: Bench, parts: readonly Parts[]): Promise<void> {
  const peer = await bench.another({ namespace: bench.namespace })
  await peer.publish(parts.map((part) => orders(bench, part)))
}

async function deadLetter(bench: Bench, app: App): Promise<DeadMessage> {
  const [letter] = await deadLettersOf(bench, app, 1)

  return letter as DeadMessage
}

/** Dead letters are published by the app in its own time: looks again until they are there. */
async function deadLettersOf(bench: Bench, app: App, count: number): Promise<readonly DeadMessage[]> {
  let letters: readonly DeadMessage[] = []
  const look = async (): Promise<boolean> => {
    letters = await app.deadLetters.list(of)

    return letters.length >= count
  }
  await bench.eventually(`${count} dead letters`, look, () => letters.length)

  return letters
}

function hex(letter: DeadMessage): string {
  return Buffer.from(letter.body).toString('hex')
}
