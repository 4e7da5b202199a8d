// Another version of Node than the one that runs this, for `npm test -- --node 24`. Fetched once.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { keep, run, step } from './steps.mjs'

/** Lets every program that is started from here on run on this version. */
export async function useNode(version) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const folder = keep(`node-${version}`)
  const programs = join(folder, 'node_modules', name, 'bin')

  await step('node', async () => {
    if (!existsSync(programs)) await run('npm', ['install', `${name}@${version}`, '--prefix', folder, '--loglevel=error'])
    process.env.PATH = `${programs}${delimiter}${process.env.PATH}`

    return (await run('node', ['--version'])).trim()
  })
}
