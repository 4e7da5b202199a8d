import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { BenchPublisher, Contender, Order, Room } from './contender.js'
import { Ledger, type Verdict } from './ledger.js'
import { type Load, type SendErrors, type SendReport, sendAll, sendPaced } from './load.js'
import { type Cost, peakRssMb, startMeter } from './meter.js'
import { type Chunks, receive } from './receive.js'
import { backlog, drain, handle, heed, relay, write } from './relaying.js'
import { lateness, steps, timers } from './sagas.js'
import { percentiles } from './statistics.js'
import { watch } from './watch.js'

/** What the harness tells a contender's process to do. */
export type Task =
  | { readonly kind: 'declare'; readonly room: Room }
  | ({ readonly kind: 'publish' } & Job & Load)
  | ({ readonly kind: 'consume' } & Job)
  | ({ readonly kind: 'through' } & Job & Load)
  | ({ readonly kind: 'receive' } & Job & Chunks)
  | ({ readonly kind: 'latency'; readonly perSecond: number } & Job)
  | ({ readonly kind: 'drain' } & Job)
  | ({ readonly kind: 'relay'; readonly perSecond: number } & Job)
  | ({ readonly kind: 'heed' } & Job)
  | ({ readonly kind: 'write'; readonly perSecond: number } & Job)
  | ({ readonly kind: 'fill' } & Job)
  | ({ readonly kind: 'backlog' } & Job)
  | ({ readonly kind: 'handle'; readonly ahead: number } & Job)
  | ({ readonly kind: 'steps'; readonly ahead: number; readonly open: number } & Job)
  | ({ readonly kind: 'timers'; readonly armed: number } & Job)
  | ({ readonly kind: 'lateness'; readonly armed: number; readonly perSecond: number } & Job)
  | ({ readonly kind: 'ask' } & Job & Load)
  | ({ readonly kind: 'start' } & Job)

export interface Job {
  readonly room: Room
  readonly count: number
  readonly brokerPid: number | undefined
}

/** What one task cost, and what became of its ids. */
export interface Measurement extends Cost {
  readonly handled: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly rssMb: number
  /** By how much the heap has grown over the task, after a collection; where that was measured. */
  readonly heapMb: number | undefined
  readonly verdict: Verdict | undefined
  readonly errors: SendErrors
  /** By id: when it was committed or confirmed, by a clock that all processes share. Where two processes measure one thing. */
  readonly momentsMs?: readonly number[]
}

export type Answer = { readonly kind: 'ready' } | { readonly kind: 'done'; readonly measurement?: Measurement } | { readonly kind: 'failed'; readonly reason: string }

// RabbitMQ 3.10 forgets acks that its quorum queue has not yet processed when their channel closes, and would deliver those orders again.
const ackGraceMs = 250
const noErrors: SendErrors = { count: 0, first: undefined }

async function perform(contender: Contender, task: Task): Promise<Measurement | undefined> {
  switch (task.kind) {
    case 'declare':
      return await contender.declare(task.room).then(() => undefined)
    case 'publish':
      return await publish(contender, task)
    case 'consume':
      return await consume(contender, task)
    case 'through':
      return await through(contender, task, (publisher) => sendAll(publisher, task))
    case 'receive':
      return await receive(contender, task)
    case 'latency':
      return await through(contender, task, (publisher) => sendPaced(publisher, task.count, task.perSecond))
    case 'drain':
      return await drain(contender, task)
    case 'relay':
      return await relay(contender, task)
    case 'heed':
      return await heed(contender, task)
    case 'write':
      return await write(contender, task)
    case 'fill':
      return await contender.fill?.(task.room, task.count).then(() => undefined)
    case 'backlog':
      return await backlog(contender, task)
    case 'handle':
      return await handle(contender, task)
    case 'steps':
      return await steps(contender, task)
    case 'timers':
      return await timers(contender, task)
    case 'lateness':
      return await lateness(contender, task)
    case 'ask':
      return await ask(contender, task)
    case 'start':
      return await begin(contender, task)
  }
}

async function publish(contender: Contender, task: Job & Load): Promise<Measurement> {
  const publisher = await contender.openPublisher(task.room)
  const read = startMeter(task.brokerPid)
  const report = await sendAll(publisher, task)
  const cost = read()
  const rssMb = peakRssMb()
  await publisher.close()

  return { ...cost, ...percentiles(report.latenciesMs), handled: task.count, rssMb, heapMb: undefined, verdict: undefined, errors: report.errors }
}

async function consume(contender: Contender, task: Job): Promise<Measurement> {
  const ledger = new Ledger(task.count)
  const progress = watch(ledger)
  let read: (() => Cost) | undefined
  let cost: Cost | undefined
  const consumer = await contender.openConsumer(task.room, (order) => {
    read ??= startMeter(task.brokerPid)
    ledger.see(order.id)
    if (!ledger.isComplete || cost) return
    cost = read()
    progress.finish()
  })
  await progress.ended
  const rssMb = peakRssMb()
  await sleep(ackGraceMs)
  await consumer.close()

  return { ...(cost ?? read?.() ?? idle), p50Ms: null, p99Ms: null, handled: ledger.sightings, rssMb, heapMb: undefined, verdict: ledger.verdict, errors: noErrors }
}

async function through(contender: Contender, task: Job, send: (publisher: BenchPublisher) => Promise<SendReport>): Promise<Measurement> {
  const ledger = new Ledger(task.count)
  const progress = watch(ledger)
  const waits = new Float64Array(task.count)
  const consumer = await contender.openConsumer(task.room, (order: Order) => {
    waits[order.id] = performance.now() - order.at
    ledger.see(order.id)
    if (ledger.isComplete) progress.finish()
  })
  const publisher = await contender.openPublisher(task.room)
  const read = startMeter(task.brokerPid)
  const report = await send(publisher)
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await publisher.close()
  await consumer.close()

  return { ...cost, ...percentiles(waits), handled: ledger.sightings, rssMb, heapMb: undefined, verdict: ledger.verdict, errors: report.errors }
}

async function ask(contender: Contender, task: Job & Load): Promise<Measurement> {
  const ledger = new Ledger(task.count)
  const responder = await contender.openResponder?.(task.room, (order) => ledger.see(order.id))
  const asker = await contender.openAsker?.(task.room)
  if (!responder || !asker) throw new Error('This contender cannot ask.')
  const read = startMeter(task.brokerPid)
  const report = await sendAll(asker, task)
  const cost = read()
  const rssMb = peakRssMb()
  await asker.close()
  await responder.close()

  return { ...cost, ...percentiles(report.latenciesMs), handled: ledger.sightings, rssMb, heapMb: undefined, verdict: ledger.verdict, errors: report.errors }
}

async function begin(contender: Contender, task: Job): Promise<Measurement> {
  const read = startMeter(task.brokerPid)
  const groups = await contender.openGroups?.(task.room)
  const cost = read()
  const rssMb = peakRssMb()
  if (!groups) throw new Error('This contender has no groups.')
  await groups.close()

  return { ...cost, p50Ms: null, p99Ms: null, handled: task.count, rssMb, heapMb: undefined, verdict: { lost: 0, duplicated: 0 }, errors: noErrors }
}

const idle: Cost = { elapsedMs: Number.NaN, cpuMicros: Number.NaN, brokerCpuMicros: undefined }

function answer(message: Answer): void {
  process.send?.(message)
}

async function serve(file: string): Promise<void> {
  const contender = (await import(pathToFileURL(file).href)) as Contender
  process.on('message', (task: Task) => {
    perform(contender, task).then(
      (measurement) => answer(measurement ? { kind: 'done', measurement } : { kind: 'done' }),
      (error: unknown) => answer({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  answer({ kind: 'ready' })
}

// Ctrl-C reaches the whole process group; the harness alone decides when its children end.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
await serve(process.argv[2] as string)
