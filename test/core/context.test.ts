import { Context, Event, Listener, Service } from '@waybill/core'
import { eventually, virtualRuntime } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Noted extends Event('notes.noted', { payload: z.object({ n: z.number() }) }) {}

const tenant = Context('tenant', z.object({ id: z.string(), since: z.coerce.date().optional() }))
const user = Context('user', z.object({ name: z.string() }))

@Service('reader')
class Reader {
  readonly seen: unknown[] = []

  @Listener(Noted)
  on(): void {
    this.seen.push([tenant.get(), user.get()])
  }
}

test('what becomes of the value of a context later changes nothing of what it was', async () => {
  const { app } = await startApp({ services: [Reader] })
  const value = { id: 'acme' }

  await tenant.run(value, () => {
    value.id = 'evil'

    return app.publish(new Noted({ n: 1 }))
  })
  await eventually(() => app.get(Reader).seen.length === 1)

  expect(app.get(Reader).seen).toEqual([[{ id: 'acme' }, undefined]])
})

test('a value that JSON has no word for is refused where it is given', () => {
  // @ts-expect-error the compiler refuses it, JavaScript does not
  const count = Context('count', z.object({ all: z.bigint() }))
  const none = Context('none', z.object({ all: z.number() }).default({ all: 0 }))

  expect(() => count.run({ all: 1n }, () => 'It ran.')).toThrow(/"context count" does not fit.*cannot be written as JSON/)
  expect(() => none.run(undefined, () => 'It ran.')).toThrow(/"context none" does not fit.*cannot be written as JSON: it is undefined/)
})

test.each([
  [undefined, z.object({}), 'A context is named with a text of 1 to 100 bytes, as it travels in the header "waybill-context-<name>"; found undefined.'],
  ['', z.object({}), 'found "".'],
  ['x'.repeat(101), z.object({}), 'found "xxx'],
  ['tenant', 5, 'The context "tenant" takes a Standard Schema (zod, valibot, arktype … or unchecked<T>()); found 5.'],
])('a context that is declared as (%j, %j) says what it takes where it is used', (name, schema, message) => {
  const context = Context(name as never, schema as never)

  expect(() => context.run({} as never, () => 'It ran.')).toThrow(expect.objectContaining({ code: 'CONTEXT', message: expect.stringContaining(message) }))
})

test('a context within another adds to it, and what is published carries both', async () => {
  const { app } = await startApp({ services: [Reader] })

  await tenant.run({ id: 'acme', since: '2026-01-01' }, () => user.run({ name: 'eve' }, () => app.publish(new Noted({ n: 1 }))))
  await eventually(() => app.get(Reader).seen.length === 1)

  expect(app.get(Reader).seen).toEqual([[{ id: 'acme', since: new Date('2026-01-01') }, { name: 'eve' }]])
})

test('two contexts of one name are refused where they meet, in one process', async () => {
  const other = Context('tenant', z.object({ number: z.number() }))

  const says = expect.objectContaining({ code: 'CONTEXT', message: expect.stringContaining('Two contexts are called "tenant"') })
  expect(() => tenant.run({ id: 'acme' }, () => other.get())).toThrow(says)
  expect(() => tenant.run({ id: 'acme' }, () => other.run({ number: 1 }, () => 'It ran.'))).toThrow(says)
  expect(tenant.run({ id: 'acme' }, () => tenant.run({ id: 'emca' }, () => tenant.get()))).toEqual({ id: 'emca' })
})

test('a context that came with a message and does not fit its schema is undefined, and the log says so once', async () => {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const [runtime, other] = [virtualRuntime(), Context('tenant', z.object({ id: z.number() }))]
  const { app } = await startApp({ services: [Reader], runtime, log: { debug: note, info: note, warn: note, error: note } })

  for (const id of [1, 2]) await other.run({ id }, () => app.publish(new Noted({ n: id })))
  await runtime.advance('1s')

  expect(app.get(Reader).seen).toEqual([
    [undefined, undefined],
    [undefined, undefined],
  ])
  expect(lines.filter((line) => line.includes('context'))).toEqual([
    expect.stringMatching(/^Reader\.on asked for the context "tenant", and what came with a message does not fit its schema.* said once\..* "context tenant" does not fit/),
  ])
})

test('a context that came with a message and is no JSON is undefined, and the log says so without quoting it', async () => {
  const lines: string[] = []
  const note = (text: string, fields?: unknown): void => void lines.push(text + JSON.stringify(fields ?? {}))
  const broker = memoryBroker()
  const { app } = await startApp({ services: [Reader], broker, log: { debug: note, info: note, warn: note, error: note } })

  const headers = { cloudEvents_id: 'a', cloudEvents_type: Noted.messageName, cloudEvents_source: '/other', 'waybill-context-tenant': 'secret' }
  broker.send({ exchange: 'notes', routingKey: Noted.messageName, headers, body: '{"n":1}', contentType: 'application/json' })
  await eventually(() => app.get(Reader).seen.length > 0)

  expect(app.get(Reader).seen).toEqual([[undefined, undefined]])
  expect(lines.filter((line) => line.includes('"tenant"'))).toEqual([expect.stringMatching(/^Reader\.on asked for the context "tenant".* "context tenant" is no JSON/)])
  expect(lines.join()).not.toContain('secret')
})

test('a context without work to run says what to write', () => {
  expect(() => tenant.run({ id: 'acme' }, undefined as never)).toThrow(
    'The context "tenant" runs work with a value; found undefined for the work. Write tenant.run(value, () => …).',
  )
})
