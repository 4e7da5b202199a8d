import { createHash } from 'node:crypto'
import type { Codec } from './codec.js'
import { contextHeaders } from './context.js'
import { countOf } from './count-of.js'
import { parseDuration } from './duration.js'
import { traceparentOf } from './dead-letter.js'
import { isReserved, type Envelope, writeEnvelope } from './envelope.js'
import { InvalidMessage, WaybillError } from './error.js'
import { describeFound, nameOf } from './found.js'
import { excessOf, nestsTooDeep, type Limits } from './limits.js'
import type { Link } from './link.js'
import type { Links } from './links.js'
import { definitionOf, Message, type Definition } from './message.js'
import { durationOf, faultOfDuration } from './option.js'
import type { PluginMarks } from './plugin.js'
import type { PublishOptions } from './publisher.js'
import type { Runtime } from './runtime.js'
import type { Scope } from './scope.js'
import type { TraceSource } from './trace.js'
import type { Outgoing } from './transport.js'
import { uuid8From } from './uuid.js'

export interface OutgoingRules {
  readonly app: string
  readonly runtime: Runtime
  readonly codec: Codec
  readonly limits: Limits
  readonly links: Links
  readonly trace?: TraceSource | undefined
}

/** What a plugin says of a message. A symbol: users cannot set it, and middleware that copies its options keeps it. */
export const marks: unique symbol = Symbol('waybill:marks')

export interface MarkedOptions extends PublishOptions {
  readonly [marks]?: PluginMarks
}

/** The definition of what a caller gave as a message; a clear error where it is none. */
export function definitionOfMessage(message: unknown): Definition {
  const definition = message instanceof Message ? definitionOf(message.constructor) : undefined
  if (definition) return definition

  const name = definitionOf(message) ? nameOf(message) : 'OrderPlaced'
  throw new WaybillError('NO_MESSAGE', `Expected an instance of a message class, found ${describeFound(message)}. Publish "new ${name}({ … })".`)
}

/** Everything the transport needs of one message: envelope, bytes, options. Throws before anything is sent. */
export function prepareOutgoing(message: Message, definition: Definition, options: MarkedOptions, link: Link, scope: Scope | undefined, rules: OutgoingRules): Outgoing {
  const body = encode(message, definition, link, rules)
  const headers: Record<string, unknown> = {}
  if (scope) contextHeaders(scope.contexts, headers)
  if (options.headers) ownHeaders(options.headers, link, headers)
  Object.assign(headers, options[marks]?.headers)

  const subject = definition.keyOf?.(Message.outputOf(message))
  const heldIn = options.held === false ? undefined : scope
  const id = options.id === undefined ? (heldId(heldIn, definition.name, subject) ?? rules.runtime.id()) : ownId(options.id)
  const envelope = traced(envelopeOf(definition, { id, subject }, { scope, origin: options[marks]?.origin }, rules), definition.channel, link.name, rules)
  if (options.headers || (scope && scope.contexts.size > 0) || envelope.baggage !== undefined) checkHeaders(definition, { ...headers }, envelope, link, rules.limits)

  return {
    to: { kind: 'channel', channel: definition.channel },
    envelope,
    headers,
    body,
    contentType: rules.codec.contentType,
    contentEncoding: undefined,
    mandatory: link.capabilities.unroutable && (definition.kind !== 'event' || definition.heard),
    delayMs: duration(options.delay, 'delay', link.capabilities.delay || (scope?.transaction !== undefined && options.held !== false), link),
    expiresMs: duration(options.expires, 'expires', link.capabilities.expiry, link),
    priority: options.priority === undefined ? undefined : priority(options.priority, definition.channel, link, rules),
    replyTo: undefined,
  }
}

/**
 * The same cause, group, listener, kind and place give the same id: a handler that runs again sends the same messages. Of a kind are those of one name
 * and key: all others may be published at the same time, and then in any order.
 */
function heldId(scope: Scope | undefined, name: string, key: string | undefined): string | undefined {
  if (!scope?.held || !scope.cause) return undefined
  const { cause, owner, held } = scope
  const kind = key === undefined ? name : `${name} ${key}`
  const hash = createHash('sha256')
    .update(`${cause.seed}\n${cause.group}\n${owner}\n${held.place(kind)}\n${kind}`)
    .digest()

  return uuid8From(cause.time, hash)
}

function encode(message: Message, { name }: Definition, { name: transport, capabilities }: Link, { codec, limits }: OutgoingRules): Uint8Array {
  let body: Uint8Array
  try {
    body = codec.encode(Message.inputOf(message))
  } catch (error) {
    throw new InvalidMessage(name, [{ path: '', message: `it cannot be written as JSON: ${(error as Error).message}` }])
  }
  if (nestsTooDeep(body, limits.nesting))
    throw new InvalidMessage(name, [{ path: '', message: `it is nested deeper than ${countOf(limits.nesting, 'level')}, which no listener takes` }])
  const { maxBodyBytes = Number.POSITIVE_INFINITY } = capabilities
  if (body.length > maxBodyBytes)
    throw new WaybillError('MESSAGE_TOO_LARGE', `"${name}" has ${body.length} bytes; the broker of "${transport}" takes up to ${maxBodyBytes}. Send less, or send a reference.`)
  if (body.length <= limits.bodyBytes) return body

  throw new WaybillError(
    'MESSAGE_TOO_LARGE',
    `"${name}" has ${body.length} bytes; listeners take up to ${limits.bodyBytes}. Send less, send a reference, or raise "limits.bodyBytes" in every app that takes it.`,
  )
}

interface Belonging {
  readonly scope: Scope | undefined
  readonly origin: PluginMarks['origin']
}

function envelopeOf(definition: Definition, { id, subject }: Pick<Envelope, 'id' | 'subject'>, { scope, origin }: Belonging, { app, runtime }: OutgoingRules): Envelope {
  const cause = scope?.cause

  return {
    id,
    type: definition.name,
    source: cause ? `/${app}/${cause.serviceName}` : `/${app}`,
    time: timestamp(runtime.now()),
    subject,
    dataVersion: definition.version,
    // A message that nothing caused correlates to itself; its own id says so already.
    correlationId: cause?.correlationId ?? origin?.correlationId,
    causationId: cause?.id,
    traceparent: cause?.traceparent ?? traceparentOf(origin?.traceparent),
    tracestate: cause?.tracestate,
    baggage: cause?.baggage,
  }
}

/** The envelope in the trace that the tracer says. */
function traced(envelope: Envelope, channel: string, transport: string, { trace }: OutgoingRules): Envelope {
  if (!trace) return envelope
  const { id, type: name, subject: key, correlationId } = envelope
  const context = trace({ id, name, key, channel, transport, correlationId, cause: envelope.traceparent === undefined ? undefined : envelope })

  return context ? { ...envelope, traceparent: context.traceparent, tracestate: context.tracestate, baggage: context.baggage } : envelope
}

let latest = { ms: Number.NaN, text: '' }

/** RFC 3339. Messages of one turn share their millisecond, so it is written once. */
function timestamp(ms: number): string {
  if (latest.ms !== ms) latest = { ms, text: new Date(ms).toISOString() }

  return latest.text
}

/** What listeners would refuse is not sent. */
function checkHeaders({ name }: Definition, headers: Record<string, unknown>, envelope: Envelope, link: Link, limits: Limits): void {
  writeEnvelope(envelope, link.capabilities.envelopePrefix, headers)
  const excess = excessOf(nothing, headers, limits)
  if (excess)
    throw new WaybillError('HEADERS_TOO_LARGE', `"${name}" and its envelope would be refused by every listener: ${excess} Send less, or raise "limits" in every app that takes it.`)
}

const nothing = new Uint8Array()

function ownId(id: unknown): string {
  if (typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= 255) return id

  throw new WaybillError(
    'MESSAGE_ID',
    `"id" is to be a text of 1 to 255 bytes; found ${typeof id === 'string' ? `one of ${Buffer.byteLength(id)}` : typeof id}. Leave it out for a new one.`,
  )
}

function ownHeaders(own: NonNullable<PublishOptions['headers']>, link: Link, into: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(own)) {
    if (name === '' || Buffer.byteLength(name) > 255 || name === '__proto__' || isReserved(name, link.capabilities.envelopePrefix)) {
      throw new WaybillError(
        'RESERVED_HEADER',
        `A header of your own cannot be called "${name.slice(0, 80)}": names of 1 to 255 bytes that do not start with "x-", "waybill-" or "${link.capabilities.envelopePrefix}" are yours.`,
      )
    }
    if (typeof value !== 'string' && !Number.isFinite(value) && typeof value !== 'boolean') {
      throw new WaybillError('HEADER_VALUE', `The header "${name}" is to be a text, a finite number or a boolean; found ${typeof value === 'number' ? value : typeof value}.`)
    }
    into[name] = value
  }
}

function duration(given: string | undefined, option: string, able: boolean, link: Link): number | undefined {
  if (given === undefined) return undefined
  if (!able) throw unable(option, link)

  const ms = durationOf(given)
  if (ms !== undefined || parseDuration(given) === 0) return ms

  throw new WaybillError('DURATION', faultOfDuration(option, given))
}

function priority(given: number, channel: string, link: Link, { links }: OutgoingRules): number {
  if (!link.capabilities.priority) throw unable('priority', link)
  if (link.capabilities.priority === 'stated' && links.optionsOf(channel).queue?.arguments?.[maxPriority] === undefined) throw unstated(channel, link)
  if (Number.isInteger(given) && given >= 0 && given <= 255) return given

  throw new WaybillError('PRIORITY', `"priority" is to be a whole number from 0 to 255; found ${String(given)}.`)
}

const maxPriority = 'x-max-priority'

function unstated(channel: string, { capabilities, name }: Link): WaybillError {
  return new WaybillError(
    'UNSUPPORTED_OPTION',
    `The queues of channel "${channel}" on "${name}" (${capabilities.broker}) have no priorities, so "priority" would be ignored. Publish without it, or state in every app of that channel: ` +
      `channels: { "${channel}": { queue: { type: 'classic', arguments: { '${maxPriority}': 9 } } } }.`,
  )
}

function unable(option: string, link: Link): WaybillError {
  return new WaybillError(
    'UNSUPPORTED_OPTION',
    `The transport "${link.name}" (${link.capabilities.broker}) cannot honour "${option}". Publish without it, or move the channel to a transport that can.`,
  )
}
