import { removeTopology } from '../contract/rabbit-subject.js'
import { declaredIn } from './declared.js'
import { gracefulEnds, killers, type ProcessSubject, sudden } from './processes.js'

const subject: ProcessSubject = { broker: 'rabbitmq', remove: (namespace) => removeTopology([declaredIn(namespace)]) }

gracefulEnds(subject)
sudden(subject, 'C1')
killers(subject)
