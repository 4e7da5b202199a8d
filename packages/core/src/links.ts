import { ConfigError } from './error.js'
import { suggest } from './fault.js'
import type { ChannelOptions } from './channel-options.js'
import type { ChannelRules } from './channel-rules.js'
import type { Link } from './link.js'

/** The transports of an app, and which of them a channel lives on. */
export class Links {
  readonly all: readonly Link[]
  readonly #rules: ChannelRules

  constructor(all: readonly Link[], rules: ChannelRules) {
    this.all = all
    this.#rules = rules
  }

  of(channel: string): Link {
    const wanted = this.#rules.optionsOf(channel).transport
    const link = wanted === undefined ? this.all[0] : this.all.find(({ name }) => name === wanted)
    if (link) return link

    const names = this.all.map(({ name }) => name)
    throw new ConfigError([
      {
        code: 'UNKNOWN_TRANSPORT',
        message: `The channel "${channel}" is to live on the transport "${wanted}", which the app does not have.${suggest(wanted ?? '', names)} It has: ${names.join(', ')}.`,
      },
    ])
  }

  optionsOf(channel: string): ChannelOptions {
    return this.#rules.optionsOf(channel)
  }
}
