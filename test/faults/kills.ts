import { randomUUID } from 'node:crypto'
import { Command, createApp, type Transport } from '@waybill/core'
import { eventually, history, seededRandom } from '@waybill/testing'
import type { DeclaredTopology } from '@waybill/testing/contract'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { type Program, runProgram } from '../e2e/program.js'
import { declaredIn } from './declared.js'

export interface KillSubject {
  /** As the program knows it. */
  readonly broker: 'rabbitmq' | 'kafka' | 'kafka-platformatic'
  /** What this promises. */
  readonly codes: string
  transport(): Transport
  remove(declared: readonly DeclaredTopology[]): Promise<void>
}

class Errand extends Command('errand.run', { channel: 'errands', payload: z.object({ id: z.string(), how: z.literal('quick') }) }) {}

const errandsPerLife = 50
const longestLifeMs = 150

/** A service that is killed so many times, each time at some moment of its work. */
export function killsAtRandom({ broker, codes, transport, remove }: KillSubject, count: number): void {
  const timeout = 60_000 + count * 10_000
  test(`${codes} a service that is killed ${count} times at random loses nothing, and sets nothing aside`, { timeout }, async () => {
    const namespace = `k-${randomUUID().slice(0, 8)}`
    const random = seededRandom('kills')
    const seen = history()
    const lives = [await begun(broker, namespace)]
    const app = createApp({ name: 'giver', namespace, services: [], transport: transport(), signals: false, log: false })
    onTestFinished(async () => {
      await app.stop()
      await remove([declaredIn(namespace)])
    })
    await app.start()

    for (let life = 0; life < count; life++) {
      const service = lives.at(-1) as Program
      const ids = Array.from({ length: errandsPerLife }, (_, n) => `${life}-${n}`)
      for (const id of ids) seen.attempted(id)
      const given = app.publish(ids.map((id) => new Errand({ id, how: 'quick' })))
      await service.shows(/finished \S+\n/)
      const due = performance.now() + random.next() * longestLifeMs
      await eventually(() => performance.now() >= due)
      expect(await service.end('SIGKILL')).toBe(null)
      await given
      for (const id of ids) seen.confirmed(id)
      lives.push(await begun(broker, namespace))
    }
    const last = lives.at(-1) as Program
    const finished = () => new Set(lives.flatMap(({ output }) => [...output.matchAll(/^finished (\S+)$/gm)].map(([, id]) => id ?? '')))
    await eventually(() => finished().size === count * errandsPerLife, { within: 30_000 })
    for (const id of finished()) seen.processed({ id, group: 'runner' })
    last.tell('dead')
    const [, letters] = await last.shows(/dead (\[.*\])\n/)
    await last.end()

    const verdict = seen.check({ groups: ['runner'] })
    expect(verdict, verdict.describe()).toMatchObject({ lost: [], unexpected: [], contradicted: [] })
    expect(letters).toBe('[]')
  })
}

async function begun(broker: string, namespace: string): Promise<Program> {
  const service = runProgram('test/faults/program/dist/runner.js', broker, namespace, '10s')
  await service.shows(/ready\n/)

  return service
}
