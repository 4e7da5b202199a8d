import { BrokerRefused } from '@waybill/core'

/** AMQP's reply code where something exists in another shape. */
export const preconditionFailed = 406

/** AMQP's reply code of an error from the driver; undefined where the connection or the channel was just lost. */
export function replyCodeOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code

  return typeof code === 'number' ? code : undefined
}

/** What the broker said, without the driver's words around it. */
export function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)

  return /with message "(.*)"$/s.exec(text)?.[1] ?? text
}

/** What trying again cannot heal while connecting, as a sentence that helps; undefined for everything else. */
export function refusalOfConnect(error: unknown, label: string, vhost: string): BrokerRefused | undefined {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('ACCESS_REFUSED') || text.includes('ACCESS-REFUSED') || text.includes(' 403 ')) {
    return new BrokerRefused('ACCESS_REFUSED', `RabbitMQ at "${label}" refused the user name or the password. Check "url" and "credentials" of rabbitmq().`, { cause: error })
  }
  // The driver swallows the broker's words here: a missing vhost and a missing right look the same.
  if (text.includes('Expected ConnectionOpenOk; got <ConnectionClose')) {
    return new BrokerRefused(
      'VHOST_REFUSED',
      `RabbitMQ at "${label}" does not open the vhost "${vhost}": it does not exist, or this user has no rights on it. Create it, grant rights, or name another "vhost".`,
      { cause: error },
    )
  }
  if (text.startsWith('SASL mechanism')) {
    return new BrokerRefused('MECHANISM_REFUSED', `RabbitMQ at "${label}" does not offer the login that "credentials" asks for: ${text}.`, { cause: error })
  }

  return undefined
}

/** A declaration that the broker refused, with expected and found where it tells them. */
export function refusalOfDeclare(error: unknown, what: string): BrokerRefused {
  const said = sentenceOf(error)
  const differs = /inequivalent arg '([^']+)'.*: received (.*) but current is (.*)$/s.exec(said)
  if (differs) {
    const [, argument, expected, found] = differs

    return new BrokerRefused(
      'TOPOLOGY_DIFFERS',
      `The ${what} exists in another shape: "${argument}" expected ${expected}, found ${found}. RabbitMQ tells the first difference, and there may be more. Delete it once it is empty, or state its shape in \`channels\`. RabbitMQ says: "${said}"`,
      { cause: error },
    )
  }

  return new BrokerRefused(replyCodeOf(error) === 403 ? 'ACCESS_REFUSED' : 'TOPOLOGY_REFUSED', `The ${what} cannot be used. RabbitMQ says: "${said}"`, { cause: error })
}
