import { kafka } from '@waybill/transport-kafka'
import { removeTopology } from '../contract/kafka-subject.js'
import { brokers } from '../transport-kafka/bed.js'
import type { KillSubject } from './kills.js'

const onKafka = { codes: 'C1 K1 K2', transport: () => kafka({ brokers }), remove: removeTopology }

export const onKafkajs: KillSubject = { broker: 'kafka', ...onKafka }
export const onPlatformatic: KillSubject = { broker: 'kafka-platformatic', ...onKafka }
