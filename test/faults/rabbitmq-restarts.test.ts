import { describe } from 'vitest'
import { restarts } from './rabbitmq-restarts.js'

describe('a broker that is restarted under fifty listeners', () => restarts(2))
