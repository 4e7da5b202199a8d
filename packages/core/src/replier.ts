import { Answers } from './answers.js'
import type { Codec } from './codec.js'
import { numberOf } from './dead-letter.js'
import { DeadLetter } from './decision.js'
import { WaybillError } from './error.js'
import type { Job } from './job.js'
import { excessOf, type Limits } from './limits.js'
import type { Link } from './link.js'
import type { Logger } from './logger.js'
import { definitionOf } from './message.js'
import type { Runtime } from './runtime.js'
import { validate } from './schema.js'
import { StoredAnswer } from './stored-answer.js'
import type { Outgoing, PublishOutcome } from './transport.js'
import { header } from './wire.js'

export interface ReplierOptions {
  readonly app: string
  readonly link: Link
  readonly codec: Codec
  readonly limits: Limits
  readonly runtime: Runtime
  readonly log: Logger
}

/** Sends the answers of query listeners to where the queries came from. */
export class Replier {
  readonly #options: ReplierOptions
  readonly #answers: Answers

  constructor(options: ReplierOptions) {
    this.#options = options
    this.#answers = new Answers(options.runtime)
  }

  /** Resolves when the broker has the reply, or when nobody waits for it any more. Rejects where the value does not fit the reply's schema. */
  async reply(job: Job, value: unknown): Promise<void> {
    const prepared = value instanceof StoredAnswer ? value.outgoing : this.prepare(job, value)
    if (prepared) await this.#leave(job, prepared)
  }

  /** The reply, ready to leave. Undefined where nobody said where to. Throws where the value does not fit the reply's schema. */
  prepare(job: Job, value: unknown): Outgoing | undefined {
    const { takes, label } = job.runner.listener
    const definition = takes === 'raw' ? undefined : definitionOf(takes[0])
    if (!definition?.reply) throw new WaybillError('NO_REPLY_SCHEMA', `${label} answers a message that has no reply.`)
    validate(definition.reply, `${definition.name}.reply`, value)

    const body = this.#options.codec.encode(value)
    const excess = excessOf(body, {}, this.#options.limits)
    if (excess !== undefined) throw tooLarge(label, excess)

    return this.#outgoing(job, body, {})
  }

  async replyError(job: Job, error: unknown): Promise<void> {
    const code = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : error instanceof Error ? error.name : 'Error'
    const message = error instanceof Error ? error.message : 'The listener failed.'

    const outgoing = this.#outgoing(job, new Uint8Array(), { [header.replyError]: message.slice(0, 2_000), [header.replyCode]: code.slice(0, 200) })
    if (outgoing) await this.#leave(job, outgoing)
  }

  /** Sends once more what this query was answered with, and resolves when it has left. Undefined: it has not been answered here. */
  again(job: Job): Promise<void> | undefined {
    const answer = this.#answers.of(job)

    return answer && this.#leave(job, answer)
  }

  /** Whether the caller still waits then. */
  hasTimeFor(job: Job, ms: number): boolean {
    const deadline = numberOf(job.raw.headers[header.deadline])

    return Number.isFinite(deadline) && this.#options.runtime.now() + ms < deadline
  }

  #outgoing(job: Job, body: Uint8Array, headers: Readonly<Record<string, string>>): Outgoing | undefined {
    const { app, codec, runtime, log } = this.#options
    const { replyTo, envelope } = job.raw
    if (replyTo === undefined) {
      log.warn(`A query for ${job.runner.listener.label} says nowhere where its reply is to go; it is dropped.`, { id: job.id })
      return undefined
    }

    return {
      to: { kind: 'reply', address: replyTo },
      envelope: {
        id: runtime.id(),
        type: `${String(envelope.type)}.reply`,
        source: `/${app}/${job.runner.listener.serviceName}`,
        time: new Date(runtime.now()).toISOString(),
        subject: undefined,
        dataVersion: 1,
        correlationId: typeof envelope.correlationId === 'string' ? envelope.correlationId : job.id,
        causationId: job.id,
        traceparent: undefined,
        tracestate: undefined,
        baggage: undefined,
      },
      headers,
      body,
      contentType: codec.contentType,
      contentEncoding: undefined,
      // Before RabbitMQ 4.2 a mandatory reply is delivered and returned as well.
      mandatory: false,
      delayMs: undefined,
      expiresMs: undefined,
      priority: undefined,
      replyTo: undefined,
    }
  }

  /** From now on it is the answer: what was prepared in a transaction that was rolled back is none. */
  #leave(job: Job, outgoing: Outgoing): Promise<void> {
    const { link, log } = this.#options
    this.#answers.keep(job, outgoing)

    return new Promise((resolve) => {
      link.sender.send(outgoing, (outcome) => {
        if (outcome.kind !== 'confirmed') log.warn(`A reply of ${job.runner.listener.label} did not leave: ${reason(outcome)}`, { id: job.id })
        resolve()
      })
    })
  }
}

/** No try mends it. */
function tooLarge(label: string, excess: string): DeadLetter {
  const error = new DeadLetter(`${label} answered with more than its caller takes: ${excess} Answer with less or with a reference, or raise "limits" in both apps.`)

  return Object.assign(error, { code: 'REPLY_TOO_LARGE' })
}

function reason(outcome: Exclude<PublishOutcome, { kind: 'confirmed' }>): string {
  return `${outcome.kind}, ${outcome.reason}`
}
