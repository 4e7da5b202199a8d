import { type App, createApp, Event, Listener, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { type OpenSubject, rabbitSubject } from '../contract/rabbit-subject.js'

class Moved extends Event('crate.moved', { channel: 'crates', key: 'crate', payload: z.object({ crate: z.string(), n: z.number() }) }) {}

const moves = Array.from({ length: 200 }, (_, n) => new Moved({ crate: `c${n % 20}`, n }))

test('R11 keyed messages outlive twelve lost connections while they are worked on, in order, and none is set aside', { timeout: 120_000 }, async () => {
  const taken: Moved[] = []
  let allowed = 0
  const wake: (() => void)[] = []
  @Service('dock')
  class Dock {
    @Listener(Moved, { concurrency: 4 })
    async on(move: Moved): Promise<void> {
      while (taken.length >= allowed) await new Promise<void>((resolve) => wake.push(resolve))
      if (!taken.some(({ n }) => n === move.n)) taken.push(move)
    }
  }
  const { app, subject } = await startOn(Dock)
  const allow = (count: number): void => {
    allowed = count
    for (const go of wake.splice(0)) go()
  }

  await app.publish(moves)
  for (let cut = 1; cut <= 12; cut++) {
    allow(cut * 8)
    await eventually(() => taken.length >= cut * 8, { within: 30_000 })
    // One that lived for less than a second counts as failed, and the next is tried later and later.
    const since = performance.now()
    await eventually(() => performance.now() - since > 1_100, { within: 5_000 })
    await subject.cut()
  }
  allow(Number.POSITIVE_INFINITY)
  await eventually(() => taken.length === 200, { within: 30_000 })

  expect(await app.deadLetters.list({ channel: 'crates', group: 'dock' })).toEqual([])
  for (let crate = 0; crate < 20; crate++) expect(taken.filter(({ n }) => n % 20 === crate).map(({ n }) => n)).toEqual(Array.from({ length: 10 }, (_, step) => step * 20 + crate))
})

async function startOn(Dock: new () => object): Promise<{ readonly app: App; readonly subject: OpenSubject }> {
  const subject = await rabbitSubject()
  const namespace = `s-${randomUUID().slice(0, 8)}`
  const app = createApp({ name: 'docks', namespace, services: [Dock], signals: false, log: false, transport: subject.create() })
  onTestFinished(async () => {
    await app.stop()
    await subject.remove?.([{ namespace, app: 'docks', topology: { ...app.topology, asks: false } }])
    await subject.close()
  })
  await app.start()

  return { app, subject }
}
