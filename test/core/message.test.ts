import { Command, Event, unchecked } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Message } from '../../packages/core/src/message.js'

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
