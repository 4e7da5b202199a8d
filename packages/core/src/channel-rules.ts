import type { ChannelOptions } from './channel-options.js'
import { isRecord } from './found.js'

/** What the app says about its channels: of one by its name, of several by a pattern. What is more exact wins, option by option. */
export class ChannelRules {
  readonly #rules: readonly { readonly pattern: string; readonly options: ChannelOptions }[]
  readonly #known = new Map<string, ChannelOptions>()

  constructor(channels: Readonly<Record<string, unknown>>) {
    this.#rules = Object.entries(channels)
      .flatMap(([pattern, options]) => (isRecord(options) ? { pattern, options: options as ChannelOptions } : []))
      .sort((a, b) => exactness(a.pattern) - exactness(b.pattern))
  }

  optionsOf(channel: string): ChannelOptions {
    const known = this.#known.get(channel)
    if (known) return known
    const options = Object.assign({}, ...this.#rules.filter(({ pattern }) => covers(pattern, channel)).map((rule) => rule.options)) as ChannelOptions
    this.#known.set(channel, options)

    return options
  }

  /** What its exchange or topic is called. */
  physicalOf(channel: string): string {
    const { name } = this.optionsOf(channel)

    return typeof name === 'string' ? name : channel
  }

  get hasNames(): boolean {
    return this.#rules.some(({ options }) => typeof options.name === 'string')
  }
}

export function isPattern(channel: string): boolean {
  return channel.split('.').some(isWild)
}

/** `*` stands for one word, `#` for any number of them. */
export function covers(pattern: string, channel: string): boolean {
  return pattern === channel || matches(pattern.split('.'), channel.split('.'))
}

function matches([first, ...pattern]: readonly string[], words: readonly string[]): boolean {
  if (first === undefined) return words.length === 0
  if (first === '#') return words.some((_, at) => matches(pattern, words.slice(at))) || matches(pattern, [])
  if (words.length === 0 || (first !== '*' && first !== words[0])) return false

  return matches(pattern, words.slice(1))
}

function exactness(pattern: string): number {
  if (!isPattern(pattern)) return Number.MAX_SAFE_INTEGER
  const words = pattern.split('.')

  return words.filter((word) => !isWild(word)).length * 100 - words.filter((word) => word === '#').length
}

function isWild(word: string): boolean {
  return word === '*' || word === '#'
}
