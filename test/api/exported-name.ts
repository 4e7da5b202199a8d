import { posix } from 'node:path'
import { codeOf, files, textOf } from '../setup/tree.js'

export interface ExportedName {
  readonly name: string
  /** `class`, `function`, `interface` …; joined by `+` where one name is two things. */
  readonly kind: string
}

export interface EntryPoint {
  /** As a user imports it, without the scope: `testing/contract`. */
  readonly path: string
  readonly source: string
}

export const packageNames: readonly string[] = [...new Set(files.filter((file) => /^packages\/[^/]+\/src\//.test(file)).map((file) => file.split('/')[1] ?? ''))]

/** The entry points that a package's `exports` name. */
export function entriesOf(packageName: string): readonly EntryPoint[] {
  const manifest: { exports: Record<string, { '@waybill/source'?: string }> } = JSON.parse(textOf(`packages/${packageName}/package.json`))

  return Object.entries(manifest.exports).flatMap(([path, conditions]) => {
    const source = conditions['@waybill/source']

    return source ? [{ path: posix.join(packageName, path), source: posix.join('packages', packageName, source) }] : []
  })
}

/** What a file exports, by name. The kind is read where the name is declared. */
export function exportsOf(file: string): readonly ExportedName[] {
  const text = codeOf(file)
  const lists = [...text.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}\s*from\s*'([^']+)'/gm)].flatMap(([, names = '', from = '']) => {
    const origin = from.startsWith('.') ? posix.join(posix.dirname(file), from).replace(/\.js$/, '.ts') : undefined

    return names.split(',').flatMap((name) => (name.trim() === '' ? [] : [listed(name.trim(), origin)]))
  })

  return [...lists, ...declared(text)].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function listed(item: string, origin: string | undefined): ExportedName {
  const [original = '', name = original] = item.replace(/^type\s+/, '').split(/\s+as\s+/)
  const kind = origin === undefined ? 'foreign' : exportsOf(origin).find((one) => one.name === original)?.kind

  return { name, kind: kind ?? 'missing' }
}

function declared(text: string): readonly ExportedName[] {
  const kinds = new Map<string, Set<string>>()
  for (const [, kind = '', name = ''] of text.matchAll(/^export\s+(?:declare\s+|abstract\s+|async\s+)*(class|function|const|interface|type|enum)\s+(\w+)/gm)) {
    kinds.set(name, (kinds.get(name) ?? new Set()).add(kind))
  }

  return [...kinds].map(([name, found]) => ({ name, kind: [...found].sort().join('+') }))
}
