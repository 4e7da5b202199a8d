import type { Codec } from './codec.js'
import { countOf } from './count-of.js'
import { textUpTo } from './dead-letter.js'
import { checkDeadLetterOptions, checkLetterId } from './dead-letter-options.js'
import { deadMessageOf, matches, type DeadLetterFilter, type DeadMessage } from './dead-message.js'
import type { DeathNotices } from './death-notices.js'
import { withoutDeath } from './envelope.js'
import { BrokerRefused, WaybillError } from './error.js'
import { suggest } from './fault.js'
import { describeFound, isRecord } from './found.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import type { Logger } from './logger.js'
import { definitionOf, Message } from './message.js'
import { movedMessage } from './moved-message.js'
import { faultOfName } from './name.js'
import type { Plan } from './plan.js'
import { Redrive, type RedriveOptions } from './redrive.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, Outgoing, PublishOutcome, RawDelivery } from './transport.js'
import { Turns } from './turns.js'
import { firstOfTheirKey } from './waiting-letters.js'
import { header } from './wire.js'
import { isDoneWithin } from './within.js'

/**
 * What no listener could do, kept with the reason until a person decides. Filters look at the oldest 1,000 unless `limit` says more.
 * Any group of any channel can be looked at and discarded, also one of another app. Only an app that has the group sends to it:
 * it alone knows how the group spreads its keys. A filter that is mistyped, empty or undefined is refused before anything is touched.
 */
export interface DeadLetters {
  /** The oldest `limit` (default 100) of a group that match, left where they are. */
  list(of: GroupAddress, options?: DeadLetterFilter & { readonly limit?: number }): Promise<readonly DeadMessage[]>
  /** One of them; undefined where there is none of that id among the oldest `limit`. */
  show(of: GroupAddress, id: string, options?: { readonly limit?: number }): Promise<DeadMessage | undefined>
  /**
   * Sends those that match to their group again, the oldest first, attempts starting anew. Resolves with how many.
   * Where keys are parked, those behind an earlier one of their key that is not among them stay too.
   * It stops when one of them dies again, when the broker does not take one, when its signal is aborted, and when the app stops: the rest stays.
   */
  redrive(of: GroupAddress, which?: RedriveOptions): Promise<number>
  /**
   * Sends one to its group with another payload (validated) or other bytes, under a new id that remembers the old one; of several with that id the oldest.
   * Resolves with the new id. Rejects with `InvalidMessage`, `NO_DEAD_LETTER` where there is none of that id, or `BEHIND` where its key is parked and an
   * earlier one stands before it: nothing has changed then.
   */
  edit(of: GroupAddress, id: string, change: DeadLetterEdit): Promise<string>
  /** Forgets those that match, and logs why. Resolves with how many. */
  discard(of: GroupAddress, which: DeadLetterFilter & { readonly because: string; readonly limit?: number }): Promise<number>
}

export interface DeadLetterEdit {
  /** The payload in place of the old one; its message must be one of the app's. */
  readonly payload?: unknown
  /** Bytes in place of the old ones, for what a raw listener takes. */
  readonly body?: Uint8Array
  readonly limit?: number
}

export interface DeadLetterOptions {
  readonly links: Links
  readonly plan: Plan
  readonly codec: Codec
  readonly notices: DeathNotices
  readonly runtime: Runtime
  readonly log: Logger
  /** Throws where the app does not run. `label` is for people: `app.deadLetters.list`. */
  readonly assertOpen: (label: string) => void
}

const oldest = 1_000

/** The dead letters of an app's own groups, and a look at those of others. */
export class GroupDeadLetters implements DeadLetters {
  readonly #options: DeadLetterOptions
  readonly #redrives = new Set<Promise<number>>()
  /** Per group, the round of a redrive or the change that was asked for last: the next one finds the letters as it leaves them. */
  readonly #turns = new Turns()
  readonly #stopping = new AbortController()

  constructor(options: DeadLetterOptions) {
    this.#options = options
  }

  async list(of: GroupAddress, options: DeadLetterFilter & { readonly limit?: number } = {}): Promise<readonly DeadMessage[]> {
    this.#check('list', options)
    const { limit = 100, ...filter } = options
    const isFiltered = Object.values(filter).some((value) => value !== undefined)
    const letters = await this.#look(of, isFiltered ? Math.max(limit, oldest) : limit)

    return letters
      .filter((letter) => matches(letter, filter))
      .slice(0, limit)
      .map(deadMessageOf)
  }

  async show(of: GroupAddress, id: string, options: { readonly limit?: number } = {}): Promise<DeadMessage | undefined> {
    this.#check('show', options)
    checkLetterId('show', id)
    const letters = await this.#look(of, options.limit ?? oldest)
    const found = letters.find((letter) => matches(letter, { ids: [id] }))

    return found && deadMessageOf(found)
  }

  redrive(of: GroupAddress, which: RedriveOptions = {}): Promise<number> {
    const redrive = this.#redrive(of, which)
    this.#redrives.add(redrive)
    const over = (): void => void this.#redrives.delete(redrive)
    redrive.then(over, over)

    return redrive
  }

  /** Ends every redrive between two letters, and waits for those that it has sent to go from the dead letters. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    if (this.#redrives.size > 0) await isDoneWithin(Promise.allSettled(this.#redrives), deadlineMs, this.#options.runtime)
  }

  async #redrive(of: GroupAddress, which: RedriveOptions): Promise<number> {
    this.#check('redrive', which)
    const signal = which.signal ? AbortSignal.any([which.signal, this.#stopping.signal]) : this.#stopping.signal
    const redrive = this.#redriveOf(this.#ownLinkOf(of), of, { ...which, signal })
    try {
      return await redrive.run()
    } finally {
      const what = `The redrive of group "${of.group}" on "${of.channel}"`
      if (redrive.stopped === 'failed-again') this.#options.log.warn(`${what} stopped: one of its messages failed again. The others stay dead letters.`)
      if (redrive.behind > 0)
        this.#options.log.warn(
          `${what} left ${countOf(redrive.behind, 'letter')} behind earlier ones of their keys, which it is not for: \`deadKey: 'park'\` keeps their order. Redrive or discard the earlier ones first, or all of a key by \`key\`.`,
        )
    }
  }

  #redriveOf(link: Link, of: GroupAddress, which: RedriveOptions): Redrive {
    const { runtime, notices } = this.#options
    const { dead } = link.transport
    const run = runtime.id()
    const limit = which.limit ?? oldest
    const send = (letter: RawDelivery): Promise<PublishOutcome> => this.#send(link, of, { letter, outgoing: movedMessage(letter, this.#move(link, of, letter, run)) })

    return new Redrive(
      {
        of,
        run,
        runtime,
        notices,
        send,
        parks: this.#parks(of),
        list: () => dead.list(of, limit),
        take: (decide) => this.#turns.take(nameOf(of), () => dead.take(of, limit, decide)),
      },
      which,
    )
  }

  async edit(of: GroupAddress, id: string, change: DeadLetterEdit): Promise<string> {
    this.#check('edit', change)
    checkLetterId('edit', id)
    const link = this.#ownLinkOf(of)

    return this.#turns.take(nameOf(of), () => this.#editNow(link, of, id, change))
  }

  async #editNow(link: Link, of: GroupAddress, id: string, change: DeadLetterEdit): Promise<string> {
    const newId = this.#options.runtime.id()
    if (this.#parks(of)) await this.#assertFirst(of, id, change)
    let isSent = false
    const removed = await link.transport.dead.take(of, change.limit ?? oldest, async (letter) => {
      if (isSent) return 'stop'
      if (!matches(letter, { ids: [id] })) return 'keep'
      const edited = this.#edited(link, of, letter, newId, change)
      const outcome = await this.#send(link, of, { letter, outgoing: edited })
      if (outcome.kind === 'confirmed') {
        isSent = true

        return this.#replaced(of, letter, edited)
      }

      throw new WaybillError(outcome.kind.toUpperCase(), `The edited message was not taken, so ${id} stays a dead letter as it was: ${outcome.reason}`)
    })
    if (removed > 0) return newId

    throw new WaybillError('NO_DEAD_LETTER', `Group "${of.group}" on "${of.channel}" has no dead letter "${id}" among its oldest ${change.limit ?? oldest}.`)
  }

  #parks(of: GroupAddress): boolean {
    return this.#options.plan.listeners.some((listener) => nameOf(listener) === nameOf(of) && listener.options.deadKey === 'park')
  }

  async #assertFirst(of: GroupAddress, id: string, { limit = oldest }: DeadLetterEdit): Promise<void> {
    const letters = await this.#look(of, limit)
    const found = letters.filter((letter) => matches(letter, { ids: [id] }))
    if (firstOfTheirKey(found, letters).length === found.length) return
    throw new WaybillError(
      'BEHIND',
      `The dead letter "${id}" of group "${of.group}" on "${of.channel}" stands behind an earlier one of its key, which \`deadKey: 'park'\` lets nothing overtake. Redrive, edit or discard the earlier one first.`,
    )
  }

  async discard(of: GroupAddress, which: DeadLetterFilter & { readonly because: string; readonly limit?: number }): Promise<number> {
    this.#check('discard', which)
    this.#linkOf(of)

    return this.#turns.take(nameOf(of), () => this.#discardNow(of, which))
  }

  async #discardNow(of: GroupAddress, { because, limit = oldest, ...filter }: Parameters<DeadLetters['discard']>[1]): Promise<number> {
    await this.#look(of, 1)

    return this.#linkOf(of).transport.dead.take(of, limit, async (letter) => {
      if (!matches(letter, filter)) return 'keep'
      const key = textUpTo(letter.envelope.subject, 255)
      const id = textUpTo(letter.envelope.id, 255)
      if (key !== undefined) this.#options.notices.discarded(of, key, letter)
      this.#options.log.warn(`A dead letter of group "${of.group}" was discarded: ${because}`, { id })

      return 'remove'
    })
  }

  async #look(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]> {
    const link = this.#linkOf(of)
    try {
      return await link.transport.dead.list(of, limit)
    } catch (error) {
      if (!(error instanceof BrokerRefused) || this.#own.includes(nameOf(of))) throw error
      throw new WaybillError(
        'UNKNOWN_GROUP',
        `"${link.name}" knows no dead letters of group "${of.group}" on channel "${of.channel}": ${error.message}${suggest(nameOf(of), this.#own)} ${this.#has}`,
        { cause: error },
      )
    }
  }

  #check(verb: keyof DeadLetters, options: unknown): void {
    checkDeadLetterOptions(verb, options)
    this.#options.assertOpen(`app.deadLetters.${verb}`)
  }

  #linkOf(of: GroupAddress): Link {
    if (!isRecord(of)) throw this.#noAddress(of)
    const { channel, group }: Partial<GroupAddress> = of
    const wrong = faultOfName('channel', channel) ?? faultOfName('group', group)
    if (wrong !== undefined) throw new WaybillError('UNKNOWN_GROUP', `Dead letters are those of a { channel, group }. ${wrong} ${this.#has}`)

    return this.#options.links.of(channel as string)
  }

  /** Of a group that this app has. */
  #ownLinkOf(of: GroupAddress): Link {
    const link = this.#linkOf(of)
    const { channel, group } = of
    if (this.#own.includes(nameOf(of))) return link

    throw new WaybillError(
      'UNKNOWN_GROUP',
      `"${group}" on channel "${channel}" is no group of this app, so it cannot send to it: that takes the app that has it.${suggest(nameOf(of), this.#own)} ${this.#has}`,
    )
  }

  /** One word could be either, and a group may listen on several channels. */
  #noAddress(found: unknown): WaybillError {
    const groups = this.#options.plan.listeners.map(({ group }) => group)
    const near = typeof found === 'string' && !groups.includes(found) ? suggest(found, groups) : ''

    return new WaybillError('UNKNOWN_GROUP', `Dead letters are those of a { channel, group }; found ${describeFound(found)}.${near} ${this.#has}`)
  }

  get #own(): readonly string[] {
    return [...new Set(this.#options.plan.listeners.map(nameOf))]
  }

  get #has(): string {
    return `This app has, as channel / group: ${this.#own.join(', ') || 'none'}.`
  }

  #move(link: Link, of: GroupAddress, letter: RawDelivery, run: string): Parameters<typeof movedMessage>[1] {
    const { runtime } = this.#options

    return {
      of,
      id: textUpTo(letter.envelope.id, 255) ?? runtime.id(),
      headers: { ...withoutDeath(letter.headers), [header.redriven]: run },
      time: new Date(runtime.now()).toISOString(),
      mandatory: link.capabilities.unroutable,
    }
  }

  #edited(link: Link, of: GroupAddress, letter: RawDelivery, id: string, change: DeadLetterEdit): Outgoing {
    const move = this.#move(link, of, letter, id)
    const originId = textUpTo(letter.headers[header.originId], 255) ?? move.id
    const moved = movedMessage(letter, { ...move, id, headers: { ...move.headers, [header.originId]: originId } })
    if (change.payload === undefined) return { ...moved, body: change.body ?? letter.body }

    const name = textUpTo(letter.envelope.type, 255) ?? 'unknown'
    const type = this.#options.plan.messages.get(name)
    const definition = definitionOf(type)
    if (!type || !definition) throw new WaybillError('UNKNOWN_MESSAGE', `This app has no message "${name}" whose schema the payload could fit. Give the new "body" as bytes.`)

    const message = new type(change.payload)
    const { codec } = this.#options
    const subject = definition.keyOf?.(Message.outputOf(message))

    return {
      ...moved,
      envelope: { ...moved.envelope, dataVersion: definition.version, subject },
      body: codec.encode(Message.inputOf(message)),
      contentType: codec.contentType,
      contentEncoding: undefined,
    }
  }

  /** Of its old key it is gone at once, of the same it is when it is done. */
  #replaced(of: GroupAddress, letter: RawDelivery, { envelope }: Outgoing): 'remove' {
    const key = textUpTo(letter.envelope.subject, 255)
    if (key !== undefined && key !== envelope.subject) this.#options.notices.discarded(of, key, letter)

    return 'remove'
  }

  #send(link: Link, of: GroupAddress, { letter, outgoing }: Leaving): Promise<PublishOutcome> {
    const key = textUpTo(letter.envelope.subject, 255)
    if (key !== undefined && key === outgoing.envelope.subject) this.#options.notices.redriven(of, key, letter)

    return new Promise((resolve) => {
      link.sender.send(outgoing, (outcome) => {
        if (outcome.kind !== 'confirmed')
          this.#options.log.error(`The redrive of ${outgoing.envelope.id} to group "${of.group}" was not taken: ${outcome.reason} It stays a dead letter.`)
        resolve(outcome)
      })
    })
  }
}

interface Leaving {
  readonly letter: RawDelivery
  readonly outgoing: Outgoing
}

function nameOf({ channel, group }: GroupAddress): string {
  return `${channel} / ${group}`
}
