import { describe } from 'vitest'
import { resets } from './rabbitmq-resets.js'

describe('a network that breaks under load for a minute', () => resets(60_000))
