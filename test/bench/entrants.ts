import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BenchError } from './broker.js'
import type { BrokerName } from './scenario.js'

/** A contender that takes part: its name, and the file to run. */
export interface Entrant {
  readonly name: string
  readonly file: string
  /** It has packages of its own, installed only when it is asked for. */
  readonly isRival: boolean
}

const contendersFolder = new URL('./contenders/', import.meta.url)
const rivalsFolder = new URL('../rivals/', import.meta.url)
const installer = fileURLToPath(new URL('../../setup/rivals.mjs', import.meta.url))

/** Those asked for, or all that need no installation; `raw` first, because the others are measured against it. */
export function chooseEntrants(broker: BrokerName, names: readonly string[] | undefined): readonly Entrant[] {
  const known = knownEntrants(broker)
  const unknown = (names ?? []).filter((name) => !known.some((entrant) => entrant.name === name))
  if (unknown.length > 0) throw new BenchError(`Unknown contender "${unknown.join('", "')}". Known for ${broker}: ${known.map((entrant) => entrant.name).join(', ')}.`)

  return known.filter((entrant) => (names ? names.includes(entrant.name) : !entrant.isRival))
}

/** Installs what the rivals among them run on, once. What it says goes to stderr, so that stdout holds results alone. */
export function installRivals(entrants: readonly Entrant[]): void {
  const rivals = entrants.filter(({ isRival }) => isRival)
  if (rivals.length === 0) return
  const { status } = spawnSync(process.execPath, [installer, ...rivals.map(({ file }) => file)], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new BenchError('What the rivals run on is not all there. Do what is said above, or leave the one that needs it out of --contenders.')
}

/** Files are called `<name>-<broker>`. */
function knownEntrants(broker: BrokerName): readonly Entrant[] {
  const own = filesIn(contendersFolder, `-${broker}.js`, false)
  const rivals = filesIn(rivalsFolder, `-${broker}.mjs`, true)

  return [...own, ...rivals].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
}

function filesIn(folder: URL, ending: string, isRival: boolean): Entrant[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => ({ name: file.slice(0, -ending.length), file: fileURLToPath(new URL(file, folder)), isRival }))
}

function rank({ name, isRival }: Entrant): number {
  if (name === 'raw') return 0

  return isRival ? 2 : 1
}
