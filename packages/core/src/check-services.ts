import type { Fault } from './fault.js'
import { describeFound, nameOf } from './found.js'
import { type Injection, injectionsOf } from './injection.js'
import { isClass, type MarkedService } from './marked-service.js'
import { faultOfName } from './name.js'
import { noMessage } from './check-messages.js'
import { definitionOf } from './message.js'

/** What is wrong with the classes of an app: those in `services`, and those that their constructors name. */
export function checkServices(given: unknown, listed: readonly MarkedService[], reachable: readonly MarkedService[]): readonly Fault[] {
  return [
    ...(Array.isArray(given) ? checkList(given) : []),
    ...listed.flatMap(checkMark),
    ...reachable
      .filter(({ marks, isListed }) => marks.service || isListed)
      .flatMap((service) => [...service.marks.faults, ...checkName(service), ...checkConstructor(service), ...checkPublishers(service)]),
    ...reachable.filter((service) => !service.isListed).flatMap(checkUnlisted),
  ]
}

function checkList(given: readonly unknown[]): readonly Fault[] {
  const notClasses = given.flatMap((entry, i) =>
    isClass(entry)
      ? []
      : [
          {
            code: 'SERVICE_CLASS',
            message: `\`services[${i}]\` is a class marked @Service; found ${describeFound(entry)}.${entry === undefined ? ' Two files probably import each other: move what both need into a third.' : ' List the class itself, not an instance.'}`,
          },
        ],
  )
  const twice = [...new Set(given.filter((entry, i) => isClass(entry) && given.indexOf(entry) !== i))]

  return [
    ...notClasses,
    ...twice.map((type) => ({ code: 'SERVICE_TWICE', message: `${nameOf(type)} stands twice in \`services\`. It is made once per app: remove one of the two.` })),
  ]
}

function checkMark({ label, marks }: MarkedService): readonly Fault[] {
  if (marks.service || marks.faults.some(({ code }) => code === 'STANDARD_DECORATORS')) return []
  const [first] = marks.listeners
  const where = first ? `, so ${label}.${String(first.method)} would not listen` : ''

  return [
    {
      code: 'NO_SERVICE',
      message: `${label} stands in \`services\` but is not marked @Service${where}. Write @Service('…') above the class; a class does not inherit the mark of the one it extends.`,
    },
  ]
}

function checkName({ label, marks, serviceName }: MarkedService): readonly Fault[] {
  if (!marks.service) return []
  const { name } = marks.service
  if (name !== undefined) {
    const bad = faultOfName('group', name)

    return bad ? [{ code: 'SERVICE_NAME', message: `@Service of ${label}: its name is the group of its listeners. ${bad}` }] : []
  }
  const [first] = marks.listeners
  if (!first || serviceName !== undefined) return []

  return [
    {
      code: 'SERVICE_NAME',
      message: `${label} has a listener, ${label}.${String(first.method)}, but @Service gives it no name. The name is the group that its listeners share: write @Service('…').`,
    },
  ]
}

/** The listeners of a class that is not in `services`: none of them would run. */
export function checkUnlisted({ label, marks }: MarkedService): readonly Fault[] {
  return marks.listeners.map(({ method, messages }) => {
    const channel = 'rawChannel' in messages ? messages.rawChannel : definitionOf(messages[0])?.channel

    return {
      code: 'LISTENER_NOT_LISTED',
      message: `${label}.${String(method)} listens on channel ${describeFound(channel)}, but ${label} is not in \`services\`, and listeners run only for classes that are. Add ${label} to \`services\`, or move the listener to a class that is listed.`,
    }
  })
}

/** Parameters of a constructor of which nobody can tell what they ask for. */
export function checkConstructor(service: MarkedService): readonly Fault[] {
  const absent = injectionsOf(service).filter(({ token }) => token === undefined)
  const unstated = absent.filter(({ isStated }) => !isStated)

  return [...(unstated.length > 0 ? [missingMetadata(service.label, unstated)] : []), ...absent.filter(({ isStated }) => isStated).map(({ index }) => cycle(service.label, index))]
}

function missingMetadata(label: string, unstated: readonly Injection[]): Fault {
  return {
    code: 'NO_METADATA',
    message:
      `Nothing says what the constructor of ${label} asks for as parameter ${unstated.map(({ index }) => index + 1).join(', ')}: neither @Publisher nor @inject stands there, and the compiler wrote no types. ` +
      "esbuild, tsx, tsup and Node's own type stripping leave them out: " +
      'write @inject(token), or compile with tsc, swc or oxc, with "experimentalDecorators" and "emitDecoratorMetadata" set to true in tsconfig.json.',
  }
}

function cycle(label: string, index: number): Fault {
  return {
    code: 'CYCLE',
    message: `Parameter ${index + 1} of the constructor of ${label} has no type at run time: its class is defined later, because two files import each other or the class stands below ${label}. Define it above, or let a third class hold what both need.`,
  }
}

function checkPublishers({ label, marks }: MarkedService): readonly Fault[] {
  const places = marks.publisherParameters.map(({ index }) => index)
  const twice = repeated(places)

  return [
    ...marks.publisherParameters.flatMap(({ index, messages }) => checkParameter(`Parameter ${index + 1} of the constructor of ${label}`, messages)),
    ...twice.map((index) => ({
      code: 'PUBLISHER_PARAMETER',
      message: `Parameter ${index + 1} of the constructor of ${label} has two @Publisher decorators; a publisher sends one message. Use a parameter for each.`,
    })),
    ...marks.publisherMethods.flatMap(({ method, messages }) => checkReturned(`${label}.${String(method)}`, messages)),
    ...repeated(marks.publisherMethods.map(({ method }) => method)).map((method) => ({
      code: 'PUBLISHER_TWICE',
      message: `${label}.${String(method)} has two @Publisher decorators, each of which would refuse what the other one lets pass. Name all messages in one: @Publisher(OrderPlaced, OrderRejected).`,
    })),
  ]
}

function repeated<T>(all: readonly T[]): readonly T[] {
  return [...new Set(all.filter((one, i) => all.indexOf(one) !== i))]
}

function checkParameter(place: string, messages: readonly unknown[]): readonly Fault[] {
  if (messages.length !== 1)
    return [{ code: 'PUBLISHER_PARAMETER', message: `${place} has @Publisher for ${messages.length} messages; an injected publisher sends exactly one. Use a parameter for each.` }]

  return definitionOf(messages[0]) ? [] : [noMessage(`@Publisher on ${lower(place)}`, messages[0])]
}

function checkReturned(label: string, messages: readonly unknown[]): readonly Fault[] {
  if (messages.length === 0)
    return [{ code: 'PUBLISHER_EMPTY', message: `@Publisher on ${label} names no message. Name every message that the method returns: @Publisher(OrderPlaced).` }]

  return messages.flatMap((type) => {
    const definition = definitionOf(type)
    if (!definition) return [noMessage(`@Publisher on ${label}`, type)]
    if (definition.kind !== 'query') return []

    return [
      {
        code: 'QUERY_RETURNED',
        message: `@Publisher on ${label} names the query "${definition.name}"; a query is asked, and its reply would have no place to go. Inject it: @Publisher(${nameOf(type)}) on a constructor parameter gives an Ask.`,
      },
    ]
  })
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
