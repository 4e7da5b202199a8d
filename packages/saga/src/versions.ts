import { countOf, type Fault, type SagaStore } from '@waybill/core'
import type { SagaDefinition } from './definition.js'
import { type FlowGraph, stepsOf } from './graph.js'
import { OtherVersion } from './handing.js'
import { ended, type Instance } from './instance.js'

/** One version of a saga, with the functions of an instance that has its dependencies. */
export interface Version {
  readonly definition: SagaDefinition
  readonly graph: FlowGraph
}

/** The versions of one saga that an app can go on with, and the way from one to the next. */
export class Versions {
  readonly current: Version
  readonly #known: ReadonlyMap<number, Version>

  constructor(versions: readonly [Version, ...Version[]]) {
    this.current = versions[0]
    this.#known = new Map(versions.map((version) => [version.definition.version, version]))
  }

  get graphs(): readonly FlowGraph[] {
    return [...this.#known.values()].map(({ graph }) => graph)
  }

  /** The flow by which a saga goes on. It is brought up before, where its definition says how and nothing that it has begun is left behind. */
  graphFor(saga: Instance): FlowGraph {
    if (!saga.isOver) this.#bringUp(saga)
    const version = this.#known.get(saga.definition)
    if (version) return version.graph
    // What is over goes on by none.
    if (saga.isOver) return this.current.graph

    throw new OtherVersion(
      'MISSING_DEFINITION',
      `The saga "${saga.saga}" "${saga.id}" was started with version ${saga.definition}, which this app does not have. Name its class in "earlier" of @Saga, or bring it up by "migrate".`,
    )
  }

  /** Sagas in the store that could not go on. */
  async faults(sagas: SagaStore): Promise<readonly Fault[]> {
    const { name } = this.current.definition
    const faults: Fault[] = []
    for (const [version, count] of await sagas.live(name, ended)) {
      if (this.#known.has(version)) continue
      const target = this.#targetOf(version)
      if (!target) faults.push(missing(name, version, count))
      else for (const [step, begun] of await sagas.begun(name, version, ended)) if (!has(target.graph, step)) faults.push(leftBehind(name, version, target, step, begun))
    }

    return faults
  }

  #bringUp(saga: Instance): void {
    const target = this.#targetOf(saga.definition)
    if (!target || !saga.begun.every((step) => has(target.graph, step))) return
    const { migrate } = this.current.definition
    for (let next = migrate[saga.definition]; next && saga.definition < target.definition.version; next = migrate[saga.definition]) {
      const from = saga.definition
      saga.data = next(saga.data)
      saga.definition = from + 1
      saga.note('migrated', { from, to: from + 1 })
    }
  }

  /** Where the steps from one version to the next lead; undefined where there is none. */
  #targetOf(version: number): Version | undefined {
    const { migrate, version: latest } = this.current.definition
    let to = version
    while (to < latest && migrate[to]) to++

    return to === version ? undefined : this.#known.get(to)
  }
}

function has(graph: FlowGraph, step: string): boolean {
  return stepsOf(graph).some(({ name }) => name === step)
}

function missing(name: string, version: number, count: number): Fault {
  return {
    code: 'MISSING_DEFINITION',
    message: `${startedWith(name, version, count)}, which this app does not have. Name its class in "earlier" of @Saga, or bring the sagas up by "migrate".`,
  }
}

function leftBehind(name: string, version: number, { definition }: Version, step: string, count: number): Fault {
  return {
    code: 'MISSING_DEFINITION',
    message: `${startedWith(name, version, count)}, and ${count === 1 ? 'has' : 'have'} begun the step "${step}", which version ${definition.version} does not have, so it would never be undone. Name the class of version ${version} in "earlier" of @Saga, or keep the step.`,
  }
}

function startedWith(name: string, version: number, count: number): string {
  return `${countOf(count, `saga "${name}" that is not over was`, `sagas "${name}" that are not over were`)} started with version ${version}`
}
