import { connecting } from './connecting.js'
import { contractCase, type ContractCase } from './contract-case.js'
import { deadLetters } from './dead-letters.js'
import { declaring } from './declaring.js'
import { delivering } from './delivering.js'
import { depth } from './depth.js'
import { hostile } from './hostile.js'
import { order } from './order.js'
import { publishing } from './publishing.js'
import { reconnecting } from './reconnecting.js'
import { replies } from './replies.js'
import { servicesChannels } from './services-channels.js'
import { servicesDeadLetters } from './services-dead-letters.js'
import { servicesFailures } from './services-failures.js'
import { servicesLife } from './services-life.js'
import { servicesLimits } from './services-limits.js'
import { servicesMessages } from './services-messages.js'
import { servicesRedrives } from './services-redrives.js'
import { servicesStop } from './services-stop.js'
import { servicesUnsure } from './services-unsure.js'
import { settling } from './settling.js'
import { starts } from './starts.js'
import { timing } from './timing.js'
import { windows } from './windows.js'

/** What every transport must do, one case after another. Each opens its own connections and uses names of its own, so they run in any order. */
export function transportContract(): readonly ContractCase[] {
  const port = [connecting, declaring, publishing, delivering, order, windows, settling, starts, reconnecting, deadLetters, depth, replies, timing, hostile]
  const services = [servicesMessages, servicesFailures, servicesDeadLetters, servicesRedrives, servicesLimits, servicesLife, servicesStop, servicesChannels, servicesUnsure]

  return [...port, ...services].flat().map(contractCase)
}
