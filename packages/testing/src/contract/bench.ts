import assert from 'node:assert/strict'
import {
  createApp,
  systemRuntime,
  type App,
  type AppOptions,
  type Destination,
  type Envelope,
  type GroupAddress,
  type Logger,
  type Outgoing,
  type Runtime,
  type Transport,
} from '@waybill/core'
import { eventually, within } from './condition.js'
import { placed } from './layout.js'
import { Peer } from './peer.js'
import type { ContractSubject, DeclaredTopology } from './subject.js'

/** Everything that one case needs, with names that no other case has. */
export class Bench {
  readonly subject: ContractSubject
  readonly runtime: Runtime = systemRuntime
  readonly appName: string
  readonly namespace: string
  readonly channel: string
  readonly patienceMs: number
  readonly log: readonly string[]
  readonly #logger: Logger
  readonly #peers: Peer[] = []
  readonly #apps: App[] = []
  #first: Promise<Peer> | undefined

  constructor(subject: ContractSubject) {
    const name = this.runtime.id().replaceAll('-', '').slice(4, 24)
    const lines: string[] = []
    this.subject = subject
    this.appName = `app-${name}`
    this.namespace = `n-${name}`
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
    const host = { app: options.app ?? this.appName, instance: this.runtime.id(), namespace: options.namespace, runtime: this.runtime, log: this.#logger }
    const peer = new Peer(this.subject.create(), host, this.patienceMs)
    this.#peers.push(peer)

    return peer
  }

  /** A running app of these services, on a transport of its own, within this case's namespace. */
  async start(services: AppOptions['services'], options: AppParts = {}): Promise<App> {
    const app = createApp({
      name: this.appName,
      namespace: this.namespace,
      services,
      signals: false,
      log: this.#logger,
      ...options,
      transport: options.transport ?? this.subject.create(),
    })
    this.#apps.push(app)
    await within('the app starts', 2 * this.patienceMs, app.start())

    return app
  }

  /** Resolves once it holds. */
  eventually(claim: string, condition: () => boolean | Promise<boolean>, found?: () => unknown): Promise<void> {
    return eventually(claim, condition, { withinMs: this.patienceMs, ...(found ? { found } : {}) })
  }

  /** What such a call rejects with, in time. */
  refusal(claim: string, call: Promise<unknown>): Promise<unknown> {
    const refused = call.then(
      (found) => assert.fail(`${claim}; it resolved with ${JSON.stringify(found)}.`),
      (error: unknown) => error,
    )

    return within(claim, this.patienceMs, refused)
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
    assert.deepEqual(
      this.#peers.flatMap((peer) => peer.violations),
      [],
      'The transport keeps the rules of the port.',
    )
    for (const receiver of this.#peers.flatMap((peer) => peer.receivers)) {
      const named = receiver.received.find(({ headers }) => inheritsNames(headers))
      assert.equal(named, undefined, 'The headers of a delivery inherit no name.')
    }
  }

  async close(): Promise<void> {
    this.subject.slow?.(0)
    await this.subject.back()
    const declared = [...this.#peers.flatMap((peer) => peer.declared), ...this.#apps.map((app) => this.#declaredBy(app))]
    await Promise.all([...this.#apps.map((app) => app.stop()), ...this.#peers.map((peer) => peer.close())])
    await this.subject.remove?.(declared)
  }

  #declaredBy(app: App): DeclaredTopology {
    return {
      namespace: this.namespace,
      app: this.appName,
      topology: { channels: app.topology.channels.map((channel) => ({ ...channel, name: channel.options.name ?? channel.name })), asks: true },
    }
  }

  #envelope(type: string, key: string | undefined): Envelope {
    return {
      id: this.runtime.id(),
      type,
      source: `/${this.appName}/orders`,
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

export type AppParts = Partial<Pick<AppOptions, 'name' | 'channels' | 'shutdown' | 'middleware' | 'publishDeadline'>> & { readonly transport?: Transport }

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

function inheritsNames(headers: object): boolean {
  for (let at: unknown = Object.getPrototypeOf(headers); at !== null; at = Object.getPrototypeOf(at)) if (Reflect.ownKeys(at as object).length > 0) return true

  return false
}
