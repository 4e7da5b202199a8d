import { shopJourney } from './shop-journey.js'

shopJourney('kafka')
