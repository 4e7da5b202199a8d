import { checkCallOptions } from './call-options.js'
import type { Codec } from './codec.js'
import { textUpTo } from './dead-letter.js'
import type { Duration } from './duration.js'
import { AskTimeout, RemoteError, WaybillError, withoutListener } from './error.js'
import { excessOf } from './limits.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import type { Definition, Message } from './message.js'
import { durationOf, faultOfDuration } from './option.js'
import { definitionOfMessage, prepareOutgoing, type OutgoingRules } from './outgoing.js'
import type { AskOptions } from './publisher.js'
import type { Runtime } from './runtime.js'
import { validate } from './schema.js'
import { scopes } from './scope.js'
import { send } from './sending.js'
import type { Schema } from './contract.js'
import type { Consumer, Outgoing, PublishOutcome, RawDelivery } from './transport.js'
import { header } from './wire.js'
import { isDoneWithin, unlessAborted, within } from './within.js'

/** Queries on their way and the replies to them. Every one ends: by its reply, a typed error, or its time. */
export class Asking {
  readonly #links: Links
  readonly #rules: OutgoingRules
  readonly #codec: Codec
  readonly #runtime: Runtime
  readonly #replies = new Map<Link, Promise<Consumer>>()
  readonly #attached = new Set<Consumer>()
  readonly #pending = new Map<string, Pending>()
  #isClosed = false

  constructor(links: Links, rules: OutgoingRules) {
    this.#links = links
    this.#rules = rules
    this.#codec = rules.codec
    this.#runtime = rules.runtime
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Attaches to the place where replies come in; done at start by an app that is known to ask. */
  async listen(link: Link): Promise<Consumer> {
    const known = this.#replies.get(link)
    if (known) return known

    const consumer = this.#attach(link)
    this.#replies.set(link, consumer)
    consumer.catch(() => this.#replies.delete(link))

    return consumer
  }

  async ask(query: Message, options: AskOptions): Promise<unknown> {
    const open = scopes.getStore()?.transaction
    if (open)
      throw new WaybillError(
        'QUERY_IN_TRANSACTION',
        `${open.owner} asks in its transaction, which would stay open until the answer comes. Ask before it, or let the listener run with transaction: false.`,
      )
    checkCallOptions('ask', options)
    const definition = definitionOfMessage(query)
    if (options.signal?.aborted) throw gaveUp(definition.name, options.signal)
    const { reply } = definition
    if (!reply) throw new WaybillError('NO_QUERY', `"${definition.name}" is ${definition.kind === 'event' ? 'an event' : 'a command'} and has no reply; publish it.`)

    const { timeout = '10s' } = options
    const timeoutMs = durationOf(timeout)
    if (timeoutMs === undefined) throw new WaybillError('DURATION', faultOfDuration('timeout', timeout))

    const deadline = this.#runtime.now() + timeoutMs
    const link = this.#links.of(definition.channel)
    const late = (): AskTimeout => new AskTimeout('ASK_TIMEOUT', `"${definition.name}" could not be asked within ${timeout}: "${link.name}" declared nothing. Is its broker there?`)
    const { address } = await unlessAborted(within(this.#ready(link, definition), timeoutMs, this.#runtime, late), options.signal, () => gaveUp(definition.name, options.signal))
    // Never held: asked again by a listener that runs again it is another query, or the answer to the first one would come.
    const prepared = prepareOutgoing(query, definition, { held: false }, link, scopes.getStore(), this.#rules)
    const outgoing = { ...prepared, replyTo: address, headers: { ...prepared.headers, [header.deadline]: deadline } }

    return this.#wait({ outgoing, link, reply, timeout, timeoutMs: Math.max(0, deadline - this.#runtime.now()), signal: options.signal })
  }

  /** Ends all that wait and leaves the replies. What still waits for its broker is not waited for: its transport ends it, as it does what is not left by the deadline. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    for (const pending of [...this.#pending.values()]) pending.fail(new WaybillError('STOPPED', 'The app stopped before the reply came.'))
    await isDoneWithin(Promise.allSettled([...this.#attached].map((consumer) => consumer.stop())), deadlineMs, this.#runtime)
  }

  async #ready(link: Link, definition: Definition): Promise<Consumer> {
    const replies = await this.listen(link)
    await link.ensure(definition, this.#links.optionsOf(definition.channel))

    return replies
  }

  async #attach(link: Link): Promise<Consumer> {
    if (!link.capabilities.replies)
      throw new WaybillError('UNSUPPORTED_OPTION', `The transport "${link.name}" (${link.capabilities.broker}) cannot carry replies. Ask over another transport.`)
    await link.transport.declare({ channels: [], asks: true })
    const consumer = await link.transport.subscribe({ kind: 'replies' }, (deliveries) => deliveries.forEach((raw) => this.#received(raw)))
    this.#attached.add(consumer)
    if (this.#isClosed) await consumer.stop()

    return consumer
  }

  #wait({ outgoing, link, reply, timeout, timeoutMs, signal }: Question): Promise<unknown> {
    const { id, type } = outgoing.envelope

    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#pending.delete(id)
        cancel()
        signal?.removeEventListener('abort', aborted)
      }
      const fail = (error: Error): void => {
        end()
        reject(error)
      }
      const answer = (value: object): void => {
        end()
        resolve(value)
      }
      const aborted = (): void => {
        fail(gaveUp(type, signal))
        // What has not left yet need not be asked any more.
        if (!entry.left) entry.settle({ kind: 'rejected', reason: 'The caller gave up before it was sent.' })
      }
      const cancel = this.#runtime.after(timeoutMs, () =>
        fail(new AskTimeout('ASK_TIMEOUT', `Nobody answered "${type}" within ${timeout}. Does a listener for it run, and is it done in that time?`)),
      )
      signal?.addEventListener('abort', aborted, { once: true })
      this.#pending.set(id, { name: type, reply, answer, fail })
      const entry = send(link, outgoing, this.#rules, (outcome) => {
        if (!this.#pending.has(id)) return
        if (outcome.kind === 'unroutable' || outcome.kind === 'rejected') fail(unasked(type, outcome))
      })
    })
  }

  #received(raw: RawDelivery): void {
    raw.settle('ack')
    const cause = raw.envelope.causationId
    const pending = typeof cause === 'string' ? this.#pending.get(cause) : undefined
    if (!pending) return

    const excess = excessOf(raw.body, raw.headers, this.#rules.limits)
    if (excess !== undefined) return pending.fail(new RemoteError('REPLY', `The reply to "${pending.name}" is more than this app takes: ${excess}`))

    const problem = raw.headers[header.replyError]
    if (problem !== undefined)
      return pending.fail(
        new RemoteError(
          textUpTo(raw.headers[header.replyCode], 200) ?? 'REMOTE',
          `"${pending.name}" could not be answered: ${textUpTo(problem, 2_000) ?? 'the responder gave no reason.'}`,
        ),
      )

    try {
      pending.answer(validate(pending.reply, `${pending.name}.reply`, this.#codec.decode(raw.body, this.#rules.limits.nesting)))
    } catch (error) {
      pending.fail(error instanceof WaybillError ? error : new RemoteError('REPLY', `The reply to "${pending.name}" cannot be read: ${(error as Error).message}`))
    }
  }
}

interface Pending {
  readonly name: string
  readonly reply: Schema
  answer(value: object): void
  fail(error: Error): void
}

interface Question {
  readonly outgoing: Outgoing
  readonly link: Link
  readonly reply: Schema
  /** As it was asked for. */
  readonly timeout: Duration
  /** What is left of it. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** In the caller's own words, where those are an error. */
function gaveUp(name: string, signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new WaybillError('ABORTED', `The caller of "${name}" gave up.`)
}

function unasked(name: string, outcome: Extract<PublishOutcome, { reason: string }>): WaybillError {
  return outcome.kind === 'unroutable'
    ? new WaybillError('UNROUTABLE', `Nobody answers "${name}": ${withoutListener(outcome.reason)}`)
    : new WaybillError('REJECTED', `"${name}" was not asked: ${outcome.reason}`)
}
