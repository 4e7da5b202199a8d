import { test } from 'vitest'
import { movingBed } from './moving-bed.js'
import { cutOffAtEachStep } from './repartitioning-cuts.js'

const broker = movingBed()

test('cut off at each step from 3 to 2 and begun again, with messages flowing, it loses, doubles and inverts nothing', () => cutOffAtEachStep(broker, 3, 2), 180_000)
