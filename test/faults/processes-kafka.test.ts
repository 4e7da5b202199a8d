import { removeTopology } from '../contract/kafka-subject.js'
import { declaredIn } from './declared.js'
import { gracefulEnds, type ProcessSubject, sudden } from './processes.js'

// R11 needs a count of starts, which is not kept on Kafka: its capability says so, and the contract shows that.
const subject: ProcessSubject = { broker: 'kafka', remove: (namespace) => removeTopology([declaredIn(namespace)]) }

gracefulEnds(subject)
sudden(subject, 'K1')
