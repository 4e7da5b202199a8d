// Compiles packages and examples. tsc looks at what changed by itself; what no source makes any more is removed.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { install } from './install.mjs'
import { alone } from './lock.mjs'
import { main, readArguments, root, step, tool } from './steps.mjs'

/** Builds the named projects and what they refer to; all packages and examples, and what tests run as processes, when none is named. */
export const build = (projects = allProjects()) =>
  step('build', () =>
    alone('build', async () => {
      projects.forEach(removeOrphans)
      await tool('tsc', ['-b', ...projects])

      return projects.length === 1 ? '1 project' : `${projects.length} projects`
    }),
  )

function allProjects() {
  const folders = ['packages', 'examples'].flatMap((group) => {
    const names = existsSync(join(root, group)) ? readdirSync(join(root, group)) : []

    return names.map((name) => `${group}/${name}`)
  })

  return [...folders, 'test/faults/program'].filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))
}

function removeOrphans(project) {
  const dist = join(root, project, 'dist')
  const src = existsSync(join(root, project, 'src')) ? 'src' : '.'
  if (!existsSync(dist)) return
  for (const file of readdirSync(dist, { recursive: true })) {
    const source = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(file)?.[1]
    if (source && !existsSync(join(root, project, src, `${source}.ts`))) rmSync(join(dist, file))
  }
}

await main(import.meta.url, async () => {
  readArguments()
  await install()
  await build()
})
