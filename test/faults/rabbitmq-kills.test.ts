import { killsAtRandom } from './rabbitmq-kills.js'

killsAtRandom(5)
