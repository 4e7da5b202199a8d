import { Event, Listener, Publisher, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Message, MessageClass } from '../../packages/core/src/message.js'
import { tie, tieOf, type Ties } from '../../packages/core/src/tie.js'
import { startApp } from './on-memory.js'

const payload = z.object({ id: z.string() })
class Done extends Event('thing.done', { payload }) {}
class Failed extends Event('thing.failed', { payload }) {}
class Other extends Event('thing.other', { payload }) {}

class Things {
  runs = 0

  @Publisher(Done, Failed)
  async run(...results: readonly unknown[]): Promise<Done> {
    this.runs++
    return (results.length > 1 ? results : results[0]) as Done
  }

  @Publisher(Done)
  async break(): Promise<Done> {
    throw new Error('broken')
  }

  @Publisher(Done)
  async outer(): Promise<Done> {
    await this.run(new Failed({ id: 'inner' }))
    return new Done({ id: 'outer' })
  }
}

interface Published {
  readonly messages: readonly Message[]
  readonly declared: readonly MessageClass[]
  readonly label: string
}

/** An instance tied to an app in that state, and what it published. */
function tiedThings(state: ReturnType<Ties['state']> = 'running'): { readonly things: Things; readonly published: Published[] } {
  const things = new Things()
  const published: Published[] = []
  tie(things, {
    state: () => state,
    transact: (_label, _settings, work) => work(),
    publish: async (messages, declared, label) => void published.push({ messages, declared, label }),
    refused: (error) => Promise.reject(error),
  })

  return { things, published }
}

test('what a method returns is published, and returned to its caller', async () => {
  const { things, published } = tiedThings()
  const done = new Done({ id: 'a' })

  expect(await things.run(done)).toBe(done)
  expect(published).toEqual([{ messages: [done], declared: [Done, Failed], label: 'Things.run' }])
})

test('a list is published as one batch', async () => {
  const { things, published } = tiedThings()
  const list = [new Done({ id: 'a' }), new Failed({ id: 'b' })]

  await things.run(...list)

  expect(published.map(({ messages }) => messages)).toEqual([list])
})

test('a method that returns nothing publishes nothing', async () => {
  const { things, published } = tiedThings()

  await things.run(undefined)
  await things.run(null)
  await things.run([])

  expect(published).toEqual([])
})

test('a method that throws publishes nothing', async () => {
  const { things, published } = tiedThings()

  await expect(things.break()).rejects.toThrow('broken')
  expect(published).toEqual([])
})

test('a method that calls itself counts too', async () => {
  const { things, published } = tiedThings()

  await things.outer()

  expect(published.map(({ label }) => label)).toEqual(['Things.run', 'Things.outer'])
})

test('the caller hears that the publish failed', async () => {
  const things = new Things()
  tie(things, {
    state: () => 'running',
    transact: (_label, _settings, work) => work(),
    publish: async () => Promise.reject(new Error('no broker')),
    refused: (error) => Promise.reject(error),
  })

  await expect(things.run(new Done({ id: 'a' }))).rejects.toThrow('no broker')
})

test('in a unit test, on an instance made by hand, the value is just returned', async () => {
  const things = new Things()
  const other = new Other({ id: 'a' })

  expect(tieOf(things)).toBeUndefined()
  expect(await things.run(other)).toBe(other)
})

test.each([
  ['new', 'NOT_STARTED', 'has not started'],
  ['stopped', 'STOPPED', 'has stopped'],
] as const)('while the app is %s the method does not run and says %s', async (state, code, says) => {
  const { things, published } = tiedThings(state)

  await expect(things.run(new Done({ id: 'a' }))).rejects.toMatchObject({ code, message: expect.stringMatching(new RegExp(`^Things\\.run publishes .*${says}`)) })
  expect(things.runs).toBe(0)
  expect(published).toEqual([])
})

test('a message that is not declared fails loudly, and nothing of the list is sent', async () => {
  const { things, published } = tiedThings()

  await expect(things.run(new Done({ id: 'a' }), new Other({ id: 'b' }))).rejects.toMatchObject({
    code: 'UNDECLARED_RETURN',
    message: expect.stringMatching(/^Things\.run returned "thing\.other"; declared is "thing\.done", "thing\.failed".*@Publisher\(Other\)/),
  })
  expect(published).toEqual([])
})

test('a listener that returns a message among other things, and does not declare it, fails loudly', async () => {
  @Service('worker')
  class Worker {
    @Listener(Done)
    work(): unknown {
      return [undefined, 5, new Other({ id: 'b' })]
    }
  }
  const { app } = await startApp({ services: [Worker] })
  const of = { channel: 'thing', group: 'worker' }

  await app.publish(new Done({ id: 'a' }))
  await eventually(async () => (await app.deadLetters.list(of)).length === 1)

  expect((await app.deadLetters.list(of))[0]).toMatchObject({ reason: 'UNDECLARED_RETURN', message: expect.stringContaining('Worker.work returned "thing.other"') })
})

test.each([5, 'text', { id: 'a' }, [{ id: 'a' }]])('something that is no message fails loudly: %j', async (value) => {
  const { things } = tiedThings()

  await expect(things.run(value)).rejects.toMatchObject({ code: 'UNDECLARED_RETURN', message: expect.stringContaining('that is no message') })
})

test('a message of a class that extends a declared one is declared', async () => {
  const { things, published } = tiedThings()
  class Special extends Done {}

  await things.run(new Special({ id: 'a' }))

  expect(published).toHaveLength(1)
})

test('a method taken from its instance just returns', async () => {
  const { run } = Things.prototype

  await expect(run.call({ runs: 0 } as Things, new Done({ id: 'a' }))).resolves.toBeInstanceOf(Done)
})
