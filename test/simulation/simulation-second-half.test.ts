import { invariantsHold } from './seeds.js'

invariantsHold(5_001, 5)
