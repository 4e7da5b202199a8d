// Installs what rivals of the benchmark run on, once, and says so: node test/setup/rivals.mjs [their files]
import { pathToFileURL } from 'node:url'
import { installIn } from './install.mjs'
import { alone } from './lock.mjs'
import { main, step } from './steps.mjs'

const folder = 'test/bench/rivals'

async function installRivals(files) {
  await step('rivals', () => alone('rivals', packages))
  for (const file of files) {
    const { prepare } = await import(pathToFileURL(file).href)
    await prepare?.()
  }
}

const packages = () =>
  installIn(folder).catch((error) => {
    throw new Error(`The rivals' packages do not come from npm: see that its registry answers ("npm ping"), then run "npm ci" in ${folder}.\n${error.message}`)
  })

await main(import.meta.url, () => installRivals(process.argv.slice(2)))
