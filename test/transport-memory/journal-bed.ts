import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Bench, type Peer } from './bench.js'
import { textOf } from '../setup/seam.js'

/** A folder that goes with the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-journal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

  return folder
}

/** A broker in a folder, which is free again when the test ends. */
export function benchIn(folder: string, sync?: 'write' | 'always'): Bench {
  const bench = new Bench(sync ? { folder, sync } : { folder })
  onTestFinished(() => bench.broker.close())

  return bench
}

/** What a process that is killed now leaves in its folder, as a folder of its own. */
export function leftBehind(folder: string): string {
  const copy = newFolder()
  cpSync(join(folder, 'journal'), join(copy, 'journal'))

  return copy
}

export function journalOf(folder: string): Buffer {
  return readFileSync(join(folder, 'journal'))
}

export function sizeOf(folder: string): number {
  return statSync(join(folder, 'journal')).size
}

/** A folder with these bytes as its journal. */
export function folderWith(journal: Uint8Array): string {
  const folder = newFolder()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'journal'), journal)

  return folder
}

export interface Held {
  /** Text and deliveries of what waits, in order. */
  readonly billing: readonly string[]
  readonly dead: readonly string[]
}

/** What the next process finds: a connected app that takes every type, and everything that was kept for it. */
export async function nextProcess(folder: string): Promise<{ readonly app: Peer; readonly held: Held }> {
  const bench = benchIn(folder)
  const app = await bench.app()
  await app.declare({ types: 'all', keyed: false })

  return { app, held: await heldBy(app) }
}

export async function heldBy(app: Peer): Promise<Held> {
  const dead = await app.transport.dead.list({ channel: 'orders', group: 'billing' }, 1_000)
  const billing = await app.listen('billing', 1_000)
  const held = { billing: billing.received.map((delivery) => `${textOf(delivery)}/${delivery.deliveryCount}`), dead: dead.map(textOf) }
  await billing.consumer.stop()

  return held
}
