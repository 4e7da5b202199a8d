import { removeTopology } from '../contract/kafka-subject.js'
import { declaredIn } from './declared.js'
import { gracefulEnds, type ProcessSubject, sudden } from './processes.js'

// R11 needs a count of deliveries, which Kafka does not keep: its capability says so, and the contract shows that.
const subject: ProcessSubject = { broker: 'kafka', remove: (namespace) => removeTopology([declaredIn(namespace)]) }

gracefulEnds(subject)
sudden(subject, 'K1')
