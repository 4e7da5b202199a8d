import type { Journal } from '../journal/journal.js'
import type { BrokerRecord } from '../journal/record.js'
import type { Queue } from './queue.js'

export type ExchangeKind = 'topic' | 'direct' | 'fanout' | 'headers'

/** What a binding to a headers exchange asks for: values that must be there, and `x-match` (`all`, the default, or `any`). */
export type BindingArguments = Readonly<Record<string, unknown>>

interface Binding {
  readonly queue: Queue
  readonly arguments: BindingArguments
}

/** Decides which queues a message goes to, by the four rules of AMQP 0-9-1. Each queue gets it once, however many bindings match. */
export class Exchange {
  readonly #bindings = new Map<string, readonly Binding[]>()
  /** What most keys have, made once for each queue: a thousand types have 65 keys each. */
  readonly #alone = new Map<Queue, readonly Binding[]>()
  readonly #patterns = new Set<string>()
  readonly #routes = new Map<string, readonly Queue[]>()

  constructor(
    readonly name: string,
    readonly kind: ExchangeKind,
    readonly journal: () => Journal | undefined,
  ) {}

  /** Binding the same again changes nothing. */
  bind(queue: Queue, key: string, args: BindingArguments = {}): void {
    const bound = this.#bindings.get(key)
    if (bound?.some((b) => b.queue === queue && sameArguments(b.arguments, args))) return
    this.#bindings.set(key, bound === undefined && isEmpty(args) ? this.#aloneIn(queue) : [...(bound ?? []), { queue, arguments: args }])
    this.journal()?.made({ bind: queue.name, to: this.name, key, args })
    if (isPattern(key)) this.#patterns.add(key)
    this.#routes.clear()
  }

  unbind(queue: Queue, key: string): void {
    const bound = this.#bindings.get(key) ?? []
    const rest = bound.filter((b) => b.queue !== queue)
    if (rest.length === bound.length) return
    this.#keep(key, rest)
    this.journal()?.made({ unbind: queue.name, from: this.name, key })
  }

  /** Forgets every binding of a queue that is gone. */
  forget(queue: Queue): void {
    for (const key of [...this.#bindings.keys()]) this.unbind(queue, key)
    this.#alone.delete(queue)
  }

  /** The queues that are bound under exactly this key. */
  boundTo(key: string): readonly Queue[] {
    return (this.#bindings.get(key) ?? []).map((b) => b.queue)
  }

  /** What makes it again elsewhere. */
  *records(): Generator<BrokerRecord> {
    yield { exchange: this.name, kind: this.kind }
    for (const [key, bound] of this.#bindings) for (const { queue, arguments: args } of bound) yield { bind: queue.name, to: this.name, key, args }
  }

  route(routingKey: string, headers: Readonly<Record<string, unknown>>): readonly Queue[] {
    if (this.kind === 'headers') return queuesOf(this.#all().filter((b) => headersMatch(b.arguments, headers)))

    return this.#routes.get(routingKey) ?? this.#remember(routingKey, queuesOf(this.#matching(routingKey)))
  }

  #aloneIn(queue: Queue): readonly Binding[] {
    const bound = this.#alone.get(queue) ?? [{ queue, arguments: {} }]
    this.#alone.set(queue, bound)

    return bound
  }

  #matching(routingKey: string): readonly Binding[] {
    if (this.kind === 'fanout') return this.#all()
    const exact = this.#bindings.get(routingKey) ?? []
    if (this.kind === 'direct') return exact

    return [...exact, ...this.#ofPatterns(routingKey)]
  }

  #ofPatterns(routingKey: string): Binding[] {
    return [...this.#patterns].filter((pattern) => topicMatches(pattern, routingKey)).flatMap((pattern) => this.#bindings.get(pattern) ?? [])
  }

  #all(): Binding[] {
    return [...this.#bindings.values()].flat()
  }

  #keep(key: string, bound: readonly Binding[]): void {
    this.#routes.clear()
    if (bound.length > 0) return void this.#bindings.set(key, bound)
    this.#bindings.delete(key)
    this.#patterns.delete(key)
  }

  #remember(routingKey: string, queues: readonly Queue[]): readonly Queue[] {
    // A sender chooses routing keys, so what is remembered of them is bounded.
    if (this.#routes.size >= rememberedRoutes) this.#routes.clear()
    this.#routes.set(routingKey, queues)

    return queues
  }
}

const rememberedRoutes = 10_000

/** `*` stands for one word, `#` for any number of them, none included. */
export function topicMatches(pattern: string, routingKey: string): boolean {
  return wordsMatch(pattern.split('.'), routingKey.split('.'))
}

/** Goes back to the last `#` only, so a hostile routing key costs words × words and no more. */
function wordsMatch(pattern: readonly string[], words: readonly string[]): boolean {
  let at = 0
  let hash = -1
  let resume = 0
  for (let w = 0; w < words.length; ) {
    if (pattern[at] === '#') {
      hash = at++
      resume = w
      continue
    }
    if (at < pattern.length && (pattern[at] === '*' || pattern[at] === words[w])) {
      at++
      w++
      continue
    }
    if (hash < 0) return false
    at = hash + 1
    w = ++resume
  }

  return pattern.slice(at).every((word) => word === '#')
}

function isPattern(key: string): boolean {
  return key.split('.').some((word) => word === '*' || word === '#')
}

function queuesOf(bindings: readonly Binding[]): readonly Queue[] {
  return [...new Set(bindings.map((b) => b.queue))]
}

function headersMatch(wanted: BindingArguments, headers: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(wanted).filter((name) => !name.startsWith('x-'))
  const matches = (name: string): boolean => Object.hasOwn(headers, name) && headers[name] === wanted[name]

  return wanted['x-match'] === 'any' ? names.some(matches) : names.every(matches)
}

function isEmpty(args: BindingArguments): boolean {
  return Object.keys(args).length === 0
}

function sameArguments(a: BindingArguments, b: BindingArguments): boolean {
  const names = Object.keys(a)

  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}
