import assert from 'node:assert/strict'
import type { Destination, Envelope, GroupAddress, Logger, Outgoing, Runtime } from '@waybill/core'
import { placed } from './layout.js'
import { Peer } from './peer.js'
import type { ContractSubject } from './subject.js'
import { systemRuntime } from './system-runtime.js'

/** Everything that one case needs, with names that no other case has. */
export class Bench {
  readonly subject: ContractSubject
  readonly runtime: Runtime = systemRuntime
  readonly app: string
  readonly channel: string
  readonly patienceMs: number
  readonly log: readonly string[]
  readonly #logger: Logger
  readonly #peers: Peer[] = []
  #first: Promise<Peer> | undefined

  constructor(subject: ContractSubject) {
    const name = this.runtime.id().replaceAll('-', '').slice(4, 24)
    const lines: string[] = []
    this.subject = subject
    this.app = `app-${name}`
    this.channel = `c.${name}`
    this.patienceMs = subject.patienceMs ?? 10_000
    this.log = lines
    this.#logger = collectInto(lines)
  }

  /** The connected peer of this case. */
  peer(): Promise<Peer> {
    this.#first ??= this.another()

    return this.#first
  }

  /** One more of the same app, as a second process would be. */
  another(options: PeerOptions = {}): Promise<Peer> {
    return this.unconnected(options).connect()
  }

  unconnected(options: PeerOptions = {}): Peer {
    const host = { app: options.app ?? this.app, instance: this.runtime.id(), namespace: options.namespace, runtime: this.runtime, log: this.#logger }
    const peer = new Peer(this.subject.create(), host, this.patienceMs)
    this.#peers.push(peer)

    return peer
  }

  group(name = 'billing'): GroupAddress {
    return { channel: this.channel, group: name }
  }

  /** An event on the case's channel. */
  message(parts: Parts = {}): Outgoing {
    return this.messageTo({ kind: 'channel', channel: this.channel }, parts)
  }

  messageTo(to: Destination, parts: Parts = {}): Outgoing {
    const { text = '', type = placed, key, envelope, ...rest } = parts

    return {
      to,
      envelope: { ...this.#envelope(type, key), ...envelope },
      headers: {},
      body: Buffer.from(text),
      contentType: 'application/json',
      contentEncoding: undefined,
      mandatory: false,
      delayMs: undefined,
      expiresMs: undefined,
      priority: undefined,
      replyTo: undefined,
      ...rest,
    }
  }

  messages(count: number, parts: (index: number) => Parts = () => ({})): readonly Outgoing[] {
    return Array.from({ length: count }, (_, index) => this.message({ text: String(index), ...parts(index) }))
  }

  /** The transport kept every promise that no single case asks about. */
  check(): void {
    assert.deepEqual(this.#peers.flatMap((peer) => peer.violations), [], 'The transport keeps the rules of the port.')
    for (const receiver of this.#peers.flatMap((peer) => peer.receivers)) {
      const named = receiver.received.find((delivery) => Object.getPrototypeOf(delivery.headers) !== null)
      assert.equal(named, undefined, 'The headers of a delivery have no prototype.')
    }
  }

  async close(): Promise<void> {
    this.subject.slow?.(0)
    await this.subject.back()
    await Promise.all(this.#peers.map((peer) => peer.close()))
    await this.subject.remove?.(this.#peers.flatMap((peer) => peer.declared))
  }

  #envelope(type: string, key: string | undefined): Envelope {
    return {
      id: this.runtime.id(),
      type,
      source: `/${this.app}/orders`,
      time: new Date(this.runtime.now()).toISOString(),
      subject: key,
      dataVersion: 1,
      correlationId: undefined,
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
      baggage: undefined,
    }
  }
}

export interface PeerOptions {
  readonly app?: string
  readonly namespace?: string
}

export interface Parts extends Partial<Omit<Outgoing, 'to' | 'envelope'>> {
  readonly type?: string
  readonly key?: string
  readonly text?: string
  readonly envelope?: Partial<Envelope>
}

function collectInto(lines: string[]): Logger {
  const note = (text: string): void => void lines.push(text)

  return { debug: note, info: note, warn: note, error: note }
}
