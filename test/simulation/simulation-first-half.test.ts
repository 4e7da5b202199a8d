import { invariantsHold } from './seeds.js'

invariantsHold(1, 5)
