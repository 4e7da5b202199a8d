import assert from 'node:assert/strict'
import type { Capabilities } from '@waybill/core'
import { Bench } from './bench.js'
import type { ContractSubject } from './subject.js'

/** One thing that every transport must do. Give each to your test runner: `test(c.title, () => c.run(subject))`. */
export interface ContractCase {
  /** A sentence that a user would say. */
  readonly title: string
  /** What the broker must be able to do; where it cannot, the case proves that the transport says so. */
  readonly needs: readonly Ability[]
  /** Rejects with an AssertionError where the transport does something else. Leaves nothing open. */
  run(subject: ContractSubject): Promise<void>
}

export type Ability = keyof Capabilities

/** A case as its author writes it. */
export interface Scenario {
  readonly title: string
  readonly needs?: readonly Ability[]
  run(bench: Bench): Promise<void>
  /** What must be true where an ability is missing, beside the capability being false. */
  without?(bench: Bench): Promise<void>
}

export function contractCase(scenario: Scenario): ContractCase {
  const needs = scenario.needs ?? []

  return { title: scenario.title, needs, run: (subject) => runScenario(scenario, needs, subject) }
}

async function runScenario(scenario: Scenario, needs: readonly Ability[], subject: ContractSubject): Promise<void> {
  const bench = new Bench(subject)
  try {
    const missing = needs.length > 0 ? await missingOf(bench, needs) : []
    if (missing.length > 0) await scenario.without?.(bench)
    else await scenario.run(bench)
    bench.check()
  } catch (error) {
    // What the case found matters more than a close that fails because of it.
    await bench.close().catch(() => undefined)
    throw error
  }
  await bench.close()
}

async function missingOf(bench: Bench, needs: readonly Ability[]): Promise<readonly Ability[]> {
  const { capabilities } = await bench.peer()
  const missing = needs.filter((need) => !capabilities[need])
  for (const need of missing) {
    const said = capabilities[need]
    assert.ok(said === false || (need === 'maxBodyBytes' && said === undefined), `The capability "${need}" is a clear no or yes; found ${String(said)}.`)
  }

  return missing
}
