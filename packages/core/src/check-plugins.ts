import { type Fault, suggest } from './fault.js'
import { describeFound, isRecord } from './found.js'
import type { Plugin } from './plugin.js'

/** What each part of a plugin is; of what is looked at elsewhere, nothing. */
const parts: Readonly<Record<keyof Plugin, 'a function' | 'an object' | 'a list' | undefined>> = {
  name: undefined,
  faults: 'a list',
  store: undefined,
  provides: 'an object',
  middleware: 'an object',
  trace: 'a function',
  open: 'a function',
  start: 'a function',
  stop: 'a function',
}
const methods = ['open', 'start', 'stop'] as const satisfies readonly (keyof Plugin)[]

/** What is wrong with the plugins of an app as such; what is no plugin at all is a fault elsewhere. */
export function checkPlugins(given: unknown, isPlugin: (entry: unknown) => boolean): readonly Fault[] {
  const entries = Array.isArray(given) ? (given as readonly unknown[]) : []
  const plugins = entries.flatMap((plugin, at) => (isPlugin(plugin) ? [{ plugin: plugin as Named['plugin'], where: `plugins[${at}]` }] : []))

  return [...plugins.flatMap(checkParts), ...plugins.flatMap(checkMethods), ...checkTwice(plugins)]
}

interface Named {
  readonly plugin: Readonly<Record<string, unknown>> & { readonly name: string }
  readonly where: string
}

function checkParts({ plugin, where }: Named): readonly Fault[] {
  return Object.entries(parts).flatMap(([part, expected]) => {
    const found = plugin[part]
    if (expected === undefined || found === undefined || isOf(expected, found)) return []

    return [fault(`\`${where}.${part}\` of the plugin "${plugin.name}" is ${expected}; found ${describeFound(found)}`)]
  })
}

function isOf(expected: string, found: unknown): boolean {
  if (expected === 'a list') return Array.isArray(found)

  return expected === 'a function' ? typeof found === 'function' : isRecord(found)
}

/** A method of another name may be the plugin's own: one that is nearly a missing one's, or beside which there is nothing else, is not. */
function checkMethods({ plugin, where }: Named): readonly Fault[] {
  const missing = methods.filter((method) => plugin[method] === undefined)
  const isEmpty = Object.keys(parts).every((part) => part === 'name' || plugin[part] === undefined)
  const strangers = methodsOf(plugin).filter((method) => !(method in parts) && (isEmpty || suggest(method, missing) !== ''))

  return strangers.map((method) =>
    fault(`\`${where}.${method}\` of the plugin "${plugin.name}" is never called.${suggest(method, missing)} A plugin has ${Object.keys(parts).join(', ')}`),
  )
}

function methodsOf(plugin: object): readonly string[] {
  const found = new Set<string>()
  for (let at: object | null = plugin; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null)
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) if (typeof value === 'function' && name !== 'constructor') found.add(name)

  return [...found]
}

/** Two stores are a fault of their own, whatever the plugins are called. */
function checkTwice(plugins: readonly Named[]): readonly Fault[] {
  return plugins.flatMap((one, at) => {
    const first = plugins.slice(0, at).find(({ plugin }) => plugin.name === one.plugin.name && !(plugin.store && one.plugin.store))
    if (!first) return []

    return [fault(`\`${first.where}\` and \`${one.where}\` are both called "${one.plugin.name}", and an app has a plugin once. Remove one, or give it another name`)]
  })
}

function fault(sentence: string): Fault {
  return { code: 'APP_OPTIONS', message: `createApp: ${sentence}.` }
}
