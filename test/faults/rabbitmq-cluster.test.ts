import { describe } from 'vitest'
import { deadNodes } from './rabbitmq-cluster.js'

describe('a cluster of three nodes that loses one', () => deadNodes(1))
