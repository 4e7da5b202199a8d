import type { BenchPublisher, Done, Order } from './contender.js'
import { makeOrder } from './order.js'

export interface Load {
  readonly count: number
  /** So many callers, each of which waits for its own send before it sends again. */
  readonly callers: number
  /** Orders per send; 1 is a send for each. */
  readonly batch: number
}

export interface SendReport {
  /** From send to confirm, of each send. */
  readonly latenciesMs: Float64Array
  readonly errors: SendErrors
}

export interface SendErrors {
  count: number
  first: string | undefined
}

/** Sends all orders, as fast as the callers get answers. Resolves when each send was answered. */
export function sendAll(publisher: BenchPublisher, load: Load): Promise<SendReport> {
  if (publisher.sendAll) return publisher.sendAll(load)
  const send = load.batch === 1 ? (from: number, done: Done) => publisher.send(makeOrder(from), done) : batchSender(publisher, load)
  const sends = Math.ceil(load.count / load.batch)
  const report = newReport(sends)

  return new Promise((resolve) => {
    let next = 0
    let answered = 0
    let isPumping = false
    const pump = () => {
      if (isPumping) return
      isPumping = true
      while (next < sends && next - answered < load.callers) one(next++)
      isPumping = false
    }
    const one = (index: number) => {
      const start = performance.now()
      send(index * load.batch, (error) => {
        report.latenciesMs[index] = performance.now() - start
        if (error) noteError(report.errors, error)
        answered++
        if (answered === sends) resolve(report)
        else pump()
      })
    }
    pump()
  })
}

/** Sends at a fixed rate, whether or not answers come. Resolves when each send was answered. */
export function sendPaced(publisher: BenchPublisher, count: number, perSecond: number): Promise<SendReport> {
  const report = newReport(count)

  return new Promise((resolve) => {
    const begin = performance.now()
    let next = 0
    let answered = 0
    const done: Done = (error) => {
      if (error) noteError(report.errors, error)
      if (++answered === count) resolve(report)
    }
    const tick = () => {
      const due = Math.min(count, Math.ceil(((performance.now() - begin) * perSecond) / 1000))
      while (next < due) publisher.send(makeOrder(next++), done)
      if (next < count) setTimeout(tick, 1)
    }
    tick()
  })
}

function batchSender(publisher: BenchPublisher, { count, batch }: Load): (from: number, done: Done) => void {
  if (!publisher.sendBatch) throw new Error('This contender has no "sendBatch", which sends in batches need. Give its publisher one.')

  return (from, done) => publisher.sendBatch?.(ordersFrom(from, Math.min(batch, count - from)), done)
}

function ordersFrom(first: number, length: number): Order[] {
  return Array.from({ length }, (_, at) => makeOrder(first + at))
}

function newReport(sends: number): SendReport {
  return { latenciesMs: new Float64Array(sends), errors: { count: 0, first: undefined } }
}

function noteError(errors: SendErrors, error: unknown): void {
  errors.count++
  errors.first ??= error instanceof Error ? error.message : String(error)
}
