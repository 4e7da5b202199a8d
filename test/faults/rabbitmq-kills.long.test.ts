import { onRabbit } from './rabbitmq-kill-subject.js'
import { killsAtRandom } from './kills.js'

killsAtRandom(onRabbit, 200)
