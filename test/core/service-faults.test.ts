import { type Ask, createApp, Event, Listener, type Publish, Publisher, Query, Service, type Transport } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { inject } from 'inversify'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { decorate, expectCodes, expectFault, faultsOf } from './fault-list.js'

const payload = z.object({ id: z.string() })
class Placed extends Event('order.placed', { channel: 'orders', payload }) {}
class Paid extends Event('payment.paid', { payload }) {}
class GetStock extends Query('stock.get', { payload, reply: payload }) {}

test('D1 a class in services without @Service is refused', () => {
  class Invoices {
    @Listener(Placed) onOrder(): void {}
  }

  const faults = faultsOf({ services: [Invoices] })

  expectCodes(faults, 'NO_SERVICE')
  expectFault(faults, 'NO_SERVICE', 'Invoices stands in `services` but is not marked @Service', 'Invoices.onOrder would not listen', "Write @Service('…')")
})

test('D1 a service with listeners that is injected but not listed is refused', () => {
  @Service('invoices')
  class Invoices {
    @Listener(Placed) onOrder(): void {}
  }
  @Service()
  class Front {
    constructor(readonly invoices: Invoices) {}
  }

  const faults = faultsOf({ services: [Front] })

  expectCodes(faults, 'LISTENER_NOT_LISTED')
  expectFault(faults, 'LISTENER_NOT_LISTED', 'Invoices.onOrder listens on channel "orders"', 'Add Invoices to `services`')
})

test('D1 listeners of a class that is injected without any mark are found too', () => {
  class Invoices {
    @Listener(Placed) onOrder(): void {}
  }
  @Service()
  class Front {
    constructor(readonly invoices: Invoices) {}
  }

  expectFault(faultsOf({ services: [Front] }), 'LISTENER_NOT_LISTED', 'Invoices.onOrder')
})

test('D1 a class that stands twice in services is refused', () => {
  @Service()
  class Front {}

  expectFault(faultsOf({ services: [Front, Front] }), 'SERVICE_TWICE', 'Front stands twice in `services`')
})

test('a service with listeners and no name is refused', () => {
  @Service()
  class Invoices {
    @Listener(Placed) onOrder(): void {}
  }

  expectFault(faultsOf({ services: [Invoices] }), 'SERVICE_NAME', 'Invoices has a listener, Invoices.onOrder', "write @Service('…')")
})

test.each([
  ['Invoices', 'found "Invoices"'],
  ['in.voices', 'without dots'],
  ['dead', 'is reserved'],
  ['', 'found ""'],
])('the service name "%s" is refused', (name, says) => {
  @Service(name)
  class Invoices {}

  expectFault(faultsOf({ services: [Invoices] }), 'SERVICE_NAME', '@Service of Invoices', says)
})

test('what is no class in services is refused', () => {
  const [undefinedClass, instance] = faultsOf({ services: [undefined, {}] }).map(({ message }) => message)

  expect(undefinedClass).toMatch(/`services\[0\]`.*found undefined.*import each other/)
  expect(instance).toMatch(/`services\[1\]`.*an object of Object.*not an instance/)
})

test('without metadata the parameter that needs its type is named, with the compilers that leave it out', () => {
  @Service()
  class Front {
    constructor(
      @Publisher(Placed) readonly placed: Publish<Placed>,
      readonly since: Date,
      @inject('url') readonly url: string,
    ) {}
  }
  Reflect.deleteMetadata('design:paramtypes', Front)

  const faults = faultsOf({ services: [Front] })

  expectCodes(faults, 'NO_METADATA')
  expectFault(faults, 'NO_METADATA', 'constructor of Front asks for as parameter 2:', 'esbuild, tsx, tsup and Node', '"emitDecoratorMetadata"', 'tsc, swc or oxc')
})

test('an @inject of what is undefined at run time is a cycle, also without metadata', () => {
  @Service()
  class Front {
    readonly other: object
    constructor(other: object) {
      this.other = other
    }
  }
  decorate(inject(undefined as never), Front, undefined, 0)
  Reflect.deleteMetadata('design:paramtypes', Front)

  expectFault(faultsOf({ services: [Front] }), 'CYCLE', 'Parameter 1 of the constructor of Front')
})

test('a constructor parameter that is undefined at run time is a cycle', () => {
  @Service()
  class Front {
    constructor(readonly other: Date) {}
  }
  Reflect.defineMetadata('design:paramtypes', [undefined], Front)

  expectFault(faultsOf({ services: [Front] }), 'CYCLE', 'Parameter 1 of the constructor of Front', 'import each other')
})

test('TC39 decorators are one fault, not a service without a mark', () => {
  class Front {}
  decorate(Service('front'), Front, { kind: 'class', name: 'Front' })

  expectCodes(faultsOf({ services: [Front] }), 'STANDARD_DECORATORS')
})

test('a parameter publishes one message', () => {
  @Service()
  class Front {
    constructor(
      readonly both: Publish<Placed>,
      readonly none: Publish<Paid>,
    ) {}
  }
  decorate(Publisher(Placed, Paid), Front, undefined, 0)
  decorate(Publisher(), Front, undefined, 1)

  const [both, none] = faultsOf({ services: [Front] }).map(({ code, message }) => `${code} ${message}`)

  expect(both).toMatch(/^PUBLISHER_PARAMETER Parameter 1 of the constructor of Front has @Publisher for 2 messages/)
  expect(none).toMatch(/^PUBLISHER_PARAMETER Parameter 2 of the constructor of Front has @Publisher for 0 messages/)
})

test('a parameter with two publishers is refused', () => {
  @Service()
  class Front {
    constructor(readonly placed: Publish<Placed>) {}
  }
  for (const type of [Placed, Paid]) decorate(Publisher(type), Front, undefined, 0)

  expectFault(faultsOf({ services: [Front] }), 'PUBLISHER_PARAMETER', 'two @Publisher decorators')
})

test('a publisher of something that is no message is refused, on a parameter and on a method', () => {
  class NoMessage {}
  @Service()
  class Front {
    constructor(readonly sent: Publish<Placed>) {}
    @Publisher(undefined as never) async send(): Promise<undefined> {
      return undefined
    }
  }
  decorate(Publisher(NoMessage as never), Front, undefined, 0)

  const [parameter, method] = faultsOf({ services: [Front] }).map(({ code, message }) => `${code} ${message}`)

  expect(parameter).toMatch(/^NOT_A_MESSAGE @Publisher on parameter 1 of the constructor of Front.*found the function or class NoMessage.*extends Event/)
  expect(method).toMatch(/^NOT_A_MESSAGE @Publisher on Front\.send.*found undefined.*import each other/)
})

test('a method that publishes nothing in particular is refused', () => {
  @Service()
  class Front {
    @Publisher() async send(): Promise<undefined> {
      return undefined
    }
  }

  expectFault(faultsOf({ services: [Front] }), 'PUBLISHER_EMPTY', '@Publisher on Front.send names no message')
})

test('a method with two publishers is refused: each would refuse what the other one publishes', () => {
  @Service()
  class Front {
    @Publisher(Placed)
    @Publisher(Paid)
    // biome-ignore lint/suspicious/noExplicitAny: the compiler refuses it
    async send(): Promise<any> {
      return undefined
    }
  }

  expectFault(faultsOf({ services: [Front] }), 'PUBLISHER_TWICE', 'Name all messages in one: @Publisher(')
})

test('a query that a method returns is refused', () => {
  @Service()
  class Front {
    send(): void {}
  }
  decorate(Publisher(GetStock), Front.prototype, 'send', Object.getOwnPropertyDescriptor(Front.prototype, 'send'))

  expectFault(faultsOf({ services: [Front] }), 'QUERY_RETURNED', '@Publisher on Front.send names the query "stock.get"', 'constructor parameter')
})

test('a decorator in the wrong place is reported with all other faults', () => {
  @Service()
  class Front {
    static run(): void {}
    stop(): void {}
  }
  decorate(Listener(Placed), Front, 'run')

  expectFault(faultsOf({ services: [Front] }), 'STATIC_METHOD', 'Front.run')
})

test('a query that no listener takes is refused where nobody else can answer it', async () => {
  class Find extends Query('parcel.find', { payload: z.object({ id: z.string() }), reply: z.object({ at: z.string() }) }) {}
  @Service('desk')
  class Desk {
    constructor(@Publisher(Find) readonly find: Ask<Find>) {}
  }
  const appOn = (transport: Transport) => createApp({ name: 'test', services: [Desk], transport, signals: false, log: false })
  const elsewhere = appOn(memory({ broker: memoryBroker() }))

  const error: unknown = await appOn(memory())
    .start()
    .catch((found: unknown) => found)
  await elsewhere.start()
  await elsewhere.stop()

  expect(error).toMatchObject({
    faults: [{ code: 'QUERY_UNHEARD', message: expect.stringMatching(/Desk.* asks "parcel\.find", which no listener of the app takes.*Write a @Listener/) }],
  })
})

test('a decorator without its parentheses is refused by its name', () => {
  const plain = Service as unknown as ClassDecorator
  const bare = Listener as unknown as MethodDecorator
  @plain
  class Front {}
  @Service('back')
  class Back {
    @bare
    on(): void {}
  }

  const found = faultsOf({ services: [Front, Back] }).map(({ code, message }) => `${code} ${message}`)

  expect(found).toEqual([expect.stringMatching(/^PARENTHESES @Service on Front has no parentheses/), expect.stringMatching(/^PARENTHESES @Listener on Back\.on has no/)])
})
