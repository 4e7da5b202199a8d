import { BrokerRefused } from '@waybill/core'

/** AMQP's reply code where something exists in another shape. */
export const preconditionFailed = 406

const accessRefused = 403
const notFound = 404

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

/** Why a try to connect failed, with what to do where the driver's words do not tell. */
export function reasonOfConnect(error: unknown): string {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'what answers there speaks no TLS; name the port for TLS (mostly 5671), or write amqp: instead of amqps:'
  if (typeof reason === 'string') return `TLS failed: ${reason}`
  const said = sentenceOf(error)

  return /^(Frame size|Invalid frame|Unexpected)|closed abruptly|ECONNRESET|EPIPE/.test(said)
    ? `${said}. Is that RabbitMQ's port for AMQP (mostly 5672), and no port for TLS, which amqps: asks for?`
    : said
}

/** What trying again cannot heal while connecting, as a sentence that helps; undefined for everything else. */
export function refusalOfConnect(error: unknown, label: string, vhost: string): BrokerRefused | undefined {
  const text = error instanceof Error ? error.message : String(error)
  if (text.includes('ACCESS_REFUSED') || text.includes('ACCESS-REFUSED') || text.includes(' 403 ')) {
    return new BrokerRefused('ACCESS_REFUSED', `RabbitMQ at "${label}" refused the user name or the password. Check "url" and "credentials" of rabbitmq().`, { cause: error })
  }
  // The driver swallows the broker's words here: a missing vhost, a missing right and a limit look the same.
  if (text.includes('Expected ConnectionOpenOk; got <ConnectionClose')) {
    return new BrokerRefused(
      'VHOST_REFUSED',
      `RabbitMQ at "${label}" does not open the vhost "${vhost}": it does not exist, this user has no rights on it, or a limit of connections is reached. Create it, grant rights, raise the limit, or name another "vhost".`,
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

  const code = replyCodeOf(error) === accessRefused ? 'ACCESS_REFUSED' : 'TOPOLOGY_REFUSED'

  return new BrokerRefused(code, `The ${what} cannot be used. RabbitMQ says: "${said}". ${remedyOf(error)}`, { cause: error })
}

function remedyOf(error: unknown): string {
  const said = sentenceOf(error)
  if (said.includes('exclusive use')) return 'One consumer has it for itself: end that.'
  if (/limit .*is reached/.test(said)) return 'Raise that limit, or remove what nobody needs.'

  return remedies.get(replyCodeOf(error)) ?? 'Mend what it names in `channels`.'
}

/** The same of a queue that is asked about, not declared: that it is not there mostly means that its name was mistyped. */
export function refusalOfLook(error: unknown, queue: string): BrokerRefused {
  if (replyCodeOf(error) !== notFound) return refusalOfDeclare(error, `queue "${queue}"`)

  return new BrokerRefused('NO_SUCH_QUEUE', `RabbitMQ has no queue "${queue}". Check channel and group, and that an app with that group has started.`, { cause: error })
}

const remedies: ReadonlyMap<number | undefined, string> = new Map([
  [accessRefused, 'Give the user that right, or have somebody who has it do that before.'],
  [notFound, 'Make it, or mend its name; with `declare: "create"` the app makes what is its own.'],
  [405, 'One connection has it for itself: end that, or use another name.'],
])
