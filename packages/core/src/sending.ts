import { diagnostics, type PublishEvent } from './diagnostics.js'
import type { Link } from './link.js'
import type { OutgoingRules } from './outgoing.js'
import type { Entry } from './sender.js'
import type { Outgoing, PublishOutcome } from './transport.js'

/** Sends one message, and tells those who watch when it leaves and how it settles. */
export function send(link: Link, outgoing: Outgoing, { app, runtime }: OutgoingRules, done: (outcome: PublishOutcome) => void): Entry {
  if (!diagnostics.publish.start.hasSubscribers && !diagnostics.publish.asyncEnd.hasSubscribers) return link.sender.send(outgoing, done)

  const event: PublishEvent = {
    app,
    transport: link.name,
    channel: outgoing.to.kind === 'channel' ? outgoing.to.channel : '',
    envelope: outgoing.envelope,
    bytes: outgoing.body.length,
    since: runtime.elapsed(),
  }
  diagnostics.publish.start.publish(event)

  return link.sender.send(outgoing, (outcome) => {
    event.outcome = outcome
    diagnostics.publish.asyncEnd.publish(event)
    done(outcome)
  })
}
