import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ConfigError, InvalidMessage } from './error.js'
import type { Schema } from './contract.js'

/** The schema's output for a value. Throws {@link InvalidMessage} with every issue and its path. */
export function validate(schema: Schema, messageName: string, value: unknown): object {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) throw asynchronous(messageName, result)
  if (result.issues) throw new InvalidMessage(messageName, result.issues.map(describeIssue))

  return result.value
}

function asynchronous(messageName: string, pending: Promise<unknown>): ConfigError {
  // Nobody waits for it any more; its failure must not become an unhandled rejection.
  pending.catch(() => undefined)

  return new ConfigError([
    {
      code: 'ASYNCHRONOUS_SCHEMA',
      message: `The schema of "${messageName}" answers with a promise. A message is validated in its constructor: use a synchronous schema, and check what needs I/O in the listener.`,
    },
  ])
}

function describeIssue(issue: StandardSchemaV1.Issue): { path: string; message: string } {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')

  return { path, message: issue.message }
}
