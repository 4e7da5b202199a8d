import { ConfigError, type Fault, type Plugin, type PluginHost, Observing } from '@waybill/core'
import { type Alert, type AlertOptions, resolveAlertOptions, type ResolvedAlertOptions } from './alert-options.js'
import { type Facts, FactBook } from './facts.js'
import { Messenger } from './messenger.js'
import { type Rule, rulesOf } from './rules.js'

/**
 * Looks every minute whether something is wrong and says so once, and once more when it is well again: in the log, to a function, to a webhook.
 * Needs no Prometheus; the rule file for it says the same. What goes wrong in here changes nothing for messages; wrong options fail `start`.
 */
export function alerts(options: AlertOptions = {}): Plugin {
  return new Alerts(options)
}

class Alerts implements Plugin {
  readonly name = 'alerts'
  readonly #options: ResolvedAlertOptions | ConfigError
  #observing: Observing | undefined
  #cancel: () => void = () => undefined
  #isOver = false
  readonly #standing = new Map<string, Standing>()

  constructor(options: AlertOptions) {
    this.#options = resolved(options)
  }

  get faults(): readonly Fault[] {
    return this.#options instanceof ConfigError ? this.#options.faults : []
  }

  open(host: PluginHost): void {
    const options = this.#options
    if (options instanceof ConfigError) throw options
    this.#observing = new Observing(host)
    const book = new FactBook(host, this.#observing, options.limits.criticalTimeMs ?? Number.POSITIVE_INFINITY)
    const messenger = new Messenger(host, options)
    this.#lookLater({ host, options, book, messenger, rules: rulesOf(options.limits) })
  }

  stop(): void {
    this.#isOver = true
    this.#cancel()
    this.#observing?.stop()
  }

  #lookLater(desk: Desk): void {
    if (this.#isOver) return
    this.#cancel = desk.host.runtime.after(desk.options.everyMs, () => {
      void this.#look(desk).finally(() => this.#lookLater(desk))
    })
  }

  async #look(desk: Desk): Promise<void> {
    const facts = await desk.book.read(patienceMs)
    this.#observing?.safely(() => {
      for (const rule of desk.rules) this.#judge(rule, facts, desk)
    })
  }

  #judge(rule: Rule, facts: Facts, { host, messenger }: Desk): void {
    const now = host.runtime.elapsed()
    for (const { about, value } of rule.read(facts)) {
      const name = `${rule.name} ${about}`
      const standing = this.#standing.get(name) ?? { since: now, isRaised: false }
      const say = (state: Alert['state']): void => messenger.send(alertOf(rule, { state, about, value, app: host.app }))
      if (value > rule.limit) {
        this.#standing.set(name, standing)
        if (standing.isRaised || now - standing.since < rule.forMs) continue
        standing.isRaised = true
        say('raised')
        continue
      }
      // Between the two it stays as it is: what swings around the limit is told once.
      if (standing.isRaised && value > rule.limit * calm) continue
      this.#standing.delete(name)
      if (standing.isRaised) say('cleared')
    }
  }
}

function resolved(options: AlertOptions): ResolvedAlertOptions | ConfigError {
  try {
    return resolveAlertOptions(options)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

interface Desk {
  readonly host: PluginHost
  readonly options: ResolvedAlertOptions
  readonly book: FactBook
  readonly messenger: Messenger
  readonly rules: readonly Rule[]
}

interface Standing {
  readonly since: number
  isRaised: boolean
}

/** Well again at this share of the limit. */
const calm = 0.8
const patienceMs = 10_000

function alertOf({ name, limit, severity, summary, advice }: Rule, { state, about, value, app }: Pick<Alert, 'state' | 'about' | 'value' | 'app'>): Alert {
  const text =
    state === 'raised' ? `${filled(summary, about, value)}; the limit is ${limit}. ${advice}` : `${name} is well again: ${about} is at ${rounded(value)}, the limit is ${limit}.`

  return { rule: name, state, severity, app, about, value, limit, text }
}

/** The sentence that Prometheus would fill in. */
function filled(summary: string, about: string, value: number): string {
  return summary
    .replace(/\{\{ \$value[^}]*\}\}/, rounded(value))
    .replace(/group "\{\{[^}]*\}\}" on "\{\{[^}]*\}\}"/, about)
    .replace(/\{\{[^}]*\}\}/, about)
}

function rounded(value: number): string {
  return String(Math.round(value * 1_000) / 1_000)
}
