// Installs the packages that package-lock.json names, and only when it names others than those that are there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { alone } from './lock.mjs'
import { begun, main, root, run, step } from './steps.mjs'

export const install = () => step('install', () => alone('install', () => installIn('.')))

/** The same for a folder of the tree that has a lock file of its own. */
export async function installIn(folder) {
  if (isInstalled(folder)) return 'up to date'
  begun('install', 'npm ci fetches the packages, half a minute the first time')
  await run('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: join(root, folder) })

  return 'npm ci'
}

// npm writes this list last, so a broken-off installation has none and is done again.
function isInstalled(folder) {
  const found = packagesIn(folder, 'node_modules/.package-lock.json')
  const wanted = Object.entries(packagesIn(folder, 'package-lock.json') ?? {})

  return found !== undefined && wanted.every(([path, { version, optional, peer }]) => path === '' || optional || peer || found[path]?.version === version)
}

function packagesIn(folder, file) {
  try {
    return JSON.parse(readFileSync(join(root, folder, file), 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

await main(import.meta.url, install)
