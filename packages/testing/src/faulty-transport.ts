import type {
  Capabilities,
  ChannelTopology,
  ConnectionState,
  Consumer,
  DeadLetterAccess,
  Deliver,
  Depth,
  Fault,
  GroupAddress,
  Outgoing,
  PublishOutcome,
  RawDelivery,
  Settled,
  Settlement,
  Starts,
  Subscription,
  Topology,
  TopologyAccess,
  Transport,
  TransportHost,
} from '@waybill/core'
import { header } from '@waybill/core'
import type { BrokerFaults } from './broker-faults.js'
import { FaultyDelivery } from './faulty-delivery.js'
import { LateLine } from './late-line.js'
import type { Life } from './life.js'

/** What a transport tells about itself. */
export interface Witness {
  readonly note: (what: string) => void
  /** The broker has a message, whether the app hears of it or not. */
  readonly stored: (outgoing: Outgoing) => void
}

export interface FaultyTransportOptions extends Witness {
  readonly inner: Transport
  readonly life: Life
  readonly faults: BrokerFaults
}

/** A transport that suffers the faults that a test plans, and stands still when the life of its app is over. */
export class FaultyTransport implements Transport {
  readonly name: string
  readonly faults: readonly Fault[]
  readonly dead: DeadLetterAccess
  readonly starts: Starts | undefined
  readonly topology: TopologyAccess | undefined
  readonly #options: FaultyTransportOptions
  readonly #confirms: LateLine
  readonly #deliveries: LateLine
  readonly #open = new Set<Receipt>()
  readonly #asked = new Map<string, number>()

  constructor(options: FaultyTransportOptions) {
    const { inner, life, faults } = options
    this.name = inner.name
    this.faults = inner.faults
    this.dead = inner.dead
    this.starts = inner.starts && whileAlive(inner.starts, life)
    this.topology = inner.topology
    this.#options = options
    this.#confirms = new LateLine(life, () => faults.lag)
    this.#deliveries = new LateLine(life, () => faults.lag)
  }

  get writable(): boolean {
    return !this.#options.life.isOver && this.#options.inner.writable
  }

  /** Queries whose reply may still come. */
  get asked(): number {
    const now = this.#options.life.now()
    for (const [id, deadline] of this.#asked) if (deadline <= now) this.#asked.delete(id)

    return this.#asked.size
  }

  check(channels: readonly ChannelTopology[]): readonly Fault[] {
    return this.#options.inner.check(channels)
  }

  connect(host: TransportHost): Promise<Capabilities> {
    return this.#options.inner.connect(host)
  }

  declare(topology: Topology): Promise<void> {
    return this.#options.inner.declare(topology)
  }

  onWritable(go: () => void): void {
    this.#options.inner.onWritable(() => {
      if (!this.#options.life.isOver) go()
    })
  }

  onState(listener: (state: ConnectionState) => void): void {
    const { inner, life, note } = this.#options
    inner.onState((state) => {
      if (life.isOver) return
      note(state.kind)
      if (state.kind === 'lost') this.#abandon('the connection was lost before the confirm came')
      listener(state)
    })
  }

  publish(batch: readonly Outgoing[], settled: Settled): void {
    const { life, faults, inner } = this.#options
    if (life.isOver) return
    let crash: (() => void) | undefined
    const receipts: Receipt[] = []
    for (const [index, outgoing] of batch.entries()) {
      crash = faults.crashAt('before publish', outgoing.envelope.type)
      if (crash) break
      receipts.push(this.#receipt(outgoing, (outcome) => settled(index, outcome)))
    }
    const sent = receipts.map(({ outgoing }) => outgoing)
    if (sent.length > 0) inner.publish(sent, (index, outcome) => this.#told(receipts[index] as Receipt, outcome))
    // What stood before the one that was too late has left.
    crash?.()
  }

  async subscribe(subscription: Subscription, deliver: Deliver): Promise<Consumer> {
    const { life, inner, note } = this.#options
    let isStopped = false
    const arrive = (deliveries: readonly RawDelivery[]): void => {
      const present = deliveries.filter(({ isStale }) => !isStale)
      if (life.isOver || isStopped || present.length === 0) return
      for (const { envelope, redelivered } of present) note(`gets ${String(envelope.type)} ${String(envelope.id)}${redelivered ? ', again' : ''}`)
      deliver(present)
    }
    const consumer = await inner.subscribe(subscription, (deliveries) => this.#arrive(deliveries, subscription.kind === 'replies', arrive))

    return {
      address: consumer.address,
      pause: () => consumer.pause(),
      resume: () => consumer.resume(),
      resize: (window) => consumer.resize(window),
      health: () => consumer.health(),
      stop: () => {
        isStopped = true

        return consumer.stop()
      },
    }
  }

  depth(of: GroupAddress): Promise<Depth> {
    return this.#options.inner.depth(of)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#options.inner.close(deadlineMs)
    this.#abandon('the connection was closed before the confirm came')
  }

  #receipt(outgoing: Outgoing, settle: (outcome: PublishOutcome) => void): Receipt {
    const receipt: Receipt = { outgoing, settle }
    this.#open.add(receipt)
    const deadline = outgoing.replyTo === undefined ? undefined : outgoing.headers[header.deadline]
    if (typeof deadline === 'number') this.#asked.set(outgoing.envelope.id, deadline)

    return receipt
  }

  #told(receipt: Receipt, outcome: PublishOutcome): void {
    const { life, faults, note, stored } = this.#options
    const { envelope, to } = receipt.outgoing
    if (!this.#open.has(receipt)) return
    if (outcome.kind === 'confirmed') stored(receipt.outgoing)
    if (life.isOver) return
    note(`publishes ${envelope.type} ${envelope.id} to ${to.kind}: ${outcome.kind}`)
    const crash = outcome.kind === 'confirmed' ? faults.crashAt('after publish', envelope.type) : undefined
    if (crash) return crash()
    if (outcome.kind === 'confirmed' && faults.meets('drop', envelope.type)) return

    const waitMs = this.#confirms.waitMs(undefined)
    if (waitMs === undefined) this.#settle(receipt, outcome)
    else life.after(waitMs, () => this.#settle(receipt, outcome))
  }

  #settle(receipt: Receipt, outcome: PublishOutcome): void {
    if (this.#open.delete(receipt)) receipt.settle(outcome)
  }

  #abandon(reason: string): void {
    for (const receipt of [...this.#open]) this.#settle(receipt, { kind: 'unknown', reason })
  }

  #arrive(raws: readonly RawDelivery[], areReplies: boolean, arrive: (deliveries: readonly RawDelivery[]) => void): void {
    const now: RawDelivery[] = []
    for (const raw of raws) {
      if (areReplies) this.#asked.delete(String(raw.envelope.causationId))
      const delivery = areReplies ? raw : new FaultyDelivery(raw, (inner, settlement) => this.#settleDelivery(inner, settlement))
      const waitMs = this.#deliveries.waitMs(typeof raw.envelope.subject === 'string' ? raw.envelope.subject : undefined)
      if (waitMs === undefined) now.push(delivery)
      else this.#options.life.after(waitMs, () => arrive([delivery]))
    }
    arrive(now)
  }

  #settleDelivery(raw: RawDelivery, settlement: Settlement): void {
    const { life, faults, note } = this.#options
    const name = String(raw.envelope.type)
    if (life.isOver) return
    const crash = faults.crashAt('before settle', name)
    if (crash) return crash()
    const isLost = settlement === 'ack' && faults.meets('duplicate', name)
    note(`settles ${name} ${String(raw.envelope.id)}: ${isLost ? 'its ack is lost' : settlement}`)
    raw.settle(isLost ? 'return' : settlement)
    faults.crashAt('after settle', name)?.()
  }
}

/** A process that is dead counts nothing, and hears nothing more. */
function whileAlive(starts: Starts, life: Life): Starts {
  const ifAlive = <T>(work: () => Promise<T>): Promise<T> => (life.isOver ? new Promise(() => undefined) : work())

  return {
    begin: (of, delivery) => ifAlive(() => starts.begin(of, delivery)),
    ended: (of, delivery, left) => ifAlive(() => starts.ended(of, delivery, left)),
  }
}

interface Receipt {
  readonly outgoing: Outgoing
  readonly settle: (outcome: PublishOutcome) => void
}
