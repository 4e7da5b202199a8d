import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Schema } from './contract.js'
import { ConfigError, InvalidMessage } from './error.js'
import type { Fault } from './fault.js'

/** The schema's output for a value. Throws {@link InvalidMessage} with every issue and its path. */
export function validate(schema: Schema, messageName: string, value: unknown): object {
  const result: unknown = schema['~standard'].validate(value)
  if (isPending(result)) throw new ConfigError([asynchronous(messageName)])
  const { issues, value: output } = result as StandardSchemaV1.Result<unknown> & { value?: unknown }
  if (issues) throw new InvalidMessage(messageName, issues.map(describeIssue))
  if (typeof output !== 'object' || output === null) {
    throw new InvalidMessage(messageName, [{ path: '', message: `a payload is an object; its schema made ${output === null ? 'null' : `a value of type ${typeof output}`} of it` }])
  }

  return output
}

/** True for whatever speaks Standard Schema, version 1. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  try {
    const standard = (value as { '~standard'?: { version?: unknown; validate?: unknown } })['~standard']

    return standard?.version === 1 && typeof standard.validate === 'function'
  } catch {
    // A getter that throws is no schema that could be used; the caller says so.
    return false
  }
}

/** Stands in for a schema that is none: nothing gets past a definition that is wrong. */
export const refuseAll: Schema = {
  '~standard': { version: 1, vendor: 'waybill', validate: () => ({ issues: [{ message: 'its definition has no usable schema; `start` says what is wrong' }] }) },
}

/** Whether a schema always answers with a promise, found by asking it about nothing. */
export function faultOfSchema(schema: Schema, messageName: string): Fault | undefined {
  try {
    return isPending(schema['~standard'].validate(undefined)) ? asynchronous(messageName) : undefined
  } catch {
    // A hand-made schema may expect an object before it looks. Whether it waits shows at the first value.
    return undefined
  }
}

function isPending(result: unknown): boolean {
  const then = (result as { then?: unknown } | null | undefined)?.then
  if (typeof then !== 'function') return false
  // Nobody waits for it any more; its failure must not become an unhandled rejection.
  void Promise.resolve(result).catch(() => undefined)

  return true
}

function asynchronous(messageName: string): Fault {
  return {
    code: 'ASYNCHRONOUS_SCHEMA',
    message: `The schema of "${messageName}" answers with a promise. A message is validated in its constructor: use a synchronous schema, and check what needs I/O in the listener.`,
  }
}

function describeIssue(issue: StandardSchemaV1.Issue): { path: string; message: string } {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')

  return { path, message: issue.message }
}
