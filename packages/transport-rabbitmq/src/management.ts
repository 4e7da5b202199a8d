import { BrokerRefused, WaybillError } from '@waybill/core'
import { request as plain, type RequestOptions } from 'node:http'
import { request as secure } from 'node:https'
import { text } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'
import { beforeAbort } from './before-abort.js'

export interface Password {
  readonly username: string
  readonly password: string
}

export interface ManagementParts {
  /** Without credentials. */
  readonly base: URL
  readonly password: () => Promise<Password>
  readonly tls: ConnectionOptions | undefined
  readonly timeoutMs: number
}

export interface FoundQueue {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly arguments: Readonly<Record<string, unknown>>
}

export interface FoundExchange {
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly internal: boolean
  readonly arguments: Readonly<Record<string, unknown>>
}

export interface FoundBinding {
  readonly source: string
  readonly destination: string
  readonly destination_type: 'queue' | 'exchange'
  readonly routing_key: string
  readonly arguments: Readonly<Record<string, unknown>>
}

interface FoundConsumer {
  readonly queue: { readonly name: string }
  readonly channel_details: { readonly connection_name?: string }
}

interface FoundConnection {
  readonly name: string
  readonly user_provided_name?: string
}

/** What a vhost has, as the HTTP API tells it. */
export interface Survey {
  readonly queues: ReadonlyMap<string, FoundQueue>
  readonly exchanges: ReadonlyMap<string, FoundExchange>
  readonly bindings: readonly FoundBinding[]
}

/** RabbitMQ's HTTP API, as far as AMQP cannot tell. Its secrets are private, so that no inspection shows them. */
export class Management {
  readonly label: string
  readonly #parts: ManagementParts

  constructor(parts: ManagementParts) {
    this.label = parts.base.host
    this.#parts = parts
  }

  /** Rejects with {@link BrokerRefused} where the login or the vhost is refused, with `MANAGEMENT_UNREACHABLE` where it cannot be asked now. */
  async survey(vhost: string): Promise<Survey> {
    const [queues, exchanges, bindings] = await Promise.all([
      this.#list<FoundQueue>(vhost, 'queues', 'name,type,durable,arguments'),
      this.#list<FoundExchange>(vhost, 'exchanges', 'name,type,durable,internal,arguments'),
      this.#list<FoundBinding>(vhost, 'bindings', 'source,destination,destination_type,routing_key,arguments'),
    ])

    return { queues: byName(queues), exchanges: byName(exchanges), bindings }
  }

  /** Who takes from a queue, for people: `"shop consuming" 10.0.0.7:51820 -> 10.0.0.2:5672`. Some seconds late. */
  async holders(vhost: string, queue: string): Promise<readonly string[]> {
    const consumers = await this.#list<FoundConsumer>(vhost, 'consumers', 'queue.name,channel_details.connection_name')
    const connections = byName(await this.#list<FoundConnection>(vhost, 'connections', 'name,user_provided_name'))
    const names = consumers.filter((one) => one.queue.name === queue).flatMap((one) => one.channel_details.connection_name ?? [])

    return [...new Set(names)].map((name) => {
      const given = connections.get(name)?.user_provided_name

      return given === undefined ? name : `"${given}" ${name}`
    })
  }

  async #list<T>(vhost: string, what: string, columns: string): Promise<readonly T[]> {
    const at = encodeURIComponent(vhost)
    const { status, body } = await this.#get(`api/${what === 'connections' ? `vhosts/${at}/${what}` : `${what}/${at}`}?columns=${columns}`)
    if (status === 401 || status === 403) {
      throw new BrokerRefused(
        'ACCESS_REFUSED',
        `RabbitMQ's HTTP API at "${this.label}" refused the login. Check "management" of rabbitmq(): the user needs the tag "management" and rights on the vhost "${vhost}".`,
      )
    }
    if (status === 404) {
      throw new BrokerRefused(
        'VHOST_REFUSED',
        `RabbitMQ's HTTP API at "${this.label}" knows no vhost "${vhost}". Check "management.url" of rabbitmq(): it has to be of the same broker.`,
      )
    }
    const found = status === 200 ? parsed(body) : undefined
    if (!Array.isArray(found)) throw this.#unreachable(`it answered ${status} and no list of ${what}`)

    return found as readonly T[]
  }

  async #get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const { base, password, timeoutMs, tls } = this.#parts
    const target = new URL(path, base.href.endsWith('/') ? base : `${base.href}/`)
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const { username, password: secret } = await beforeAbort(password(), signal)
      const options = { auth: `${username}:${secret}`, signal, agent: false, ...(target.protocol === 'https:' ? tls : {}) }

      return await answerOf(target, options)
    } catch (error) {
      throw this.#unreachable(reasonOf(error, timeoutMs), error)
    }
  }

  #unreachable(reason: string, cause?: unknown): WaybillError {
    return new WaybillError(
      'MANAGEMENT_UNREACHABLE',
      `RabbitMQ's HTTP API at "${this.label}" cannot be asked: ${reason}. Is the plugin "rabbitmq_management" enabled, and "management.url" of rabbitmq() right?`,
      { cause },
    )
  }
}

function answerOf(target: URL, options: RequestOptions): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? secure : plain
    const asked = send(target, options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    asked.once('error', reject)
    asked.end()
  })
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown }
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${timeoutMs} ms`

  return String(message || code)
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Somebody else's server: what it says is told by the caller.
    return undefined
  }
}

function byName<T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> {
  return new Map(list.map((one) => [one.name, one]))
}
