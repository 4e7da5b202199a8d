import { onKafkajs } from './kafka-kill-subjects.js'
import { killsAtRandom } from './kills.js'

killsAtRandom(onKafkajs, 100)
