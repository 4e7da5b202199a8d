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
  const clusters = new Set<PlatformaticCluster>()
  let isClosed = false
  const open = (): PlatformaticCluster => {
    const cluster = new PlatformaticCluster({ library, options, runtime: host.runtime, clientId: `${host.app}-${host.instance}` }, () => clusters.delete(cluster))
    if (isClosed) cluster.close()
    else clusters.add(cluster)

    return cluster
  }

  return {
    admin: new PlatformaticAdmin(open()),
    producer: new PlatformaticProducer(open()),
    log: () => new PlatformaticLog(open()),
    member: (member, events) => new PlatformaticMember(open(), { ...member, sessionTimeoutMs: options.sessionTimeoutMs }, events),
    turn: (group) => new PlatformaticTurn(open(), group),
    close() {
      isClosed = true
      for (const cluster of clusters) cluster.close()
    },
  }
}
