import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'vite'
import type { simulate } from './simulate.js'

/** A bug in one file of core, as a change of its text. */
export interface Plant {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** The same simulation with a core of its own that has the bug. Rejects where the source has no such text, or has it twice: the bug must be planted anew. */
export async function simulationWith(plant: Plant): Promise<typeof simulate> {
  const planted = new Planting(plant)
  const made = await build({
    configFile: false,
    root,
    logLevel: 'error',
    plugins: [planted],
    oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
    resolve: { conditions: ['@waybill/source', 'node'] },
    ssr: { noExternal: true, resolve: { conditions: ['@waybill/source', 'node'] } },
    build: { ssr: fileURLToPath(new URL('simulate.ts', import.meta.url)), write: false, minify: false, target: 'node20', rolldownOptions: { output: { codeSplitting: false } } },
  })
  const code = codeOf(made)
  if (!planted.isDone) throw new Error(`The simulation does not use packages/core/src/${plant.file}, so nothing could be planted there.`)
  const module = (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as { readonly simulate: typeof simulate }

  return module.simulate
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How often the text that it changes stands in the source. */
export function placesOf({ file, from }: Plant): number {
  return readFileSync(join(root, 'packages/core/src', file), 'utf8').split(from).length - 1
}

class Planting implements Plugin {
  readonly name = 'planting'
  readonly enforce = 'pre'
  isDone = false
  readonly #plant: Plant

  constructor(plant: Plant) {
    this.#plant = plant
  }

  readonly load = (id: string): string | undefined => {
    const { file, from, to } = this.#plant
    if (!id.endsWith(`/packages/core/src/${file}`)) return undefined
    const times = placesOf(this.#plant)
    if (times !== 1) throw new Error(`packages/core/src/${file} is to have this text once and has it ${times} times, so the bug must be planted anew: ${from}`)
    this.isDone = true

    return readFileSync(id, 'utf8').replace(from, () => to)
  }
}

function codeOf(made: Awaited<ReturnType<typeof build>>): string {
  const [output] = [made].flat()
  const chunk = output && 'output' in output ? output.output[0] : undefined
  if (!chunk) throw new Error('The simulation was not built.')

  return chunk.code
}
