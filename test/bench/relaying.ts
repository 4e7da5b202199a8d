import { setTimeout as sleep } from 'node:timers/promises'
import type { Contender } from './contender.js'
import { Ledger } from './ledger.js'
import { sendPaced } from './load.js'
import { type Cost, peakRssMb, startMeter } from './meter.js'
import { makeOrder } from './order.js'
import { percentiles } from './statistics.js'
import { watch } from './watch.js'
import type { Job, Measurement } from './worker.js'

/** So that the relay of the other process stands before something is written. */
const aheadMs = 3_000
const nothing = { p50Ms: null, p99Ms: null, heapMb: undefined, verdict: undefined, errors: { count: 0, first: undefined } }
/** The same in all processes of a machine, which the clock of `performance` is not. */
const sharedNow = (): number => Number(process.hrtime.bigint()) / 1_000_000

/** From the moment at which the relay is opened to the confirm of the last order that waited; the harness then reads them back from the broker. */
export async function drain(contender: Contender, { room, count, brokerPid }: Job): Promise<Measurement> {
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const read = startMeter(brokerPid)
  let cost: Cost | undefined
  const relaying = await contender.openRelay?.(room, (id) => {
    ledger.see(id)
    if (!ledger.isComplete || cost) return
    cost = read()
    progress.finish()
  })
  await progress.ended
  const rssMb = peakRssMb()
  await relaying?.close()

  return { ...(cost ?? read()), p50Ms: null, p99Ms: null, handled: ledger.sightings, rssMb, heapMb: undefined, verdict: undefined, errors: { count: 0, first: undefined } }
}

export async function relay(contender: Contender, { room, count, brokerPid, perSecond }: Job & { readonly perSecond: number }): Promise<Measurement> {
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const committed = new Float64Array(count)
  const waits = new Float64Array(count)
  const relaying = await contender.openRelay?.(room, (id) => {
    waits[id] = performance.now() - (committed[id] || performance.now())
    ledger.see(id)
    if (ledger.isComplete) progress.finish()
  })
  if (!relaying) throw new Error('This contender has no relay.')
  const read = startMeter(brokerPid)
  const timed: Parameters<typeof sendPaced>[0] = {
    close: relaying.close,
    send: (order, done) =>
      relaying.send(order, (error) => {
        committed[order.id] = performance.now()
        done(error)
      }),
  }
  const { errors } = await sendPaced(timed, count, perSecond)
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await relaying.close()

  return { ...cost, ...percentiles(waits), handled: ledger.sightings, rssMb, heapMb: undefined, verdict: undefined, errors }
}

/** Sends on what another process writes, and says when each was confirmed. */
export async function heed(contender: Contender, { room, count, brokerPid }: Job): Promise<Measurement> {
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const momentsMs = Array<number>(count).fill(Number.NaN)
  const relaying = await contender.openRelay?.(room, (id) => {
    momentsMs[id] = sharedNow()
    ledger.see(id)
    if (ledger.isComplete) progress.finish()
  })
  const read = startMeter(brokerPid)
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await relaying?.close()

  return { ...cost, ...nothing, handled: ledger.sightings, rssMb, momentsMs }
}

/** Writes at a fixed rate, and says when each was committed. */
export async function write(contender: Contender, { room, count, brokerPid, perSecond }: Job & { readonly perSecond: number }): Promise<Measurement> {
  const publisher = await contender.openPublisher(room)
  const momentsMs = Array<number>(count).fill(Number.NaN)
  const timed: Parameters<typeof sendPaced>[0] = {
    close: publisher.close,
    send: (order, done) =>
      publisher.send(order, (error) => {
        momentsMs[order.id] = sharedNow()
        done(error)
      }),
  }
  await sleep(aheadMs)
  const read = startMeter(brokerPid)
  const { errors } = await sendPaced(timed, count, perSecond)
  const cost = read()
  await publisher.close()

  return { ...cost, ...nothing, handled: count, rssMb: peakRssMb(), errors, momentsMs }
}

/** From the first confirm to that of the last order that is measured; more may wait behind it. */
export async function backlog(contender: Contender, { room, count, brokerPid }: Job): Promise<Measurement> {
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  let read: ReturnType<typeof startMeter> | undefined
  let cost: Cost | undefined
  const relaying = await contender.openRelay?.(room, (id) => {
    read ??= startMeter(brokerPid)
    if (cost || id >= count) return
    ledger.see(id)
    if (!ledger.isComplete) return
    cost = read()
    progress.finish()
  })
  await progress.ended
  const rssMb = peakRssMb()
  await relaying?.close()

  return { ...(cost ?? startMeter(brokerPid)()), ...nothing, handled: ledger.sightings, rssMb, verdict: ledger.verdict }
}

/** Hands over as many as are handled, so that some always wait; the harness then reads back what they wrote. */
export async function handle(contender: Contender, { room, count, brokerPid, ahead }: Job & { readonly ahead: number }): Promise<Measurement> {
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const handler = await contender.openHandler?.(room, ({ id }) => {
    ledger.see(id)
    if (ledger.isComplete) progress.finish()
  })
  if (!handler) throw new Error('This contender handles nothing.')
  const bodies = Array.from({ length: count }, (_, id) => Buffer.from(JSON.stringify(makeOrder(id))))
  const read = startMeter(brokerPid)
  for (let from = 0; from < count; ) {
    const room = Math.min(count - from, ahead - (from - ledger.sightings))
    if (room > ahead / 2 || from + room === count) handler.receive(bodies.slice(from, (from += room)))
    await sleep(1)
  }
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await handler.close()

  return { ...cost, p50Ms: null, p99Ms: null, handled: ledger.sightings, rssMb, heapMb: undefined, verdict: undefined, errors: { count: 0, first: undefined } }
}
