import 'reflect-metadata'
import type { Fault } from './fault.js'
import { nameOf } from './found.js'
import { statedParametersOf } from './inversify-metadata.js'
import { isContext, misplacedPublisher, noMethod, onStatic, standardDecorator } from './misplaced.js'
import { publishing } from './returned.js'
import { transactional, withinTransaction } from './transactional.js'

/** What the decorators wrote on a class. They only write; what it means, and what is wrong with it, is found at `start`. */
export interface ServiceMetadata {
  /** Undefined: the class itself is not marked `@Service`. */
  readonly service: { readonly name: unknown } | undefined
  readonly listeners: readonly ListenerMark[]
  readonly publisherMethods: readonly PublisherMethodMark[]
  readonly publisherParameters: readonly PublisherParameterMark[]
  readonly transactionalMethods: readonly TransactionalMark[]
  /** The constructor's parameters as the compiler wrote them; undefined where it wrote none. */
  readonly parameterTypes: readonly unknown[] | undefined
  /** What `@inject` and its sisters say of the constructor's parameters, each at its place. */
  readonly statedParameters: readonly unknown[]
  /** How many parameters the constructor has, without those after the first default of which nothing is said. */
  readonly parameterCount: number
  /** Plugins without which it does nothing. */
  readonly needs: readonly PluginNeed[]
  /** Decorators that stand where they mean nothing. */
  readonly faults: readonly Fault[]
}

/** What an app is told that has no plugin of that name. */
export interface PluginNeed {
  readonly plugin: string
  readonly fault: Fault
}

export interface ListenerMark {
  readonly method: string | symbol
  /** As the user gave them: an import cycle makes `undefined` of a class. */
  readonly messages: readonly unknown[] | { readonly rawChannel: unknown }
  /** As the user gave them: unchecked. */
  readonly options: unknown
}

export interface PublisherMethodMark {
  readonly method: string | symbol
  readonly messages: readonly unknown[]
}

export interface TransactionalMark {
  readonly method: string | symbol
  /** As the user gave them: unchecked. */
  readonly options: unknown
}

export interface PublisherParameterMark {
  readonly index: number
  readonly messages: readonly unknown[]
}

const keys = {
  service: Symbol.for('waybill:service'),
  listeners: Symbol.for('waybill:listeners'),
  publisherMethods: Symbol.for('waybill:publisher-methods'),
  publisherParameters: Symbol.for('waybill:publisher-parameters'),
  transactionalMethods: Symbol.for('waybill:transactional-methods'),
  needs: Symbol.for('waybill:needs'),
  faults: Symbol.for('waybill:faults'),
  ofStore: Symbol.for('waybill:of-store'),
} as const

type Mark = keyof typeof keys

export function markService(target: unknown, name: unknown, place?: unknown): void {
  if (isContext(place)) return addFault(target, standardDecorator('@Service', nameOf(target)))
  if (typeof target === 'function') Reflect.defineMetadata(keys.service, { name }, target)
}

export function markListener(target: unknown, key: unknown, messages: readonly unknown[], options: unknown): void {
  markMethod('@Listener', target, key, (method) => add('listeners', target as object, { method, messages, options }))
}

export function markRawListener(target: unknown, key: unknown, channel: unknown, options: unknown): void {
  markMethod('@RawListener', target, key, (method) => add('listeners', target as object, { method, messages: { rawChannel: channel }, options }))
}

export function markPublisherMethod(target: unknown, key: unknown, descriptor: unknown, messages: readonly unknown[]): void {
  if (key === undefined && typeof target === 'function') return addFault(target, misplacedPublisher(nameOf(target)))
  markMethod('@Publisher', target, key, (method) => {
    add('publisherMethods', target as object, { method, messages })
    const place = descriptor as PropertyDescriptor | undefined
    if (typeof place?.value === 'function') place.value = withinTransaction(place.value, (inner) => publishing(inner, method, messages))
  })
}

/** Marks a method that runs in a transaction, and makes it do so. */
export function markTransactional(target: unknown, key: unknown, descriptor: unknown, options: unknown): void {
  markMethod('@Transactional', target, key, (method) => {
    add('transactionalMethods', target as object, { method, options })
    const place = descriptor as PropertyDescriptor | undefined
    if (typeof place?.value === 'function') place.value = transactional(place.value, method, options)
  })
}

/** Marks a class whose instance comes with the app's store, so that an app without one can say so. */
export function markOfStore(type: object): void {
  Reflect.defineMetadata(keys.ofStore, true, type)
}

export function isOfStore(type: unknown): boolean {
  return typeof type === 'function' && Reflect.getOwnMetadata(keys.ofStore, type) === true
}

export function markPublisherParameter(target: unknown, key: unknown, index: number, messages: readonly unknown[]): void {
  if (key !== undefined) return addFault(classOf(target), misplacedPublisher(`${nameOf(classOf(target))}.${String(key)}`))
  if (typeof target === 'function') add('publisherParameters', target, { index, messages })
}

/** Everything the decorators wrote on a class and those it extends; never throws, whatever it is given. */
export function metadataOf(type: unknown): ServiceMetadata {
  const chain = classesOf(type)
  const own = ownConstructor(chain)

  return {
    service: chain[0] && (Reflect.getOwnMetadata(keys.service, chain[0]) as ServiceMetadata['service']),
    listeners: methodMarks<ListenerMark>(chain, 'listeners'),
    publisherMethods: methodMarks<PublisherMethodMark>(chain, 'publisherMethods').filter((mark) => isStillWrapped(chain, mark.method, 'publisherMethods')),
    transactionalMethods: methodMarks<TransactionalMark>(chain, 'transactionalMethods').filter((mark) => isStillWrapped(chain, mark.method, 'transactionalMethods')),
    publisherParameters: own ? ownMarks<PublisherParameterMark>(own, 'publisherParameters') : [],
    parameterTypes: own && parameterTypesOf(own),
    statedParameters: own ? statedParametersOf(own) : [],
    parameterCount: own ? parameterCountOf(own) : 0,
    needs: chain[0] ? ownMarks<PluginNeed>(chain[0], 'needs') : [],
    faults: [...chain.flatMap((at) => faultsOf(at)), ...strayMarks(chain)],
  }
}

function markMethod(decorator: string, target: unknown, key: unknown, mark: (method: string | symbol) => void): void {
  if (isContext(key)) return addFault(target, standardDecorator(decorator, String(key.name)))
  if (typeof key !== 'string' && typeof key !== 'symbol') return addFault(classOf(target), noMethod(decorator, nameOf(classOf(target))))
  if (typeof target === 'function') return addFault(target, onStatic(decorator, `${nameOf(target)}.${String(key)}`))
  if (typeof target === 'object' && target !== null) mark(key)
}

function add(kind: Mark, target: object, mark: object): void {
  Reflect.defineMetadata(keys[kind], [...ownMarks(target, kind), mark], target)
}

/** Notes what is wrong with a class where another decorator found it: `start` reports it with all other faults. */
export function addFault(target: unknown, fault: Fault): void {
  if ((typeof target === 'object' || typeof target === 'function') && target !== null) add('faults', target, fault)
}

/** Notes that a class is nothing without a plugin: `start` says so where the app has none of that name. */
export function addNeed(target: object, need: PluginNeed): void {
  add('needs', target, need)
}

function ownMarks<T>(target: object, kind: Mark): readonly T[] {
  return (Reflect.getOwnMetadata(keys[kind], target) as readonly T[] | undefined) ?? []
}

function classOf(target: unknown): unknown {
  return typeof target === 'object' && target !== null ? (target as { constructor?: unknown }).constructor : target
}

/** The class itself, then what it extends. */
function classesOf(type: unknown): (abstract new () => object)[] {
  const found = []
  for (let at = type; typeof at === 'function' && at !== Function.prototype; at = Object.getPrototypeOf(at)) found.push(at as abstract new () => object)

  return found
}

/** The nearest class that says what its constructor takes: a class without one uses that of the class it extends. */
function ownConstructor(chain: readonly (abstract new () => object)[]): (abstract new () => object) | undefined {
  return chain.find((type) => parameterTypesOf(type) !== undefined || parameterCountOf(type) > 0 || ownMarks(type, 'publisherParameters').length > 0)
}

function parameterCountOf(type: abstract new () => object): number {
  return Math.max(parameterTypesOf(type)?.length ?? type.length, statedParametersOf(type).length)
}

function parameterTypesOf(type: object): readonly unknown[] | undefined {
  return Reflect.getOwnMetadata('design:paramtypes', type) as readonly unknown[] | undefined
}

/** The nearest class's mark of a method stands for those of the classes it extends. */
function methodMarks<T extends { readonly method: string | symbol }>(chain: readonly (abstract new () => object)[], kind: Mark): readonly T[] {
  const marks: T[] = []
  for (const type of chain) {
    if (typeof type.prototype !== 'object') continue
    const inherited = new Set(marks.map((mark) => mark.method))
    marks.push(...ownMarks<T>(type.prototype as object, kind).filter((mark) => !inherited.has(mark.method)))
  }

  return marks
}

function nearestOwner(chain: readonly (abstract new () => object)[], method: string | symbol): object | undefined {
  return chain
    .map((type) => type.prototype as unknown)
    .find((prototype): prototype is object => typeof prototype === 'object' && prototype !== null && Object.hasOwn(prototype, method))
}

/** An override that is not decorated itself replaces the method that publishes. */
function isStillWrapped(chain: readonly (abstract new () => object)[], method: string | symbol, kind: Mark): boolean {
  const owner = nearestOwner(chain, method)

  return owner === undefined || ownMarks<PublisherMethodMark>(owner, kind).some((mark) => mark.method === method)
}

function strayMarks(chain: readonly (abstract new () => object)[]): readonly Fault[] {
  const decorated = [
    ...methodMarks<ListenerMark>(chain, 'listeners').map(({ method, messages }) => ({ method, decorator: 'rawChannel' in messages ? '@RawListener' : '@Listener' })),
    ...methodMarks<PublisherMethodMark>(chain, 'publisherMethods').map(({ method }) => ({ method, decorator: '@Publisher' })),
    ...methodMarks<TransactionalMark>(chain, 'transactionalMethods').map(({ method }) => ({ method, decorator: '@Transactional' })),
  ]

  return decorated
    .filter(({ method }) => typeof Object.getOwnPropertyDescriptor(nearestOwner(chain, method) ?? {}, method)?.value !== 'function')
    .map(({ method, decorator }) => noMethod(decorator, `${nameOf(chain[0])}.${String(method)}`))
}

/** A TC39 decorator sees a method, but not its class: its fault waits on the method itself. */
function faultsOf(type: abstract new () => object): readonly Fault[] {
  const methods = [type, type.prototype as unknown]
    .filter((home): home is object => home !== null && (typeof home === 'object' || typeof home === 'function'))
    .flatMap((home) => Reflect.ownKeys(home).map((key) => Object.getOwnPropertyDescriptor(home, key)?.value as unknown))
    .filter((value): value is object => typeof value === 'function' && value !== type)

  return [type, ...methods].flatMap((at) => ownMarks<Fault>(at, 'faults'))
}
