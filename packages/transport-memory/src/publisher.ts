import type { Outgoing, PublishOutcome, Runtime, Settled } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Answer, Session } from './broker/session.js'
import type { Connection } from './connection.js'
import type { Layout } from './topology.js'
import { type Address, toMessage } from './wire.js'

/** Sends batches. The broker stores at once and confirms at the end of the turn. */
export class Publisher {
  readonly #broker: Broker
  readonly #connection: Connection
  readonly #layout: Layout
  readonly #runtime: Runtime

  constructor(broker: Broker, connection: Connection, layout: Layout, runtime: Runtime) {
    this.#broker = broker
    this.#connection = connection
    this.#layout = layout
    this.#runtime = runtime
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    const { session } = this.#connection
    if (session === undefined) return this.#refuse(batch.length, settled)
    if (!this.#broker.isBlocked) return this.#send(session, batch, settled)
    // Core gave it before it saw the block. A real broker's socket would swallow it just so.
    session.leaveUnread({ settled, count: batch.length, read: () => this.#send(session, batch, settled) })
  }

  #send(session: Session, batch: readonly Outgoing[], settled: Settled): void {
    const outcomes = new Array<Answer>(batch.length)
    for (let i = 0; i < batch.length; i++) outcomes[i] = this.#sendOne(batch[i] as Outgoing)
    session.settleAtEnd(settled, outcomes)
  }

  #sendOne(outgoing: Outgoing): Answer {
    const address = this.#addressOf(outgoing)
    if (address === undefined) return notReplies
    const message = toMessage(outgoing, address)

    return message === undefined ? notHeaders : this.#broker.publish(message)
  }

  /** Undefined for a reply to what is no address of replies. Who sends to one place wants to know when it is gone. */
  #addressOf({ to, envelope, mandatory }: Outgoing): Address | undefined {
    if (to.kind === 'channel') return { exchange: this.#layout.exchange(to.channel), routingKey: this.#layout.routingKey(envelope.type, envelope.subject), mandatory }
    if (to.kind === 'group') return queue(this.#layout.queueOf(to.channel, to.group, envelope.subject))
    if (to.kind === 'dead') return queue(this.#layout.deadLetters(to.channel, to.group))

    return this.#layout.isReplies(to.address) ? queue(to.address) : undefined
  }

  #refuse(count: number, settled: Settled): void {
    this.#runtime.soon(() => {
      for (let i = 0; i < count; i++) settled(i, notConnected)
    })
  }
}

function queue(name: string): Address {
  return { exchange: '', routingKey: name, mandatory: true }
}

const notConnected: PublishOutcome = Object.freeze({ kind: 'rejected', reason: 'the memory transport is not connected' })
const notReplies: PublishOutcome = Object.freeze({ kind: 'rejected', reason: 'the address in its "replyTo" is no address of replies; an answer is sent to nothing else' })
const notHeaders: PublishOutcome = Object.freeze({ kind: 'rejected', reason: 'its headers hold a cycle or more than 100,000 values' })
