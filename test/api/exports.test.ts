import { expect, it } from 'vitest'
import { entriesOf, exportsOf, packageNames } from './exported-name.js'

it.each(packageNames.flatMap((name) => entriesOf(name).map((entry) => [entry.path, entry] as const)))('%s exports the names that are written down', async (_, entry) => {
  const names = exportsOf(entry.source).map(({ kind, name }) => `${kind} ${name}\n`)

  await expect(names.join('')).toMatchFileSnapshot(`./${entry.path.replaceAll('/', '.')}.txt`)
})
