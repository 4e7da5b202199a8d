import { invariantsHold } from './seeds.js'

invariantsHold(10_001, 30)
