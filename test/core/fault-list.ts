import { memory } from '@waybill/transport-memory'
import { expect } from 'vitest'
import type { AppOptions } from '../../packages/core/src/app-options.js'
import type { Fault } from '../../packages/core/src/fault.js'
import { readPlan } from '../../packages/core/src/read-plan.js'

/** Everything that is wrong with an app whose other options are right. */
export function faultsOf(options: object): readonly Fault[] {
  return readPlan({ name: 'shop', services: [], transport: memory(), ...options } as AppOptions).faults
}

/** One fault of this code, whose sentence says each of these. */
export function expectFault(faults: readonly Fault[], code: string, ...says: readonly string[]): void {
  const message = onlyOf(faults, code)
  for (const text of says) expect(message).toContain(text)
}

/** These faults and no others. */
export function expectCodes(faults: readonly Fault[], ...codes: readonly string[]): void {
  expect(faults.map(({ code }) => code).sort()).toEqual([...codes].sort())
}

/** Calls a decorator as a compiler would, on what its type forbids. */
export function decorate(decorator: unknown, ...args: readonly unknown[]): void {
  ;(decorator as (...args: readonly unknown[]) => void)(...args)
}

function onlyOf(faults: readonly Fault[], code: string): string {
  const found = faults.filter((fault) => fault.code === code)
  expect(found, JSON.stringify(faults, null, 2)).toHaveLength(1)

  return found[0]?.message ?? ''
}
