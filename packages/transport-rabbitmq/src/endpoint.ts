import { describeFound, type Runtime } from '@waybill/core'
import type { credentials as mechanisms, Options, SocketOptions } from 'amqplib/callback_api'
import type { TcpSocketConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { beforeAbort } from './before-abort.js'

/** What is the same for each node. */
export interface Settings {
  readonly heartbeatMs: number
  readonly connectTimeoutMs: number
  readonly login: Login | (() => Promise<Login>) | undefined
  readonly vhost: string | undefined
  readonly tls: ConnectionOptions | undefined
  readonly socket: Partial<TcpSocketConnectOpts> | undefined
}

export type Login = ReturnType<typeof mechanisms.plain> | ReturnType<typeof mechanisms.external>

/** One node to connect to. Its secrets are private, so that no inspection shows them. */
export class Endpoint {
  readonly label: string
  readonly vhost: string
  readonly #target: Options.Connect
  readonly #socket: SocketOptions
  readonly #login: Settings['login']

  constructor(target: Options.Connect, socket: SocketOptions, login: Settings['login']) {
    this.label = `${target.hostname}:${target.port}`
    this.vhost = target.vhost ?? '/'
    this.#target = target
    this.#socket = socket
    this.#login = login
  }

  /** What the driver's `connect` wants. The driver unescapes the vhost. */
  get target(): Options.Connect {
    return { ...this.#target, vhost: encodeURIComponent(this.vhost) }
  }

  /** With the credentials of now. Rejects where the function that knows them does, where that has not answered in the time for one try, and with the end. */
  async socket(runtime: Runtime, end: AbortSignal): Promise<SocketOptions> {
    const login = typeof this.#login === 'function' ? await this.#asked(this.#login, runtime, end) : this.#login

    return { ...this.#socket, ...(login ? { credentials: login } : {}) }
  }

  async #asked(ask: () => Promise<Login>, runtime: Runtime, end: AbortSignal): Promise<Login> {
    const { timeout = 0 } = this.#socket
    const late = new AbortController()
    const cancel = runtime.after(timeout, () => late.abort(new Error(`the function given as "credentials" has not answered within ${timeout} ms`)))
    try {
      return await beforeAbort(ask(), AbortSignal.any([end, late.signal]))
    } finally {
      cancel()
    }
  }
}

/** The node that an url names; undefined where something is wrong with it. No complaint shows its name and password. */
export function endpointOf(url: unknown, index: number, settings: Settings, complain: (text: string) => void): Endpoint | undefined {
  const which = `option "url"${index > 0 ? ` (number ${index + 1})` : ''}`
  try {
    const parsed = new URL(String(url))
    const faults = faultsOfUrl(parsed, settings)
    if (faults.length === 0) return new Endpoint(targetOf(parsed, settings), socketOf(parsed, settings), settings.login)
    for (const fault of faults) complain(`${which} ${fault}`)
  } catch {
    complain(`${which} is not an url; found ${describeFound(url)}. Expected amqp://user:password@host:5672/vhost, special characters percent-encoded.`)
  }

  return undefined
}

function faultsOfUrl(url: URL, { tls }: Settings): readonly string[] {
  const secure = url.protocol === 'amqps:'
  if (!secure && url.protocol !== 'amqp:') return [`begins with "${url.protocol}"; expected amqp: or amqps:, as in amqp://user:password@host:5672/vhost.`]

  return [
    ...(tls && !secure ? ['begins with amqp: while "tls" is given. Use amqps:, or leave "tls" out.'] : []),
    ...(url.port === '0' ? ['names port 0; expected 1 to 65535, or none for 5672 (amqps: 5671).'] : []),
    ...[...url.searchParams].flatMap(([name, text]) => faultOfParameter(name, text) ?? []),
  ]
}

interface Parameter {
  readonly least: number
  readonly greatest: number
  readonly unit: string
  /** What 0 stands for. */
  readonly zero: string
}

const unlimited = "the broker's own limit"

/** With fewer channels nothing can be declared, and RabbitMQ refuses smaller frames from 4.1 on. */
const parameters: ReadonlyMap<string, Parameter> = new Map([
  ['heartbeat', { least: 1, greatest: 65_535, unit: 'seconds', zero: 'none' }],
  ['frameMax', { least: 8_192, greatest: 4_294_967_295, unit: 'bytes', zero: unlimited }],
  ['channelMax', { least: 16, greatest: 65_535, unit: 'channels', zero: unlimited }],
])

function faultOfParameter(name: string, text: string): string | undefined {
  const known = parameters.get(name)
  if (!known) return `has a parameter "${name}" that nobody knows. Known: ${[...parameters.keys()].join(', ')}.`
  const { least, greatest, unit, zero } = known
  if (/^\d+$/.test(text) && (Number(text) === 0 || (Number(text) >= least && Number(text) <= greatest))) return undefined

  return `has ${JSON.stringify(text.slice(0, 20))} as "${name}"; expected ${least} to ${greatest} ${unit}, or 0 for ${zero}. Leave it out for the default.`
}

function targetOf(url: URL, { heartbeatMs, login, vhost }: Settings): Options.Connect {
  const stated = Object.fromEntries([...url.searchParams].map(([name, text]) => [name, Number(text)]))
  const isBare = url.username === '' && url.password === ''

  return {
    protocol: url.protocol.slice(0, -1),
    hostname: url.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(url.port) || (url.protocol === 'amqps:' ? 5671 : 5672),
    vhost: vhost ?? (decodeURIComponent(url.pathname.slice(1)) || '/'),
    heartbeat: Math.ceil(heartbeatMs / 1_000),
    ...(login || isBare ? {} : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }),
    ...stated,
  }
}

function socketOf(url: URL, { connectTimeoutMs, socket, tls }: Settings): SocketOptions {
  return {
    ...(socket as SocketOptions | undefined),
    ...(url.protocol === 'amqps:' ? tls : {}),
    noDelay: true,
    timeout: connectTimeoutMs,
  }
}
