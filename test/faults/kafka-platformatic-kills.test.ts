import { onPlatformatic } from './kafka-kill-subjects.js'
import { killsAtRandom } from './kills.js'

killsAtRandom(onPlatformatic, 2)
