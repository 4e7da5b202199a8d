import assert from 'node:assert/strict'
import type { Capabilities, ConnectionState, GroupAddress, Outgoing, PublishOutcome, Transport, TransportHost } from '@waybill/core'
import { eventually, within } from './condition.js'
import { topologyOf, type Layout } from './layout.js'
import { Receiver } from './receiver.js'
import type { DeclaredTopology } from './subject.js'

/** Which states of a connection may come after which. */
const following: Readonly<Record<ConnectionState['kind'] | 'none', readonly ConnectionState['kind'][]>> = {
  none: ['connecting', 'closed'],
  connecting: ['connected', 'lost', 'closed'],
  connected: ['blocked', 'lost', 'closed'],
  blocked: ['connected', 'lost', 'closed'],
  lost: ['connecting', 'connected', 'lost', 'closed'],
  // The next consumer of a group may have a connection of its own.
  closed: ['connecting'],
}

/** One app's side of the seam: it uses a transport as core does, and notes what core would notice. */
export class Peer {
  readonly transport: Transport
  readonly host: TransportHost
  readonly patienceMs: number
  readonly states: ConnectionState[] = []
  readonly declared: DeclaredTopology[] = []
  readonly receivers: Receiver[] = []
  /** What the port forbids and this transport did. */
  readonly violations: string[] = []
  /** How often the transport said that it can be written again. */
  writableCalls = 0
  #capabilities: Capabilities | undefined
  #waiting = 0

  constructor(transport: Transport, host: TransportHost, patienceMs: number) {
    this.transport = transport
    this.host = host
    this.patienceMs = patienceMs
    transport.onState((state) => this.#noted(state))
    transport.onWritable(() => this.writableCalls++)
  }

  #noted(state: ConnectionState): void {
    const before = this.standing[state.purpose] ?? 'none'
    if (!following[before].includes(state.kind)) this.violations.push(`the connection for ${state.purpose} went from ${before} to ${state.kind}`)
    this.states.push(state)
  }

  get capabilities(): Capabilities {
    assert.ok(this.#capabilities, 'The peer is connected before its capabilities are asked for.')

    return this.#capabilities
  }

  async connect(): Promise<this> {
    this.#capabilities = await within('connect resolves', this.patienceMs, this.transport.connect(this.host))

    return this
  }

  async declare(channel: string, layout: Layout = {}): Promise<void> {
    const topology = topologyOf(channel, layout)
    this.declared.push({ namespace: this.host.namespace, app: this.host.app, topology })
    await within(`declare of "${channel}" resolves`, this.patienceMs, this.transport.declare(topology))
  }

  /** Gives one batch as core does, when it is writable; resolves when each of it has settled. */
  async publish(batch: readonly Outgoing[]): Promise<readonly PublishOutcome[]> {
    await this.eventually('the transport is writable', () => this.transport.writable)

    return within(`${batch.length} publishes settle`, this.patienceMs, this.give(batch))
  }

  /** The same without a look at `writable` and without a deadline. */
  give(batch: readonly Outgoing[]): Promise<readonly PublishOutcome[]> {
    const outcomes: PublishOutcome[] = new Array<PublishOutcome>(batch.length)
    let open = batch.length
    this.#waiting += open

    return new Promise((resolve) => {
      this.transport.publish(batch, (index, outcome) => {
        if (!(index in batch)) return void this.violations.push(`settled index ${index} of a batch of ${batch.length}`)
        if (outcomes[index]) return void this.violations.push(`settled index ${index} twice: ${outcomes[index].kind}, then ${outcome.kind}`)
        outcomes[index] = outcome
        this.#waiting--
        if (--open === 0) resolve(outcomes)
      })
    })
  }

  /** Publishes and insists on `confirmed` for each. */
  async send(...batch: readonly Outgoing[]): Promise<void> {
    const outcomes = await this.publish(batch)
    const other = outcomes.filter((outcome) => outcome.kind !== 'confirmed')
    assert.deepEqual(other, [], `All of ${batch.length} messages are confirmed.`)
  }

  /** Publishes such messages until one is confirmed: after a connection broke, the first ones may go under with it. Resolves with that one. */
  async sendAtLast(make: () => Outgoing): Promise<Outgoing> {
    let sent = make()
    await this.eventually('a publish is confirmed', async () => {
      sent = make()
      const [outcome] = await this.publish([sent])

      return outcome?.kind === 'confirmed'
    })

    return sent
  }

  /** The last state of each connection, by what it is for. */
  get standing(): Readonly<Record<string, ConnectionState['kind']>> {
    return Object.fromEntries(this.states.map((state) => [state.purpose, state.kind]))
  }

  isEverywhere(kind: ConnectionState['kind']): boolean {
    const kinds = Object.values(this.standing)

    return kinds.length > 0 && kinds.every((found) => found === kind)
  }

  /** Publishes that nobody knows the outcome of yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Takes the messages of a group and acks each at once, or holds them. */
  async listen(of: GroupAddress, options: { readonly window?: number; readonly hold?: boolean } = {}): Promise<Receiver> {
    const receiver = new Receiver(this, options.hold ?? false)
    const subscription = { kind: 'group', ...of, window: options.window ?? 100 } as const
    await within(`subscribe to group "${of.group}" resolves`, this.patienceMs, receiver.attach(subscription))
    this.receivers.push(receiver)

    return receiver
  }

  async listenToReplies(): Promise<Receiver> {
    const receiver = new Receiver(this, false)
    await within('subscribe to replies resolves', this.patienceMs, receiver.attach({ kind: 'replies' }))
    this.receivers.push(receiver)

    return receiver
  }

  eventually(claim: string, condition: () => boolean | Promise<boolean>, found?: () => unknown): Promise<void> {
    return eventually(claim, condition, { withinMs: this.patienceMs, ...(found ? { found } : {}) })
  }

  async close(deadlineMs = 5_000): Promise<void> {
    await within('close resolves', deadlineMs + this.patienceMs, this.transport.close(deadlineMs))
  }
}
