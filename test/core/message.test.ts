import { Command, Event, unchecked } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Message } from '../../packages/core/src/message.js'
import { startApp } from './on-memory.js'

const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3,"hasOwnProperty":4,"payload":5,"plain":6}') as Record<string, number>

test('hostile names in an open record change no method and no prototype', () => {
  class Labels extends Event('labels.seen', { payload: unchecked<Record<string, number>>() }) {
    describe(): string {
      return 'labels'
    }
  }

  const message = new Labels({ ...hostile, describe: 7 })

  expect(Object.getPrototypeOf(message)).toBe(Labels.prototype)
  expect(message.constructor).toBe(Labels)
  expect(message.describe()).toBe('labels')
  expect(String(message)).toBe('[object Object]')
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
  expect(Object.keys(message)).toEqual(['plain'])
})

test('everything in an open record stays readable as payload', () => {
  class Labels extends Event('labels.seen', { payload: z.record(z.string(), z.unknown()) }) {}

  const { payload } = new Labels(hostile)

  expect(payload.constructor).toBe(2)
  expect(payload.payload).toBe(5)
})

test('a union is carried as payload, also where a member has a field of that name', () => {
  const member = z.discriminatedUnion('type', [z.object({ type: z.literal('text'), payload: z.string() }), z.object({ type: z.literal('none') })])
  class Wrapped extends Event('wrapped.seen', { payload: member }) {}

  expect(new Wrapped({ type: 'text', payload: 'a' }).payload).toEqual({ type: 'text', payload: 'a' })
  expect(new Wrapped({ type: 'none' }).payload).toEqual({ type: 'none' })
})

test('a field called payload is found inside the payload', () => {
  class Envelope extends Event('envelope.seen', { payload: z.object({ type: z.string(), payload: z.number() }) }) {}

  const message = new Envelope({ type: 'a', payload: 1 })

  expect(message.type).toBe('a')
  expect(message.payload.payload).toBe(1)
})

test('a list is carried as payload', () => {
  class Totals extends Command('totals.add', { payload: z.array(z.number()) }) {}

  const message = new Totals([1, 2])

  expect(message.payload).toEqual([1, 2])
  expect(Object.keys(message)).toEqual([])
})

test('what is no object is refused, whatever its schema says', () => {
  class Text extends Event('text.seen', { payload: z.string() as never }) {}

  expect(() => new Text('a' as never)).toThrow('a payload is an object; its schema made a value of type string of it')
})

test('the wire gets the input, the listener the output', () => {
  class Seen extends Event('thing.seen', { payload: z.object({ at: z.coerce.date<string>() }) }) {}
  const message = new Seen({ at: '2026-01-01' })

  expect(Message.inputOf(message as unknown as Message)).toEqual({ at: '2026-01-01' })
  expect(message.at).toBeInstanceOf(Date)
})

test('a method of the class reads the payload like any field', () => {
  class Placed extends Event('order.placed', { payload: z.object({ total: z.number() }) }) {
    get isLarge(): boolean {
      return this.total > 1000
    }
  }

  expect(new Placed({ total: 2000 }).isLarge).toBe(true)
})

test('a message keeps what it was given, whatever becomes of that afterwards', () => {
  const schemas = [z.object({ id: z.string(), lines: z.array(z.object({ sku: z.string() })) }), unchecked<{ id: string; lines: { sku: string }[] }>()]
  for (const payload of schemas) {
    class Placed extends Event('orders.placed', { payload, key: 'id' }) {}
    const given = { id: 'a', lines: [{ sku: 'x' }] }

    const message = new Placed(given)
    given.id = 'b'
    given.lines[0] = { sku: 'y' }
    given.lines.push({ sku: 'z' })

    expect(Message.inputOf(message as unknown as Message)).toEqual({ id: 'a', lines: [{ sku: 'x' }] })
    expect(Message.outputOf(message as unknown as Message)).toEqual({ id: 'a', lines: [{ sku: 'x' }] })
    expect(message.lines).toEqual([{ sku: 'x' }])
  }
})

test('what is kept of an object is what JSON writes of it', () => {
  class Any extends Event('any.any', { payload: unchecked<Record<string, unknown>>() }) {}
  class Point {
    readonly at = new Date(0)
    readonly #hidden = 1
    readonly boxed = Object(7) as unknown

    get hidden(): number {
      return this.#hidden
    }
  }
  const given = { point: new Point(), list: [undefined, null, 1], nothing: undefined, own: { toJSON: () => 'own' }, hostile }

  expect(JSON.stringify(Message.inputOf(new Any(given) as unknown as Message))).toBe(JSON.stringify(given))
})

test("what is kept of an object of anybody's class is what JSON writes of it", () => {
  class Lines extends Array<string> {
    constructor(given: Iterable<string>) {
      super()
      this.push(...given)
    }
  }
  class Price {
    cents = 5
    valueOf(): number {
      throw new TypeError('Prices are compared by their cents.')
    }
  }
  const bare = Object.create(Object.create(null) as object) as Record<string, number>
  bare['n'] = 1
  class Kept extends Event('things.kept', { payload: unchecked<object>() }) {}
  const given = { lines: new Lines(['a']), price: new Price(), bare, boxed: [Object(1), Object('x'), Object(true)] as unknown[] }
  const written = JSON.stringify(given)

  const message = new Kept(given)
  given.lines.push('b')
  given.price.cents = 6
  bare['n'] = 2

  expect(JSON.stringify(message)).toBe(written)
})

test('what goes round in circles is refused where it is written, not where it is made', async () => {
  class Any extends Event('any.any', { payload: unchecked<Record<string, unknown>>() }) {}
  const given: Record<string, unknown> = { list: [] }
  given['again'] = [given, given]
  const { app } = await startApp({ services: [] })

  await expect(app.publish(new Any(given))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
})
