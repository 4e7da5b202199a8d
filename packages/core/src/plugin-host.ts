import { WaybillError } from './error.js'
import type { Link } from './link.js'
import { outgoingOf } from './outbox-message.js'
import type { OutgoingRules } from './outgoing.js'
import type { Plan } from './plan.js'
import type { PluginHost, PluginTransactions, PluginTransport } from './plugin.js'
import { send } from './sending.js'
import { defaultTransaction, type Transactions } from './transactions.js'
import type { TransportHost } from './transport.js'

export interface PluginParts {
  readonly plan: Plan
  readonly host: TransportHost
  readonly links: readonly Link[]
  readonly rules: OutgoingRules
  readonly transactions: Transactions | undefined
  readonly get: PluginHost['get']
  readonly publish: PluginHost['publish']
  readonly health: PluginHost['health']
  readonly depths: PluginHost['depths']
}

/** What a plugin is given of its app. */
export function pluginHostOf({ plan, host, links, rules, transactions, get, publish, health, depths }: PluginParts): PluginHost {
  const { app, namespace, instance, runtime, log } = host

  return {
    app,
    namespace,
    instance,
    plan,
    runtime,
    log,
    transports: links.map((link) => pluginTransport(link, rules)),
    transportOf: (channel) => rules.links.of(channel).name,
    get,
    publish,
    health,
    depths,
    transactions: transactions && pluginTransactions(transactions),
  }
}

function pluginTransport(link: Link, rules: OutgoingRules): PluginTransport {
  return {
    name: link.name,
    system: link.transport.name,
    get writable() {
      return link.transport.writable
    },
    send: (message, settled) => void send(link, outgoingOf(message, rules.runtime.now()), rules, settled),
  }
}

function pluginTransactions(transactions: Transactions): PluginTransactions {
  return {
    store: transactions.store,
    current: () => transactions.current,
    use: async (work) => {
      const open = transactions.current
      if (!open) throw new WaybillError('NO_TRANSACTION', 'This needs an open transaction, and the caller runs in none.')

      return open.use(work)
    },
    run: (owner, settings, work) => transactions.run(owner, { ...defaultTransaction, ...settings }, work),
    within: (owner, foreign, work) => transactions.within(owner, foreign, work),
    timerHandlers: transactions.timerHandlers,
    onTimer: (target, fired) => void transactions.timerHandlers.set(target, fired),
    fireNext: () => transactions.fireNext(),
    refuse: (transport, why) => transactions.refuse(transport, why),
    onCommitted: (heard) => transactions.onCommitted(heard),
  }
}
