import type { PostgresClient } from './options.js'

type Guard = <T>(text: unknown, work: () => Promise<T>) => Promise<T>

/**
 * The client of a transaction as the user's own tools get it: its statements pass the guard, and what would end the session under the transaction does nothing.
 * Everything else is the driver's client as it is.
 */
export function guardedClient(client: PostgresClient, guard: Guard): PostgresClient {
  const query = (...given: unknown[]): unknown => {
    const callback = given.at(-1)
    if (typeof callback !== 'function') return guard(textOf(given), () => call(client, given))
    guard(textOf(given), () => call(client, given.slice(0, -1))).then(
      (answer) => callback(null, answer),
      (error: unknown) => callback(error),
    )

    return undefined
  }

  return new Proxy(client, {
    get(target, name) {
      if (name === 'query') return query
      if (name === 'release' || name === 'end') return () => undefined
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}

function textOf([statement]: readonly unknown[]): unknown {
  return typeof statement === 'object' && statement !== null ? Reflect.get(statement, 'text') : statement
}

function call(client: PostgresClient, given: readonly unknown[]): Promise<unknown> {
  return Reflect.apply(client.query, client, given)
}
