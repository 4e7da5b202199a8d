import { WaybillError } from './error.js'
import { withoutDeath } from './envelope.js'
import { numberOf, textUpTo } from './dead-letter.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import type { Logger } from './logger.js'
import { movedMessage } from './moved-message.js'
import type { Plan } from './plan.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, Origin, PublishOutcome, RawDelivery } from './transport.js'
import { header } from './wire.js'

/** What no listener could do, kept with the reason until a person decides. */
export interface DeadLetters {
  /** The oldest `limit` (default 100) of a group, left where they are. */
  list(of: GroupAddress, options?: { readonly limit?: number }): Promise<readonly DeadMessage[]>
  /** Sends them to their group again, attempts starting anew. Resolves with how many. Default: all of the oldest 1,000. */
  redrive(of: GroupAddress, which?: DeadLetterChoice): Promise<number>
  /** Forgets them, with the reason in the log. Resolves with how many. */
  discard(of: GroupAddress, which: DeadLetterChoice & { readonly reason: string }): Promise<number>
}

export interface DeadLetterChoice {
  readonly ids?: readonly string[]
  readonly limit?: number
}

export interface DeadMessage {
  readonly id: string | undefined
  readonly name: string | undefined
  readonly key: string | undefined
  /** Stable: `SCHEMA`, `UNKNOWN_TYPE`, `FAILED` … */
  readonly reason: string | undefined
  /** The sentence that says why. */
  readonly message: string | undefined
  readonly error: string | undefined
  readonly stack: string | undefined
  readonly listener: string | undefined
  readonly attempts: number | undefined
  readonly time: string | undefined
  /** Where it came from. */
  readonly origin: Origin | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

export interface DeadLetterOptions {
  readonly links: Links
  readonly plan: Plan
  readonly runtime: Runtime
  readonly log: Logger
}

/** The dead letters of an app's own groups. */
export class GroupDeadLetters implements DeadLetters {
  readonly #options: DeadLetterOptions

  constructor(options: DeadLetterOptions) {
    this.#options = options
  }

  async list(of: GroupAddress, { limit = 100 }: { readonly limit?: number } = {}): Promise<readonly DeadMessage[]> {
    const letters = await this.#linkOf(of).transport.dead.list(of, limit)

    return letters.map(deadMessageOf)
  }

  async redrive(of: GroupAddress, { ids, limit = 1_000 }: DeadLetterChoice = {}): Promise<number> {
    const link = this.#linkOf(of)

    return link.transport.dead.take(of, limit, async (letter) => {
      if (!isChosen(letter, ids)) return 'keep'
      const outcome = await this.#send(link, of, letter)
      if (outcome.kind === 'confirmed') return 'remove'

      this.#options.log.error(`The redrive of ${textUpTo(letter.envelope.id, 255) ?? 'a dead letter without an id'} to group "${of.group}" was not taken: ${outcome.reason} It stays a dead letter.`)
      return 'stop'
    })
  }

  async discard(of: GroupAddress, { ids, limit = 1_000, reason }: DeadLetterChoice & { readonly reason: string }): Promise<number> {
    return this.#linkOf(of).transport.dead.take(of, limit, async (letter) => {
      if (!isChosen(letter, ids)) return 'keep'
      this.#options.log.warn(`A dead letter of group "${of.group}" was discarded: ${reason}`, { id: textUpTo(letter.envelope.id, 255) })

      return 'remove'
    })
  }

  #linkOf({ channel, group }: GroupAddress): Link {
    const groups = this.#options.plan.listeners.map((listener) => `${listener.channel} / ${listener.group}`)
    if (groups.includes(`${channel} / ${group}`)) return this.#options.links.of(channel)

    throw new WaybillError('UNKNOWN_GROUP', `This app has no group "${group}" on channel "${channel}". It has: ${[...new Set(groups)].join(', ') || 'none'}.`)
  }

  #send(link: Link, { channel, group }: GroupAddress, letter: RawDelivery): Promise<PublishOutcome> {
    const { runtime } = this.#options
    const outgoing = movedMessage(letter, {
      of: { channel, group },
      id: textUpTo(letter.envelope.id, 255) ?? runtime.id(),
      headers: withoutDeath(letter.headers),
      time: new Date(runtime.now()).toISOString(),
      mandatory: link.capabilities.unroutable,
    })

    return new Promise((resolve) => {
      link.sender.send(outgoing, resolve)
    })
  }
}

function isChosen(letter: RawDelivery, ids: readonly string[] | undefined): boolean {
  return ids === undefined || (typeof letter.envelope.id === 'string' && ids.includes(letter.envelope.id))
}

function deadMessageOf({ envelope, headers, body, origin }: RawDelivery): DeadMessage {
  const attempts = numberOf(headers[header.deadAttempts])

  return {
    id: textUpTo(envelope.id, 255),
    name: textUpTo(envelope.type, 255),
    key: textUpTo(envelope.subject, 255),
    reason: textUpTo(headers[header.deadReason], 255),
    message: textUpTo(headers[header.deadMessage], 2_000),
    error: textUpTo(headers[header.deadError], 2_000),
    stack: textUpTo(headers[header.deadStack], 4_000),
    listener: textUpTo(headers[header.deadListener], 1_000),
    attempts: Number.isFinite(attempts) ? attempts : undefined,
    time: textUpTo(headers[header.deadTime], 64),
    origin: originOf(headers[header.deadOrigin]) ?? origin,
    headers,
    body,
  }
}

function originOf(text: unknown): Origin | undefined {
  try {
    return typeof text === 'string' ? (JSON.parse(text) as Origin) : undefined
  } catch {
    // A letter that the broker made itself has none of our headers, and a stranger may write anything.
    return undefined
  }
}
