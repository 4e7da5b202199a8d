import type { TransportHost } from '@waybill/core'
import type { KafkaClient, KafkaDriver } from '../driver.js'
import type { ResolvedOptions } from '../options.js'
import { PlatformaticAdmin } from './admin.js'
import { PlatformaticCluster } from './cluster.js'
import type { Library } from './library.js'
import { loadLibrary } from './library.js'
import { PlatformaticLog } from './log.js'
import { PlatformaticMember } from './member.js'
import { PlatformaticProducer } from './producer.js'
import { PlatformaticTurn } from './turn.js'

/**
 * Speaks to the brokers through `@platformatic/kafka`, which has to be installed beside this package. Its brokers are Kafka 3.6 or later.
 * Rejects at start with `DRIVER_MISSING` where it is not there.
 */
export function platformatic(): KafkaDriver {
  return { name: '@platformatic/kafka', open: async (options, host) => clientOf(await loadLibrary(), options, host) }
}

/** Each part has connections of its own: a broker answers the requests of one connection one after another. */
function clientOf(library: Library, options: ResolvedOptions, host: TransportHost): KafkaClient {
  const open = (): PlatformaticCluster => new PlatformaticCluster({ library, options, runtime: host.runtime, clientId: `${host.app}-${host.instance}` })

  return {
    admin: new PlatformaticAdmin(open()),
    producer: new PlatformaticProducer(open()),
    log: () => new PlatformaticLog(open()),
    member: (member, events) => new PlatformaticMember(open(), { ...member, sessionTimeoutMs: options.sessionTimeoutMs }, events),
    turn: (group) => new PlatformaticTurn(open(), group),
  }
}
