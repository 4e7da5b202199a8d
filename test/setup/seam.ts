import { randomUUID } from 'node:crypto'
import type { Destination, Outgoing, PublishOutcome, RawDelivery, Transport } from '@waybill/core'

export type OutgoingParts = Partial<Outgoing> & { readonly key?: string | undefined; readonly id?: string }

/** A message as core gives it to a transport. */
export function outgoing(to: Destination, text: string, parts: OutgoingParts = {}): Outgoing {
  const { key, id, ...rest } = parts

  return {
    to,
    envelope: {
      id: id ?? randomUUID(),
      type: 'order.placed',
      source: '/shop',
      time: new Date().toISOString(),
      subject: key,
      dataVersion: 1,
      correlationId: undefined,
      causationId: undefined,
      traceparent: undefined,
      tracestate: undefined,
      baggage: undefined,
    },
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

/** Resolves with the outcome of each. */
export function outcomesOf(transport: Transport, batch: readonly Outgoing[]): Promise<readonly PublishOutcome[]> {
  const outcomes: PublishOutcome[] = []
  let open = batch.length

  return new Promise((resolve) => {
    transport.publish(batch, (index, outcome) => {
      outcomes[index] = outcome
      if (--open === 0) resolve(outcomes)
    })
  })
}

export function textOf({ body }: RawDelivery): string {
  return Buffer.from(body).toString('utf8')
}
