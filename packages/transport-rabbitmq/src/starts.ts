import { BrokerRefused, type GroupAddress, type RawDelivery, type Starts, type TransportHost } from '@waybill/core'
import type { GetMessage } from 'amqplib/callback_api'
import type { Connection } from './connection.js'
import type { Declarations } from './declarations.js'
import { call, closeChannel, type ConfirmChannel, type Model, openConfirmChannel } from './driver.js'
import { replyCodeOf, sentenceOf } from './refusal.js'
import { type Names, startsPlanOf } from './topology.js'

/** Nobody waits longer for what is counted; it is counted all the same when it can be. */
const patienceMs = 5_000
/** Another process may be looking at the notes: so often, and after so long, they are looked for again. */
const mostLooks = 20
const lookMs = 50
const countHeader = 'waybill-starts'

export interface StartCountsOptions {
  readonly host: TransportHost
  readonly names: Names
  readonly declarations: Declarations
  readonly connection: Connection
}

/** Counts starts by notes in a queue beside those of the group: one for each message that began and has not ended. */
export class StartCounts implements Starts {
  readonly #options: StartCountsOptions
  /** What began here and has not ended, by queue and message. */
  readonly #begun = new Set<string>()
  readonly #refused = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #line: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(options: StartCountsOptions) {
    this.#options = options
  }

  /** The connection is there again. */
  revive(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  close(): void {
    this.#isClosed = true
    this.revive()
  }

  async begin(of: GroupAddress, { envelope: { id } }: RawDelivery): Promise<number> {
    // A memory alarm stops the broker from reading what is published, and consuming is what ends it.
    if (typeof id !== 'string' || this.#options.connection.isBlocked) return 0
    const queue = this.#queueOf(of)
    this.#begun.add(`${queue} ${id}`)
    const counted = this.#inLine(of, async (channel) => {
      const notes = await notesOf(channel, queue, id)
      const before = Math.max(0, ...notes.map(countOf))
      await note(channel, queue, id, before + 1)
      for (const old of notes) channel.ack(old)

      return before
    })

    return (await this.#orLate(counted)) ?? 0
  }

  async ended(of: GroupAddress, { envelope: { id } }: RawDelivery, left: number): Promise<void> {
    if (typeof id !== 'string') return
    const queue = this.#queueOf(of)
    if (!this.#begun.delete(`${queue} ${id}`)) return
    const told = this.#inLine(of, async (channel) => {
      const notes = await this.#found(channel, queue, id)
      if (left > 0) await note(channel, queue, id, left)
      for (const old of notes) channel.ack(old)
    })
    await this.#orLate(told)
  }

  #queueOf({ channel, group }: GroupAddress): string {
    return this.#options.names.startsQueue(channel, group)
  }

  async #found(channel: ConfirmChannel, queue: string, id: string): Promise<readonly GetMessage[]> {
    for (let look = 1; ; look++) {
      const notes = await notesOf(channel, queue, id)
      if (notes.length > 0 || look === mostLooks || this.#isClosed) return notes
      await this.#pause(lookMs)
    }
  }

  /** One after another: two at once would hide the notes from each other. Undefined where it cannot be done. */
  #inLine<T>(of: GroupAddress, work: (channel: ConfirmChannel) => Promise<T>): Promise<T | undefined> {
    const done = this.#line.then(() => this.#atLast(of, work))
    this.#line = done

    return done
  }

  /** On whatever connection is there: one that is lost meanwhile is no reason to miscount. */
  async #atLast<T>(of: GroupAddress, work: (channel: ConfirmChannel) => Promise<T>): Promise<T | undefined> {
    const { connection, declarations, names } = this.#options
    const queue = this.#queueOf(of)
    while (!this.#isClosed && !this.#refused.has(queue)) {
      const { model } = connection
      if (!model) {
        await this.#revived()
        continue
      }
      try {
        await declarations.declare(model, startsPlanOf(of, names))

        return await onChannel(model, work)
      } catch (error) {
        this.#failed(queue, error)
        if (connection.model === model) await this.#pause(lookMs)
      }
    }

    return undefined
  }

  #failed(queue: string, error: unknown): void {
    const { log } = this.#options.host
    const reason = sentenceOf(error)
    if (!isRefusal(error)) return log.debug(`Starts could not be counted in queue "${queue}", and are once more: ${reason}`)
    this.#refused.add(queue)
    log.warn(
      `Starts cannot be counted in queue "${queue}", so a message that kills the process each time is not set aside: ${reason} Give the user the right to configure, write and read it, or make it before.`,
      { queue },
    )
  }

  #revived(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
    })
  }

  async #orLate<T>(work: Promise<T>): Promise<T | undefined> {
    let cancel: () => void = () => undefined
    const late = new Promise<undefined>((resolve) => {
      cancel = this.#options.host.runtime.after(patienceMs, () => resolve(undefined))
    })
    const first = await Promise.race([work, late])
    cancel()

    return first
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.host.runtime.after(ms, resolve))
  }
}

async function onChannel<T>(model: Model, work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const channel = await openConfirmChannel(model)
  channel.on('error', () => undefined)
  try {
    return await work(channel)
  } finally {
    // Its goodbye proves that the acks before it arrived.
    await closeChannel(channel)
  }
}

/** The notes of one message, in hand. Those of others are back at once. */
async function notesOf(channel: ConfirmChannel, queue: string, id: string): Promise<readonly GetMessage[]> {
  const all: GetMessage[] = []
  for (;;) {
    const found = await call<GetMessage | false>((done) => channel.get(queue, { noAck: false }, done))
    if (!found) break
    all.push(found)
  }
  const isOwn = ({ content }: GetMessage): boolean => content.toString() === id
  for (const other of all) if (!isOwn(other)) channel.nack(other, false, true)

  return all.filter(isOwn)
}

function note(channel: ConfirmChannel, queue: string, id: string, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.once('ack', () => resolve())
    channel.once('nack', () => reject(new Error('the broker did not take a note')))
    channel.once('close', () => reject(new Error('the channel was closed')))
    channel.publish('', queue, Buffer.from(id), { persistent: true, headers: { [countHeader]: count } })
  })
}

function countOf({ properties: { headers } }: GetMessage): number {
  const count: unknown = headers?.[countHeader]

  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0
}

/** The broker said no, and will again. */
function isRefusal(error: unknown): boolean {
  return error instanceof BrokerRefused || [403, 404, 406].includes(replyCodeOf(error) ?? 0)
}
