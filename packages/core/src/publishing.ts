import { checkCallOptions } from './call-options.js'
import { PublishError, WaybillError, type PublishFailure } from './error.js'
import { nameOf } from './found.js'
import { loggedOf } from './dead-letter.js'
import type { Fallback } from './fallback.js'
import { HeldPublish } from './held-publish.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import type { Logger } from './logger.js'
import { definitionOf, type Message } from './message.js'
import type { NamedMiddleware } from './middleware.js'
import { runAround } from './next.js'
import { definitionOfMessage, prepareOutgoing, type OutgoingRules } from './outgoing.js'
import type { PublishOptions } from './publisher.js'
import { thenOf } from './refusal.js'
import { type Held, type Scope, scopeIn } from './scope.js'
import { send } from './sending.js'
import type { Outgoing, PublishOutcome } from './transport.js'
import { StoreFull } from './store-error.js'
import { unlessAborted, within } from './within.js'

export interface PublishingOptions {
  readonly links: Links
  readonly rules: OutgoingRules
  readonly log: Logger
  readonly middleware: readonly NamedMiddleware[]
  readonly fallback: Fallback | undefined
  /** The app, for what is held in it. */
  readonly home: object
}

/** Every message of an app goes out through here: checked, enveloped, held or sent, and settled. */
export class Publishing {
  readonly #links: Links
  readonly #rules: OutgoingRules
  readonly #log: Logger
  readonly #fallback: Fallback | undefined
  readonly #isAround: boolean
  readonly #home: object
  readonly #publish: Send

  constructor({ links, rules, log, middleware, fallback, home }: PublishingOptions) {
    this.#fallback = fallback
    this.#links = links
    this.#rules = rules
    this.#log = log
    this.#home = home
    this.#isAround = middleware.some(({ middleware: { publish } }) => publish)
    this.#publish = this.#around(middleware)
  }

  /** Resolves when each is confirmed or held. A rejection is logged, and ends there where nobody awaits it. */
  publish(messages: readonly Message[], options: PublishOptions, publisher: string): Promise<void> {
    try {
      checkCallOptions('publish', options)
      const held = options.held === false ? undefined : scopeIn(this.#home)?.held
      if (!held) return this.watched(this.#publish(messages, options), publisher)
      const done = this.#isAround ? held.holding(() => this.#publish(messages, options)) : this.#publish(messages, options)

      return done === isHeld ? HeldPublish.of(held) : this.watched(HeldPublish.of(held, done), publisher)
    } catch (error) {
      return this.refused(error, publisher)
    }
  }

  /** Rejects at once. What runs in a listener or a transaction does not succeed where nobody looks at that. */
  refused(thrown: unknown, publisher: string): Promise<never> {
    return this.watched(this.#rejected(thrown), publisher)
  }

  #rejected(thrown: unknown): Promise<never> {
    const error = thrown instanceof Error ? thrown : new WaybillError('PUBLISH', String(thrown))
    const held = scopeIn(this.#home)?.held

    return held && !held.isOver ? held.refused(error) : Promise.reject(error)
  }

  /** The same promise; its rejection is logged, and ends there where nobody awaits it. */
  watched<T>(done: Promise<T>, publisher: string): Promise<T> {
    void thenOf(done, undefined, (error: unknown) => {
      // Told once, by who found that too much waits.
      if (error instanceof StoreFull) return
      this.#log.warn(`${publisher} failed: ${loggedOf(error)}`, { code: error instanceof WaybillError ? error.code : undefined })
    })

    return done
  }

  /** Sends what a listener held back. Resolves when every message is confirmed. */
  async release(held: Held): Promise<void> {
    held.end()
    if (held.outgoing.length === 0) return

    const links = this.#links.all
    const leaving = held.outgoing.map(({ transport, message }) => ({ link: links.find(({ name }) => name === transport) as Link, outgoing: message }))
    await this.#outside(leaving, undefined, (all) => this.#settle(all, undefined))
  }

  #around(all: readonly NamedMiddleware[]): Send {
    return all.reduceRight<Send>(
      (inner, { name, middleware }) => {
        if (!middleware.publish) return inner

        return (messages, options) =>
          runAround<PublishOptions, void>(
            { outer: name, inner: () => `the publish of ${namesOf(messages)}`, isOver: () => false, onLate: ({ code, message }) => this.#log.error(message, { code }) },
            async (next) => middleware.publish?.({ messages, options }, next),
            (changed) => inner(messages, changed ?? options),
          )
      },
      (messages, options) => this.#send(messages, options),
    )
  }

  #send(messages: readonly Message[], options: PublishOptions): Promise<void> {
    // Once more: a middleware may have handed on others.
    checkCallOptions('publish', options)
    if (options.id !== undefined && messages.length > 1) throw oneId(options.id, messages.length)
    const scope = scopeIn(this.#home)
    const held = options.held === false ? undefined : scope?.held
    if (held?.isOver) throw late(scope as Scope)

    const leaving: Leaving[] = []
    let declaring: Promise<unknown> | undefined
    for (const message of messages) {
      const definition = definitionOfMessage(message)
      if (definition.kind === 'query')
        throw new WaybillError('QUERY_PUBLISHED', `"${definition.name}" is a query: nobody would get its reply. Ask it, by app.ask or an injected Ask.`)
      const link = this.#links.of(definition.channel)
      leaving.push({ link, outgoing: prepareOutgoing(message, definition, options, link, scope, this.#rules) })
      const missing = link.ensure(definition, this.#links.optionsOf(definition.channel))
      if (missing) declaring = declaring ? Promise.all([declaring, missing]) : missing
    }
    if (declaring) return this.#whenDeclared(declaring, leaving, held, options.signal)

    return this.#leave(leaving, held, options.signal)
  }

  /** A broker that is away declares nothing: what waits for it has a deadline too. */
  #declared(declaring: Promise<unknown>, leaving: readonly Leaving[]): Promise<unknown> {
    const deadlineMs = Math.max(...leaving.map(({ link }) => link.publishDeadlineMs))
    const late = (): PublishError =>
      new PublishError(
        leaving.map((one, index) => unsent(one, index, deadlineMs / 1_000)),
        leaving.length,
      )

    return within(declaring, deadlineMs, this.#rules.runtime, late)
  }

  #leave(leaving: readonly Leaving[], held: Held | undefined, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(refused(leaving, gaveUp))
    if (!held) return this.#outside(leaving, signal, (all) => this.#whenThereIsRoom(all, signal))
    if (held.isOver) return Promise.reject(late(scopeIn(this.#home) as Scope))

    for (const { link } of leaving) {
      const refusal = held.refusal?.(link.name)
      if (refusal) return this.#rejected(refusal)
    }
    for (const { link, outgoing } of leaving) held.outgoing.push({ transport: link.name, message: outgoing })

    return isHeld
  }

  #whenDeclared(declaring: Promise<unknown>, leaving: readonly Leaving[], held: Held | undefined, signal: AbortSignal | undefined): Promise<void> {
    const declared = unlessAborted(this.#declared(declaring, leaving), signal, () => refused(leaving, gaveUp))
    if (held) return held.holding(() => declared.then(() => this.#leave(leaving, held, signal)))

    return this.#outside(leaving, signal, (all) => declared.then(() => this.#whenThereIsRoom(all, signal)))
  }

  /** Outside a transaction: with the outbox to fall back on, where a channel says so. */
  #outside(leaving: readonly Leaving[], signal: AbortSignal | undefined, send: (leaving: readonly Leaving[]) => Promise<void>): Promise<void> {
    const fallback = this.#fallback
    if (!fallback || !leaving.some((one) => fallback.covers(one))) return send(leaving)

    return fallback.publish(leaving, signal, send)
  }

  /** Callers wait while more is unsettled than the app wants to hold; what a listener held back does not, as its listener is bounded. */
  #whenThereIsRoom(leaving: readonly Leaving[], signal: AbortSignal | undefined): Promise<void> {
    const full = leaving.find(({ link }) => link.sender.room.isFull)
    if (!full) return this.#settle(leaving, signal)
    if (leaving.some(({ link }) => link !== full.link)) return this.#apart(leaving, signal)

    return new Promise((resolve, reject) => {
      const refuse = (reason: string): void => reject(refused(leaving, reason))
      const giveUp = (): void => {
        leaveLine()
        refuse('The caller gave up before there was room for it, so it was never sent.')
      }
      const leaveLine = full.link.sender.room.wait(
        (leftMs) => {
          signal?.removeEventListener('abort', giveUp)
          this.#settle(leaving, signal, leftMs).then(resolve, reject)
        },
        () => {
          signal?.removeEventListener('abort', giveUp)
          refuse('Too much that was published before is not confirmed, so it was never sent. Await what you publish, or raise "backlog".')
        },
      )
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  /** What goes to one transport does not wait for the room of another. */
  async #apart(leaving: readonly Leaving[], signal: AbortSignal | undefined): Promise<void> {
    const shares = [...new Set(leaving.map(({ link }) => link))].map((link) => leaving.filter((one) => one.link === link))
    const ends = await Promise.all(
      shares.map((share) =>
        this.#whenThereIsRoom(share, signal).then(
          () => undefined,
          (error: PublishError) => error,
        ),
      ),
    )
    const failures = ends.flatMap((error, at) => (error?.failures ?? []).map((failure) => ({ ...failure, index: leaving.indexOf(shares[at]?.[failure.index] as Leaving) })))
    if (failures.length === 0) return
    failures.sort((a, b) => a.index - b.index)
    throw new PublishError(failures, leaving.length)
  }

  /** `leftMs`: of the deadline of a caller that has waited. */
  #settle(leaving: readonly Leaving[], signal: AbortSignal | undefined, leftMs?: number): Promise<void> {
    const [only] = leaving
    if (only && leaving.length === 1 && !signal && leftMs === undefined) return this.#settleOne(only)

    return new Promise((resolve, reject) => {
      const failures: PublishFailure[] = []
      let left = leaving.length
      if (left === 0) return resolve()

      const settled = (index: number, outgoing: Outgoing, outcome: PublishOutcome): void => {
        if (outcome.kind !== 'confirmed') failures.push(failureOf(index, outgoing, outcome))
        if (--left > 0) return
        cancel?.()
        signal?.removeEventListener('abort', abort)
        if (failures.length === 0) return resolve()
        failures.sort((a, b) => a.index - b.index)
        reject(new PublishError(failures, leaving.length))
      }
      let cancel: (() => void) | undefined
      const entries = leaving.map(({ link, outgoing }, index) => send(link, outgoing, this.#rules, (outcome) => settled(index, outgoing, outcome)))
      const abort = (): void => entries.forEach((entry) => entry.settle(aborted(entry.left)))
      if (leftMs !== undefined) cancel = this.#rules.runtime.after(leftMs, () => entries.forEach((entry) => entry.settle(overdue(entry.left))))
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Hands one over to its transport, and tells those who watch. */
  enter(link: Link, outgoing: Outgoing, done: (outcome: PublishOutcome) => void): ReturnType<Link['sender']['send']> {
    return send(link, outgoing, this.#rules, done)
  }

  /** Most calls publish one message; it needs no bookkeeping. */
  #settleOne({ link, outgoing }: Leaving): Promise<void> {
    return new Promise((resolve, reject) => {
      send(link, outgoing, this.#rules, (outcome) => (outcome.kind === 'confirmed' ? resolve() : reject(new PublishError([failureOf(0, outgoing, outcome)], 1))))
    })
  }
}

/** Of all that are held at once. */
const isHeld = Promise.resolve()

type Send = (messages: readonly Message[], options: PublishOptions) => Promise<void>

interface Leaving {
  readonly link: Link
  readonly outgoing: Outgoing
}

function unsent({ link, outgoing }: Leaving, index: number, seconds: number): PublishFailure {
  return failureOf(index, outgoing, { kind: 'rejected', reason: `"${link.name}" declared nothing for ${seconds} s; it was never sent.` })
}

const gaveUp = 'The caller gave up before it was sent.'

function refused(leaving: readonly Leaving[], reason: string): PublishError {
  return new PublishError(
    leaving.map(({ outgoing }, index) => failureOf(index, outgoing, { kind: 'rejected', reason })),
    leaving.length,
  )
}

function failureOf(index: number, { envelope }: Outgoing, outcome: PublishFailure['outcome']): PublishFailure {
  return { index, id: envelope.id, messageName: envelope.type, outcome }
}

function namesOf(messages: readonly Message[]): string {
  const names = messages.map((message) => `"${definitionOf(message?.constructor)?.name ?? nameOf(message?.constructor)}"`)

  return [...new Set(names)].slice(0, 5).join(', ')
}

/** An inbox would take the second for the first, once more. */
function oneId(id: unknown, count: number): WaybillError {
  return new WaybillError(
    'MESSAGE_ID',
    `"id" names one message; found ${JSON.stringify(id)} for ${count} at once, of which listeners might take all but the first for duplicates. Publish each with an id of its own, or leave it out.`,
  )
}

function late(scope: Scope): WaybillError {
  return new WaybillError(
    'LATE_PUBLISH',
    `${scope.owner} published after it had ended, so the message belongs to nothing and was not sent. Await every publish before the method returns, or publish with { held: false }.`,
  )
}

function aborted(left: boolean): PublishOutcome {
  return left ? { kind: 'unknown', reason: 'The caller stopped waiting for the confirm.' } : { kind: 'rejected', reason: gaveUp }
}

function overdue(left: boolean): PublishOutcome {
  return left
    ? { kind: 'unknown', reason: 'The broker did not confirm within the time that was left after waiting for room.' }
    : { kind: 'rejected', reason: 'There was room for it, but it was never sent within its time.' }
}
