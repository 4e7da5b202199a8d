// Installs the packages that package-lock.json names, and only when it names others than those that are there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { alone } from './lock.mjs'
import { main, root, run, step } from './steps.mjs'

export const install = () =>
  step('install', () =>
    alone('install', async () => {
      if (isInstalled()) return 'up to date'
      await run('npm', ['ci', '--ignore-scripts', '--loglevel=error'])

      return 'npm ci'
    }),
  )

// npm writes this list last, so a broken-off installation has none and is done again.
function isInstalled() {
  const found = packagesIn('node_modules/.package-lock.json')
  const wanted = Object.entries(packagesIn('package-lock.json') ?? {})

  return found !== undefined && wanted.every(([path, { version, optional, peer }]) => path === '' || optional || peer || found[path]?.version === version)
}

function packagesIn(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

await main(import.meta.url, install)
