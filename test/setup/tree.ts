import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every file that git tracks or would take, as a path from the root. */
export const files: readonly string[] = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)))

/** The text of a file of the tree. */
export const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

/** One `import`, `export … from` or `import()` in a file. */
export interface Import {
  readonly file: string
  readonly from: string
  /** The imported file of this tree, for a relative path. */
  readonly target: string | undefined
  /** True when nothing of it is left at run time. */
  readonly isType: boolean
}

const statement = /^\s*(?:import|export)\s+(type\s)?(?:[^'"();]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
const call = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** What a file imports, in the order of its text. */
export const importsOf = remembered((file): readonly Import[] => {
  const text = codeOf(file)
  const found = [...text.matchAll(statement)].map((match) => ({ from: match[2] ?? '', isType: match[1] !== undefined }))
  const called = [...text.matchAll(call)].map((match) => ({ from: match[1] ?? '', isType: false }))

  return [...found, ...called].map((one) => ({ ...one, file, target: one.from.startsWith('.') ? targetOf(file, one.from) : undefined }))
})

/** The text of a file with its comments emptied, line by line. */
export const codeOf = remembered((file) => textOf(file).replace(/^\s*(?:\/\/|\/?\*).*$/gm, ''))

const targetOf = (file: string, from: string): string => posix.join(posix.dirname(file), from).replace(/\.js$/, '.ts')

/** `file:line` of every line of code that matches. */
export function placesOf(among: readonly string[], pattern: RegExp): readonly string[] {
  return among.flatMap((file) =>
    codeOf(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  )
}

function remembered<T>(read: (file: string) => T): (file: string) => T {
  const known = new Map<string, T>()

  return (file) => {
    const value = known.get(file) ?? read(file)
    known.set(file, value)

    return value
  }
}
