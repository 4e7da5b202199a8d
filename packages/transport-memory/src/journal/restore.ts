import type { Broker } from '../broker/broker.js'
import { weightOf } from '../broker/headers.js'
import type { Journal } from './journal.js'
import type { EntryRecord, BrokerRecord } from './record.js'
import type { Replay } from './replay.js'

/** Makes everything again that a journal tells of. */
export function restore(replay: Replay, broker: Broker, journal: Journal): void {
  for (const record of replay.brokerRecords) make(record, broker)
  for (const entry of replay.entries()) place(entry, broker, journal)
}

function make(record: BrokerRecord, broker: Broker): void {
  if ('exchange' in record) broker.declareExchange(record.exchange, record.kind)
  else if ('queue' in record) broker.declareQueue(record.queue, record.args)
  else if ('bind' in record) broker.bind(record.bind, record.to, record.key, record.args)
  else if ('started' in record) void broker.keepStarts(record.started, record.count)
  else unbind(record, broker)
}

function unbind({ unbind: name, from, key }: Extract<BrokerRecord, { readonly unbind: string }>, broker: Broker): void {
  const queue = broker.findQueue(name)
  if (queue) broker.findExchange(from)?.unbind(queue, key)
}

function place(record: EntryRecord, broker: Broker, journal: Journal): void {
  const { body, headers } = record.message
  const entry = broker.findQueue(record.queue)?.restore(record, body.byteLength + weightOf(headers))
  if (entry) journal.live.weigh(journal.live.add(entry, record.id), record.share)
}
