import { shopJourney } from './shop-journey.js'

shopJourney('memory')
