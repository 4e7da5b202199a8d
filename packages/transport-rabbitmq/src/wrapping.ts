import type { RawEnvelope } from '@waybill/core'

/** An envelope that another framework wrote into the body, around the payload. */
export interface Wrapping {
  /** What it says of the message. */
  readonly envelope: RawEnvelope
  readonly unwrap: (body: unknown) => unknown
}

type Wrapped = Readonly<Record<string, unknown>>

const massTransit = /^application\/vnd\.masstransit\+json\s*(;|$)/i

/** NestJS names no content type; so begins what it sends under a pattern that is a text. */
const nestStart = Buffer.from('{"pattern":"')

/** Core refuses what is too large before it parses it, and this comes before core. */
const mostBytes = 8 * 1024 * 1024

/** Undefined where the body is the payload, and where it cannot be read: it stays as it came. `type`: what the message calls itself elsewhere. */
export function wrappingOf(contentType: string | undefined, body: Buffer, type: unknown): Wrapping | undefined {
  if (contentType === undefined) return body.indexOf(nestStart) === 0 ? readWrapping(body, (found) => ofNest(found, type)) : undefined

  return massTransit.test(contentType) ? readWrapping(body, ofMassTransit) : undefined
}

function readWrapping(body: Buffer, read: (found: Wrapped) => Wrapping | undefined): Wrapping | undefined {
  if (body.byteLength > mostBytes) return undefined
  try {
    const found: unknown = JSON.parse(body.toString())

    return isWrapped(found) ? read(found) : undefined
  } catch {
    // It becomes a dead letter with its bytes, or a raw listener's.
    return undefined
  }
}

/** The first of its types is the class itself, those behind it are what that extends. */
function ofMassTransit({ conversationId, message, messageId, messageType, sentTime }: Wrapped): Wrapping | undefined {
  const [type] = Array.isArray(messageType) ? (messageType as readonly unknown[]) : []
  if (typeof type !== 'string' || message === undefined) return undefined

  return { envelope: { id: textIn(messageId), type, time: textIn(sentTime), correlationId: textIn(conversationId) }, unwrap: (body) => fieldOf(body, 'message') }
}

function ofNest({ data, id, pattern }: Wrapped, type: unknown): Wrapping | undefined {
  if (data === undefined || (type !== undefined && type !== pattern)) return undefined

  return { envelope: { id: textIn(id), type: pattern }, unwrap: (body) => fieldOf(body, 'data') }
}

function textIn(found: unknown): string | undefined {
  return typeof found === 'string' ? found : undefined
}

function fieldOf(body: unknown, name: string): unknown {
  return isWrapped(body) ? body[name] : undefined
}

function isWrapped(found: unknown): found is Wrapped {
  return typeof found === 'object' && found !== null
}
