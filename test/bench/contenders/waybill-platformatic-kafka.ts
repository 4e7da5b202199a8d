import { platformatic } from '@waybill/transport-kafka'
import { waybillOnKafka } from '../waybill-on-kafka.js'

export const { footprint, declare, openPublisher, openConsumer } = waybillOnKafka({ driver: platformatic() })
