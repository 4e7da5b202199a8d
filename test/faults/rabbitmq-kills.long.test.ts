import { killsAtRandom } from './rabbitmq-kills.js'

killsAtRandom(200)
