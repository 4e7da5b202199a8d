import { BrokerRefused } from '@waybill/core'
import type { Cluster, Kafka } from 'kafkajs'
import { PartitionAssigners } from 'kafkajs'

/**
 * A client of the cluster of its own, with connections of its own. kafkajs gives one to an assigner and to nobody else,
 * so it comes with a consumer, which never runs and holds nothing else.
 */
export function openCluster(kafka: Kafka): Cluster {
  const found: { cluster?: Cluster } = {}
  kafka.consumer({
    groupId: 'waybill.reader',
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        found.cluster = config.cluster

        return PartitionAssigners.roundRobin(config)
      },
    ],
  })
  if (!found.cluster) throw changed('give its cluster to an assigner')

  return found.cluster
}

function changed(what: string): BrokerRefused {
  return new BrokerRefused('KAFKAJS_CHANGED', `kafkajs was expected to ${what} and did not. Install kafkajs 2.2.4.`)
}
