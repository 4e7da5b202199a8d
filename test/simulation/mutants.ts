import { confirmed, type Consumer, type Deliver, type Outgoing, type RawDelivery, type Runtime, type Settled, type Subscription, type Transport } from '@waybill/core'
import type { Mutation } from './cast.js'

interface Mutant {
  /** The bug, as a sentence. */
  readonly bug: string
  /** Which invariant it breaks, at the least. */
  readonly breaks: RegExp
  readonly mutation: Mutation
}

type Publish = (batch: readonly Outgoing[], settled: Settled, inner: Transport) => void
type Subscribe = (subscription: Subscription, deliver: Deliver, inner: Transport) => Promise<Consumer>

/** Bugs as core, an adapter or a broker could have them, each planted around a transport that has none. */
export const mutants: readonly Mutant[] = [
  {
    bug: 'a message is acknowledged before the work',
    breaks: /^I[19] /,
    mutation: withDeliveries((raws) => {
      for (const raw of raws) raw.settle('ack')

      return raws
    }),
  },
  {
    bug: 'a message that comes again is dropped',
    breaks: /^I[19] /,
    mutation: withDeliveries((raws) => raws.filter((raw) => !raw.redelivered || raw.settle('ack') !== undefined)),
  },
  { bug: 'a lane forgets its order', breaks: /^I4 /, mutation: withDeliveries((raws) => raws.map((raw) => copyOf(raw, { envelope: { ...raw.envelope, subject: undefined } }))) },
  {
    bug: 'what was returned comes in the wrong order',
    breaks: /^I4 /,
    mutation: withDeliveries((raws) => (raws.some(({ redelivered }) => redelivered) ? [...raws].reverse() : raws)),
  },
  {
    bug: 'a dead letter is not awaited',
    breaks: /^I[19] /,
    mutation: (inner) => {
      let runtime: Runtime | undefined
      const [waits, goes] = [(one: Outgoing) => one.to.kind === 'dead', (one: Outgoing) => one.to.kind !== 'dead']
      const publish: Publish = (batch, settled) => {
        const [dead, others] = [batch.filter(waits), batch.flatMap((one, index) => (goes(one) ? [index] : []))]
        for (const [index, one] of batch.entries()) if (waits(one)) settled(index, confirmed)
        if (others.length > 0) inner.publish(batch.filter(goes), (at, outcome) => settled(others[at] ?? at, outcome))
        if (dead.length > 0) runtime?.after(20, () => inner.publish(dead, () => undefined))
      }

      return overlay(withPublish(publish)(inner), {
        connect: (host) => {
          runtime = host.runtime

          return inner.connect(host)
        },
      })
    },
  },
  {
    bug: 'a confirm is invented where the broker refused',
    breaks: /^I[19] /,
    mutation: withPublish((batch, settled, inner) => inner.publish(batch, (index) => settled(index, confirmed))),
  },
  {
    bug: 'what may be stored is told to be refused',
    breaks: /^I2 /,
    mutation: withPublish((batch, settled, inner) =>
      inner.publish(batch, (index, outcome) => settled(index, outcome.kind === 'unknown' ? { kind: 'rejected', reason: 'a guess' } : outcome)),
    ),
  },
  { bug: 'a retry forgets which one it is', breaks: /^I6 /, mutation: withDeliveries((raws) => raws.map((raw) => copyOf(raw, { toGroup: false }))) },
  {
    bug: 'stop acknowledges what is not finished',
    breaks: /^I[19] /,
    mutation: (inner) => {
      const open = new Set<RawDelivery>()
      const watched = withDeliveries((raws) => raws.map((raw) => (open.add(raw), raw)))(inner)

      return withSubscribe(async (subscription, deliver) => {
        const consumer = await watched.subscribe(subscription, deliver)
        const stop = (): Promise<void> => {
          for (const raw of open) raw.settle('ack')
          return consumer.stop()
        }

        return { ...methodsOf(consumer), stop }
      })(watched)
    },
  },
  {
    bug: 'a consumer is not attached again after its connection was lost',
    breaks: /^I6 /,
    mutation: (inner) => {
      let isLost = false

      return overlay(withDeliveries((raws) => (isLost ? [] : raws))(inner), {
        onState: (listener) =>
          inner.onState((state) => {
            isLost ||= state.kind === 'lost'
            listener(state)
          }),
      })
    },
  },
  {
    bug: 'a message is sent again under another id and content',
    breaks: /^I2 /,
    mutation: withPublish((batch, settled, inner) => {
      inner.publish(batch, settled)
      const [ghost] = batch.filter(({ to, body }) => to.kind === 'channel' && body.length % 7 === 0)
      if (ghost) inner.publish([{ ...ghost, envelope: { ...ghost.envelope, id: `${ghost.envelope.id}-ghost` }, body: raised(ghost.body) }], () => undefined)
    }),
  },
  {
    bug: 'a reply goes to another question',
    breaks: /^I2 /,
    mutation: (() => {
      let last: Uint8Array | undefined
      return withPublish((batch, settled, inner) =>
        inner.publish(
          batch.map((outgoing) => {
            if (outgoing.to.kind !== 'reply') return outgoing
            const body = last ?? outgoing.body
            last = outgoing.body
            return { ...outgoing, body }
          }),
          settled,
        ),
      )
    })(),
  },
  {
    bug: 'a timer outlives its app',
    breaks: /^I7 /,
    mutation: (inner) => overlay(inner, { connect: (host) => (host.runtime.after(86_400_000, () => undefined), inner.connect(host)) }),
  },
  {
    bug: 'chance comes from somewhere else',
    breaks: /^I10 /,
    mutation: withDeliveries((raws) => (Math.random() < 0.5 ? [...raws].reverse() : raws)),
  },
]

function withPublish(publish: Publish): Mutation {
  return (inner) => overlay(inner, { publish: (batch, settled) => publish(batch, settled, inner) })
}

function withSubscribe(subscribe: Subscribe): Mutation {
  return (inner) => overlay(inner, { subscribe: (subscription, deliver) => subscribe(subscription, deliver, inner) })
}

/** Changes what the consumers of groups are given. */
function withDeliveries(change: (raws: readonly RawDelivery[]) => readonly RawDelivery[]): Mutation {
  return withSubscribe((subscription, deliver, inner) => inner.subscribe(subscription, subscription.kind === 'group' ? (raws) => deliver(change(raws)) : deliver))
}

function overlay(inner: Transport, changed: Partial<Transport>): Transport {
  return {
    name: inner.name,
    faults: inner.faults,
    dead: inner.dead,
    starts: inner.starts,
    get writable() {
      return inner.writable
    },
    connect: (host) => inner.connect(host),
    check: (channels) => inner.check(channels),
    declare: (topology) => inner.declare(topology),
    publish: (batch, settled) => inner.publish(batch, settled),
    onWritable: (go) => inner.onWritable(go),
    onState: (listener) => inner.onState(listener),
    subscribe: (subscription, deliver) => inner.subscribe(subscription, deliver),
    depth: (of) => inner.depth(of),
    close: (deadlineMs) => inner.close(deadlineMs),
    ...changed,
  }
}

function methodsOf(consumer: Consumer): Consumer {
  return {
    address: consumer.address,
    pause: () => consumer.pause(),
    resume: () => consumer.resume(),
    resize: (window) => consumer.resize(window),
    stop: () => consumer.stop(),
    health: () => consumer.health(),
  }
}

function copyOf(raw: RawDelivery, changed: Partial<RawDelivery>): RawDelivery {
  const { envelope, headers, body, contentType, contentEncoding, replyTo, redelivered, deliveryCount, origin, toGroup } = raw

  return {
    ...{ envelope, headers, body, contentType, contentEncoding, replyTo, redelivered, deliveryCount, origin, toGroup, ...changed },
    get isStale() {
      return raw.isStale
    },
    settle: (settlement) => raw.settle(settlement),
  }
}

/** The same message about another step, which nobody ever ordered. */
function raised(body: Uint8Array): Uint8Array {
  const { n, ...rest } = JSON.parse(new TextDecoder().decode(body)) as { n: number }

  return new TextEncoder().encode(JSON.stringify({ ...rest, n: n + 1_000 }))
}
