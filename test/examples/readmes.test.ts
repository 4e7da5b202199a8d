import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const folder = new URL('node_modules/.cache/snippets/', root)

/** Every program of every README, by the place where it stands. Those of testing are lines of its own suites, which a test there compares. */
function snippets(): { readonly name: string; readonly code: string }[] {
  const readmes = [
    'README.md',
    ...readdirSync(new URL('packages/', root))
      .filter((name) => name !== 'testing')
      .map((name) => `packages/${name}/README.md`),
  ]

  return readmes.flatMap((readme) => {
    const blocks = [...readFileSync(new URL(readme, root), 'utf8').matchAll(/```ts\n(.*?)```/gs)]

    return blocks.map(([, code], index) => ({ name: `${readme.replaceAll('/', '-').replace('.md', '')}-${index + 1}.ts`, code: `${code}\nexport {}\n` }))
  })
}

test('every program in a README compiles as it stands', async () => {
  const found = snippets()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { name, code } of found) writeFileSync(new URL(name, folder), code)
  const config = {
    extends: fileURLToPath(new URL('tsconfig.json', root)),
    compilerOptions: { noEmit: true, composite: false, noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  }
  writeFileSync(new URL('tsconfig.json', folder), JSON.stringify(config))

  const compiler = spawn(fileURLToPath(new URL('node_modules/.bin/tsc', root)), ['-p', fileURLToPath(folder)])
  let said = ''
  compiler.stdout.on('data', (text) => (said += String(text)))
  await once(compiler, 'close')

  expect(said).toBe('')
  expect(found.length).toBeGreaterThan(5)
})

const packageNames = readdirSync(new URL('packages/', root)).filter((name) => name !== 'testing')

test.each(packageNames)('the README of %s says above its first program how to install what that imports', (name) => {
  const linesOf = (pack: string): readonly string[] => {
    const [, install = '', program = ''] =
      /^# .*\n\n.*\n\n```sh\nnpm install (.*)\n```\n\n```ts\n(.*?)```/s.exec(readFileSync(new URL(`packages/${pack}/README.md`, root), 'utf8')) ?? []

    return [install, program]
  }
  const [install = '', program = ''] = linesOf(name)
  const [common = ''] = linesOf('core')
  const imported = [...program.matchAll(/ from '([^']+)'/g)].map(([, from]) => from)
  const installed = `${install} ${common}`.split(' ')

  expect(install.split(' ')).toContain(`@waybill/${name}`)
  expect(imported.filter((from) => !installed.includes(String(from)))).toEqual([])
})
