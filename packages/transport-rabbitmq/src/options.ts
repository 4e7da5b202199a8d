import { describeFound, type Duration, type Fault, optionsIn, parseDuration, unknownOptions } from '@waybill/core'
import { credentials as mechanisms } from 'amqplib/callback_api'
import type { TcpSocketConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Management, Password } from './management.js'
import { type Endpoint, endpointOf, type Login, type Settings } from './endpoint.js'
import { kindOfLogin, loginIn, type ManagementOptions, resolveManagement } from './management-options.js'

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

export interface ResolvedOptions {
  readonly declare: 'create' | 'check' | 'none'
  readonly endpoints: readonly Endpoint[]
  readonly management: Management | undefined
  readonly faults: readonly Fault[]
}

const known = ['url', 'vhost', 'credentials', 'declare', 'heartbeat', 'connectTimeout', 'management', 'tls', 'socket']
const longestHeartbeatMs = 65_535_000
const longestTimerMs = 2 ** 31 - 1

/** All defaults and all faults. No fault shows the name and password of an url. */
export function resolveOptions(given: RabbitOptions): ResolvedOptions {
  const options: RabbitOptions = optionsIn(given)
  const faults: Fault[] = unknownOptions('rabbitmq()', given, known, "rabbitmq({ url: 'amqp://user:password@host:5672' })")
  const settings: Settings = {
    heartbeatMs: milliseconds('heartbeat', options.heartbeat ?? '10s', [1_000, longestHeartbeatMs], faults),
    connectTimeoutMs: milliseconds('connectTimeout', options.connectTimeout ?? '10s', [1, longestTimerMs], faults),
    login: loginOf(options.credentials, faults),
    vhost: options.vhost,
    tls: options.tls,
    socket: options.socket,
  }
  faults.push(...kindFaults(options))
  const { declare = 'create' } = options
  if (!['create', 'check', 'none'].includes(declare)) faults.push(wrong(`option "declare" takes "create", "check" or "none"; found ${JSON.stringify(declare)}.`))
  if ('url' in options && options.url === undefined)
    faults.push(wrong('option "url" is given and undefined: mostly a variable of the environment that is not set. Set it, or leave "url" out for amqp://localhost.'))
  const urls = urlsOf(options.url, faults)
  const management = resolveManagement({ management: options.management, login: options.credentials ?? loginOfUrl(urls[0]), timeoutMs: settings.connectTimeoutMs }, faults)
  const endpoints = urls.flatMap((url, i) => endpointOf(url, i, settings, (text) => faults.push(wrong(text))) ?? [])
  const vhosts = [...new Set(endpoints.map(({ vhost }) => JSON.stringify(vhost)))]
  if (vhosts.length > 1) faults.push(wrong(`option "url" takes nodes of one cluster, all with one vhost; found ${vhosts.join(' and ')}. Name the same in each, or give "vhost".`))

  return Object.freeze({ declare, endpoints: Object.freeze(endpoints), management, faults: Object.freeze(faults) })
}

/** Of `net.connect`, what other options say. */
const stated: Readonly<Record<string, string>> = {
  host: 'state it in "url"',
  port: 'state it in "url"',
  timeout: 'state "connectTimeout"',
  noDelay: 'it is always true',
}

function objectIn(found: unknown): object {
  return typeof found === 'object' && found !== null ? found : {}
}

function kindFaults({ socket, tls, vhost }: { readonly socket?: unknown; readonly tls?: unknown; readonly vhost?: unknown }): Fault[] {
  const objects = Object.entries({ tls, socket }).filter(([, found]) => found !== undefined && (typeof found !== 'object' || found === null || Array.isArray(found)))

  return [
    ...(vhost === undefined || (typeof vhost === 'string' && vhost !== '')
      ? []
      : [wrong(`option "vhost" takes the name of a vhost; found ${describeFound(vhost)}. Leave it out for the one of the url, else "/".`)]),
    ...Object.entries(stated).flatMap(([name, instead]) =>
      Object.hasOwn(objectIn(socket), name) ? [wrong(`option "socket" has "${name}", which would be ignored: ${instead}.`)] : [],
    ),
    ...objects.map(([name, found]) => wrong(`option "${name}" takes an object of options for ${name === 'tls' ? 'tls' : 'net'}.connect; found ${describeFound(found)}.`)),
  ]
}

function urlsOf(found: unknown, faults: Fault[]): readonly unknown[] {
  const urls: unknown = found === undefined ? ['amqp://localhost'] : typeof found === 'string' ? [found] : found
  if (Array.isArray(urls) && urls.length > 0) return urls
  faults.push(wrong(`option "url" takes an url or a list of them; found ${Array.isArray(urls) ? 'an empty list' : describeFound(urls)}. Leave it out for amqp://localhost.`))

  return []
}

/** Name and password of a connection, for whoever else asks for them. */
function loginOfUrl(url: unknown): Password | undefined {
  const found = URL.canParse(String(url)) ? loginIn(new URL(String(url))) : undefined

  return found?.username === '' && found.password === '' ? { username: 'guest', password: 'guest' } : found
}

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
  if (!login)
    faults.push(wrong(`option "credentials" takes { username, password }, both strings, "external", or a function that returns one of these; found ${kindOfLogin(found)}.`))

  return login
}

async function askedLogin(ask: () => unknown): Promise<Login> {
  const login = mechanismOf(await answerOf(ask))
  if (!login) throw new Error('the function given as "credentials" has to return { username, password }, both strings, or "external"; what it returned is neither')

  return login
}

async function answerOf(ask: () => unknown): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    throw new Error(`the function given as "credentials" failed: ${error instanceof Error ? error.message : 'what it threw is no Error'}`, { cause: error })
  }
}

function mechanismOf(found: unknown): Login | undefined {
  if (found === 'external') return mechanisms.external()
  const { username, password } = (typeof found === 'object' && found !== null ? found : {}) as { username?: unknown; password?: unknown }

  return typeof username === 'string' && typeof password === 'string' ? mechanisms.plain(username, password) : undefined
}

function wrong(text: string): Fault {
  return { code: 'RABBITMQ_OPTION', message: `rabbitmq(): ${text}` }
}
