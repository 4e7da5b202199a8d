import { describe } from 'vitest'
import { resets } from './rabbitmq-resets.js'

describe('a network that breaks under load', () => resets(8_000))
