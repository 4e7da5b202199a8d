import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const setup = new URL('../setup/', import.meta.url)

test('the packages of rivals are locked without the address of a registry', () => {
  const lock = JSON.parse(readFileSync(new URL('rivals/package-lock.json', import.meta.url), 'utf8')) as { packages: Record<string, { resolved?: string }> }

  const addresses = Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? [])

  expect(addresses.filter((address) => !address.startsWith('https://registry.npmjs.org/'))).toEqual([])
})

test('without Java and Maven a rival of the JVM says what to install', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const program = `import { make } from '${new URL('spring.mjs', setup).href}'; await make('${folder}/spring').catch((error) => console.log(error.message))`

  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { env: { PATH: folder }, encoding: 'utf8' })

  expect(stdout).toBe('Spring needs "mvn", of Maven and a JDK from 17 on, and it does not run here. On Debian: sudo apt-get install -y maven default-jdk-headless\n')
})
