import { membersThatChange } from './kafka-rebalances.js'

membersThatChange(6)
