import { gracefulEnds } from './processes.js'

gracefulEnds({ broker: 'memory' })
