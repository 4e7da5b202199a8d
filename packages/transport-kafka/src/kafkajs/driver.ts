import type { TransportHost } from '@waybill/core'
import type { LogEntry, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { codecsOf, packingOf } from '../compression.js'
import type { KafkaClient, KafkaDriver } from '../driver.js'
import type { ResolvedOptions } from '../options.js'
import type { KafkaLogin } from '../security.js'
import { KafkajsAdmin } from './admin.js'
import { driverCodecs } from './codecs.js'
import { openAdmin } from './steady-cluster.js'
import { KafkajsLog } from './log.js'
import { KafkajsMember } from './member.js'
import { KafkajsProducer } from './producer.js'
import { Sockets } from './sockets.js'
import { KafkajsTurn } from './turn.js'

/** The driver that is taken when none is named. */
export function kafkajs(): KafkaDriver {
  return { name: 'kafkajs', open: (options, host) => Promise.resolve(clientOf(options, host)) }
}

function clientOf(options: ResolvedOptions, host: TransportHost): KafkaClient {
  const sockets = new Sockets()
  const kafka = openKafka(options, host, sockets)
  const codecs = codecsOf(options, driverCodecs)

  return {
    admin: new KafkajsAdmin(openAdmin(kafka)),
    producer: new KafkajsProducer(kafka, packingOf(options)),
    log: () => new KafkajsLog(kafka, codecs),
    member: (member, events) => new KafkajsMember(kafka, { ...member, sessionTimeoutMs: options.sessionTimeoutMs, codecs }, events),
    turn: (group) => new KafkajsTurn(kafka, group),
    close: () => sockets.close(),
  }
}

function openKafka(options: ResolvedOptions, host: TransportHost, sockets: Sockets): Kafka {
  return new Kafka({
    clientId: `${host.app}-${host.instance}`,
    brokers: [...options.brokers],
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: loginOf(options.sasl) }),
    socketFactory: sockets.factory,
    connectionTimeout: 3_000,
    requestTimeout: options.requestTimeoutMs,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: () => Promise.resolve(false) },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => speak(host, entry),
  })
}

/** The same in words of kafkajs. */
function loginOf(login: KafkaLogin): SASLOptions {
  if (login.mechanism === 'oauthbearer') return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await login.token() }) }
  const { mechanism, username, password } = login
  if (mechanism === 'plain') return { mechanism, username, password }
  if (mechanism === 'scram-sha-256') return { mechanism, username, password }

  return { mechanism, username, password }
}

/** kafkajs logs much and calls most of it an error. What matters is told by states, outcomes and health. */
function speak({ log }: TransportHost, { namespace, label, log: { message } }: LogEntry): void {
  try {
    log.debug(`kafkajs: ${message}`, { namespace, level: label })
  } catch {
    // A logger that throws changes nothing for messages.
  }
}
