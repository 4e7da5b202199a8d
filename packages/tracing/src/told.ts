import type { Attributes } from '@opentelemetry/api'
import { attribute } from './attributes.js'

/** What is told of every message, wherever it is; only texts, as a stranger may have written them. To be added to. */
export function messageAttributes(system: string, id: string, name: unknown, correlationId: unknown): Attributes {
  return {
    [attribute.system]: system,
    [attribute.messageId]: id,
    [attribute.message]: typeof name === 'string' ? name.slice(0, 255) : 'unknown',
    [attribute.conversation]: typeof correlationId === 'string' ? correlationId.slice(0, 255) : id,
  }
}
