// npm run check: everything that can be said about the tree without running it. `-- --fix` mends what a tool can mend.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { install } from './install.mjs'
import { main, passingFolder, readArguments, root, run, step, tool } from './steps.mjs'

/** Runs every check, also after one that failed, and rejects with all that they found. Packages are built before. */
export async function check() {
  const found = await Promise.allSettled([style(), promises(), step('types', () => quiet('tsc', '-b')), step('unused', () => quiet('knip')), packages()])
  const failed = found.filter(({ status }) => status === 'rejected')
  if (failed.length > 0) throw new Error(failed.map(({ reason }) => reason.message).join('\n'))
}

const quiet = async (...[name, ...args]) => {
  await tool(name, args)
}

const style = () => step('style', () => quiet('biome', 'check', '--error-on-warnings', '.'))
const promises = () => step('promises', () => quiet('oxlint', '--type-aware', '--deny-warnings', '.'))

// The tarballs are looked at, not the folders: they are what a user gets.
const packages = () =>
  step('packages', async () => {
    const folder = passingFolder()
    const folders = readdirSync(join(root, 'packages')).map((name) => `./packages/${name}`)
    await run('npm', ['pack', ...folders, '--ignore-scripts', '--pack-destination', folder, '--loglevel=error'])
    const tarballs = readdirSync(folder).map((name) => join(folder, name))
    await Promise.all(tarballs.map((tarball) => tool('publint', ['--strict', tarball])))
    await Promise.all(tarballs.map((tarball) => tool('attw', ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', tarball])))

    return `${tarballs.length} tarballs`
  })

async function fix() {
  await step('fix', () =>
    tool('biome', ['check', '--write', '.']).then(
      () => 'formatted',
      () => 'formatted; what is left follows',
    ),
  )
  await step('names', async () => {
    await tool('vitest', ['run', '-c', 'test/vitest.config.ts', 'test/api', '--update'])

    return 'test/api/*.txt written'
  })
}

await main(import.meta.url, async () => {
  const { values } = readArguments({ fix: { type: 'boolean' } })
  await install()
  if (values.fix) await fix()
  await build()
  await check()
})
