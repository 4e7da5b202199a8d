import { rabbitmq } from '@waybill/transport-rabbitmq'
import { removeTopology } from '../contract/rabbit-subject.js'
import { url } from '../transport-rabbitmq/bed.js'
import type { KillSubject } from './kills.js'

export const onRabbit: KillSubject = { broker: 'rabbitmq', codes: 'C1 S1', transport: () => rabbitmq({ url }), remove: removeTopology }
