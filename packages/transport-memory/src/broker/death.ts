import { header, headerBlock } from '@waybill/core'
import { copyHeaders } from './headers.js'
import type { Entry, Message } from './message.js'

/** Why the broker itself gave a message up, in the words of AMQP. */
export type Death = 'expired' | 'maxlen' | 'delivery_limit'

/** The dead letter of a message that the broker gave up: bytes untouched, `x-death` tells the story as RabbitMQ does, and Waybill's own headers what people look for. */
export function deadMessage(entry: Entry, death: Death, deadLetters: string, now: number): Message {
  const { message } = entry

  return { ...message, exchange: '', routingKey: deadLetters, headers: deadHeaders(entry, death, now), mandatory: false, delayMs: undefined, expiresMs: undefined }
}

function deadHeaders(entry: Entry, death: Death, now: number): Readonly<Record<string, unknown>> {
  const { message, home } = entry
  const headers = copyHeaders(message.headers, headerBlock()) ?? headerBlock()
  const story = {
    reason: death,
    queue: home.name,
    exchange: message.exchange,
    'routing-keys': [message.routingKey],
    count: 1,
    time: { '!': 'timestamp', value: Math.floor(now / 1000) },
  }
  headers['x-death'] = [story, ...(Array.isArray(headers['x-death']) ? (headers['x-death'] as unknown[]) : [])]
  headers['x-first-death-reason'] ??= death
  headers['x-first-death-queue'] ??= home.name
  headers['x-first-death-exchange'] ??= message.exchange
  headers[header.deadReason] = `broker-${death}`
  headers[header.deadMessage] = `The embedded broker moved it out of queue "${home.name}" by itself: ${death}.`
  headers[header.deadAttempts] = story.count
  headers[header.deadTime] = new Date(now).toISOString()
  headers[header.deadOrigin] = JSON.stringify({ address: home.name, exchange: message.exchange, routingKey: message.routingKey })

  return headers
}
