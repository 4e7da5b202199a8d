import { type Duration, type Fault, parseDuration, type Runtime, unknownOptions } from '@waybill/core'
import { credentials as mechanisms, type Options, type SocketOptions } from 'amqplib/callback_api'
import type { TcpSocketConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { beforeAbort } from './before-abort.js'
import type { Management, Password } from './management.js'
import { loginIn, type ManagementOptions, resolveManagement } from './management-options.js'

export interface RabbitOptions {
  /** `amqp://` or `amqps://`, one or several: the nodes of one cluster, tried in turn. Default, where it is left out: `amqp://localhost`; `undefined` is a fault. */
  readonly url?: string | readonly string[]
  /** Default: what the url says, else `/`. */
  readonly vhost?: string
  /**
   * Default: what the url says, else `guest`. `external` takes the name from the client certificate.
   * A function is asked before each try to connect, so that a password may change while the app runs.
   */
  readonly credentials?: RabbitCredentials | (() => RabbitCredentials | Promise<RabbitCredentials>)
  /** After two of these without a sign of life the connection is given up. Whole seconds; default `10s`. */
  readonly heartbeat?: Duration
  /**
   * What is done about exchanges, queues and bindings. `create` makes what is missing and puts back what was deleted; `check` makes nothing and
   * refuses to start without them (bindings cannot be checked); `none` does neither, for users without rights. Only `create` has delays. Default: `create`.
   */
  readonly declare?: 'create' | 'check' | 'none'
  /**
   * RabbitMQ's HTTP API. With it everything that differs is told at once, `check` sees arguments and bindings too, and `app.topology` can look and tidy.
   * Away, it keeps no app from starting.
   */
  readonly management?: ManagementOptions
  /** For one try to connect, handshake included. Default: `10s`. */
  readonly connectTimeout?: Duration
  /** Passed to `tls.connect` as they are. */
  readonly tls?: ConnectionOptions
  /** Passed to `net.connect` as they are. */
  readonly socket?: Partial<TcpSocketConnectOpts>
}

export type RabbitCredentials = { readonly username: string; readonly password: string } | 'external'

/** One node to connect to. Its secrets are private, so that no inspection shows them. */
export class Endpoint {
  readonly label: string
  readonly vhost: string
  readonly #target: Options.Connect
  readonly #socket: SocketOptions
  readonly #login: Login | (() => Promise<Login>) | undefined

  constructor(target: Options.Connect, socket: SocketOptions, login: Login | (() => Promise<Login>) | undefined) {
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

export interface ResolvedOptions {
  readonly declare: 'create' | 'check' | 'none'
  readonly endpoints: readonly Endpoint[]
  readonly management: Management | undefined
  readonly faults: readonly Fault[]
}

const known = ['url', 'vhost', 'credentials', 'declare', 'heartbeat', 'connectTimeout', 'management', 'tls', 'socket']
/** What an url may say of a connection, in whole numbers, as far as AMQP can write them and there is room for what Waybill does. */
const parameters: Readonly<Record<string, readonly [least: number, most: number]>> = { heartbeat: [1, 65_535], frameMax: [4_096, 2 ** 32 - 1], channelMax: [16, 65_535] }
const longestHeartbeatMs = 65_535_000
const longestTimerMs = 2 ** 31 - 1

/** All defaults and all faults. No fault quotes an url: a password may stand in it. */
export function resolveOptions(options: RabbitOptions): ResolvedOptions {
  const faults: Fault[] = unknownOptions('rabbitmq()', options, known)
  const settings: Settings = {
    heartbeatMs: milliseconds('heartbeat', options.heartbeat ?? '10s', [1_000, longestHeartbeatMs], faults),
    connectTimeoutMs: milliseconds('connectTimeout', options.connectTimeout ?? '10s', [1, longestTimerMs], faults),
    login: loginOf(options.credentials, faults),
    options,
  }
  const { declare = 'create' } = options
  if (!['create', 'check', 'none'].includes(declare)) faults.push(wrong(`option "declare" takes "create", "check" or "none"; found ${JSON.stringify(declare)}.`))
  if ('url' in options && options.url === undefined)
    faults.push(wrong('option "url" is given and undefined: mostly a variable of the environment that is not set. Set it, or leave "url" out for amqp://localhost.'))
  const urls = typeof options.url === 'string' ? [options.url] : (options.url ?? ['amqp://localhost'])
  if (!Array.isArray(urls) || urls.length === 0) {
    faults.push(wrong('option "url" takes an url or a list of them; found none. Leave it out for amqp://localhost.'))
  }
  const management = resolveManagement({ management: options.management, login: options.credentials ?? loginOfUrl(urls[0]), timeoutMs: settings.connectTimeoutMs }, faults)
  const endpoints = faults.length > 0 ? [] : urls.flatMap((url, i) => endpointOf(url, i, settings, faults) ?? [])

  return Object.freeze({ declare, endpoints: Object.freeze(endpoints), management, faults: Object.freeze(faults) })
}

/** Name and password of a connection, for whoever else asks for them. */
function loginOfUrl(url: unknown): Password | undefined {
  const found = URL.canParse(String(url)) ? loginIn(new URL(String(url))) : undefined

  return found?.username === '' && found.password === '' ? { username: 'guest', password: 'guest' } : found
}

interface Settings {
  readonly heartbeatMs: number
  readonly connectTimeoutMs: number
  readonly login: Login | (() => Promise<Login>) | undefined
  readonly options: RabbitOptions
}

type Login = ReturnType<typeof mechanisms.plain> | ReturnType<typeof mechanisms.external>

function milliseconds(name: string, text: unknown, [least, most]: readonly [least: number, most: number], faults: Fault[]): number {
  const found = parseDuration(text)
  if (found !== undefined && found >= least && found <= most) return found
  faults.push(wrong(`option "${name}" takes a duration of at least ${least} ms such as "10s", and of no more than ${most} ms; found ${JSON.stringify(text)}.`))

  return least
}

function loginOf(found: unknown, faults: Fault[]): Settings['login'] {
  if (found === undefined) return undefined
  if (typeof found === 'function') return () => askedLogin(found as () => unknown)
  const login = mechanismOf(found)
  if (!login) faults.push(wrong('option "credentials" takes { username, password }, both strings, "external", or a function that returns one of these.'))

  return login
}

async function askedLogin(ask: () => unknown): Promise<Login> {
  const login = mechanismOf(await ask())
  if (!login) throw new Error('the function given as "credentials" has to return { username, password }, both strings, or "external"; what it returned is neither')

  return login
}

function mechanismOf(found: unknown): Login | undefined {
  if (found === 'external') return mechanisms.external()
  const { username, password } = (typeof found === 'object' && found !== null ? found : {}) as { username?: unknown; password?: unknown }

  return typeof username === 'string' && typeof password === 'string' ? mechanisms.plain(username, password) : undefined
}

function endpointOf(url: unknown, index: number, settings: Settings, faults: Fault[]): Endpoint | undefined {
  const which = `option "url"${index > 0 ? ` (number ${index + 1})` : ''}`
  try {
    const parsed = new URL(String(url))
    const fault = faultOfUrl(parsed, settings.options)
    if (!fault) return new Endpoint(targetOf(parsed, settings), socketOf(parsed, settings), settings.login)
    faults.push(wrong(`${which} ${fault}`))
  } catch {
    faults.push(wrong(`${which} is not an url. Expected amqp://user:password@host:5672/vhost, special characters percent-encoded.`))
  }

  return undefined
}

function faultOfUrl(url: URL, options: RabbitOptions): string | undefined {
  const secure = url.protocol === 'amqps:'
  if (!secure && url.protocol !== 'amqp:') return `begins with "${url.protocol}"; expected amqp: or amqps:.`
  if (options.tls && !secure) return 'begins with amqp: while "tls" is given. Use amqps:, or leave "tls" out.'
  const unknown = [...url.searchParams.keys()].find((key) => !Object.hasOwn(parameters, key))
  if (unknown !== undefined) return `has a parameter "${unknown}" that nobody knows. Known: ${Object.keys(parameters).join(', ')}.`
  const wild = Object.entries(parameters).find(([name, range]) => !isWithin(url.searchParams.get(name), range))

  return wild && `has a parameter "${wild[0]}" that takes a whole number from ${wild[1].join(' to ')}; found ${JSON.stringify(url.searchParams.get(wild[0]))}.`
}

function isWithin(text: string | null, [least, most]: readonly [least: number, most: number]): boolean {
  return text === null || (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= most)
}

function targetOf(url: URL, { heartbeatMs, login, options }: Settings): Options.Connect {
  const number = (name: string) => (url.searchParams.has(name) ? { [name]: Number(url.searchParams.get(name)) } : {})
  const isBare = url.username === '' && url.password === ''

  return {
    protocol: url.protocol.slice(0, -1),
    hostname: url.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(url.port) || (url.protocol === 'amqps:' ? 5671 : 5672),
    vhost: options.vhost ?? (decodeURIComponent(url.pathname.slice(1)) || '/'),
    heartbeat: Math.ceil(heartbeatMs / 1_000),
    ...(login || isBare ? {} : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }),
    ...number('heartbeat'),
    ...number('frameMax'),
    ...number('channelMax'),
  }
}

function socketOf(url: URL, { connectTimeoutMs, options }: Settings): SocketOptions {
  return {
    ...(options.socket as SocketOptions | undefined),
    ...(url.protocol === 'amqps:' ? options.tls : {}),
    noDelay: true,
    timeout: connectTimeoutMs,
  }
}

function wrong(text: string): Fault {
  return { code: 'RABBITMQ_OPTION', message: `rabbitmq(): ${text}` }
}
