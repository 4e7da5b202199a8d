import { Event, Listener, Publisher, RawListener, Service, type Publish } from '@waybill/core'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { metadataOf } from '../../packages/core/src/metadata.js'
import { decorate, expectCodes } from './fault-list.js'

class Seen extends Event('thing.seen', { payload: z.object({ id: z.string() }) }) {}
class Done extends Event('thing.done', { payload: z.object({ id: z.string() }) }) {}
class Helper {}

test('what the decorators say is found on the class', () => {
  @Service('things')
  class Things {
    constructor(
      readonly helper: Helper,
      @Publisher(Done) readonly done: Publish<Done>,
    ) {}

    @Listener(Seen, { concurrency: 3 })
    @Publisher(Done)
    async seen(): Promise<void> {}

    @RawListener('warehouse')
    raw(): void {}
  }

  expect(metadataOf(Things)).toEqual({
    service: { name: 'things' },
    listeners: [
      { method: 'seen', messages: [Seen], options: { concurrency: 3 } },
      { method: 'raw', messages: { rawChannel: 'warehouse' }, options: {} },
    ],
    publisherMethods: [{ method: 'seen', messages: [Done] }],
    publisherParameters: [{ index: 1, messages: [Done] }],
    transactionalMethods: [],
    needs: [],
    parameterTypes: [Helper, Object],
    statedParameters: [],
    parameterCount: 2,
    faults: [],
  })
})

test('a class inherits listeners and constructor, and adds nothing to the class it extends', () => {
  @Service('parent')
  class Parent {
    constructor(readonly helper: Helper) {}
    @Listener(Seen) seen(): void {}
  }
  @Service('child')
  class Child extends Parent {
    @Listener(Done) done(): void {}
  }

  expect(metadataOf(Child)).toMatchObject({ service: { name: 'child' }, parameterTypes: [Helper] })
  expect(metadataOf(Child).listeners.map(({ method }) => method)).toEqual(['done', 'seen'])
  expect(metadataOf(Parent).listeners.map(({ method }) => method)).toEqual(['seen'])
})

test('the mark @Service is not inherited', () => {
  @Service('parent')
  class Parent {}
  class Child extends Parent {}

  expect(metadataOf(Child).service).toBeUndefined()
})

test('a constructor of its own hides the parameters of the class it extends', () => {
  @Service()
  class Parent {
    constructor(@Publisher(Seen) readonly seen: Publish<Seen>) {}
  }
  @Service()
  class Child extends Parent {
    constructor(
      readonly helper: Helper,
      @Publisher(Done) readonly done: Publish<Done>,
    ) {
      super(async () => {})
    }
  }

  expect(metadataOf(Child).publisherParameters).toEqual([{ index: 1, messages: [Done] }])
})

test('a method that is overridden and decorated again has the new options only', () => {
  class Parent {
    @Listener(Seen, { concurrency: 1 }) seen(): void {}
  }
  class Child extends Parent {
    @Listener(Seen, { concurrency: 2 }) override seen(): void {}
  }

  expect(metadataOf(Child).listeners).toEqual([{ method: 'seen', messages: [Seen], options: { concurrency: 2 } }])
})

test('a method that is overridden without @Publisher no longer publishes', () => {
  class Parent {
    @Publisher(Done) async done(): Promise<void> {}
  }
  class Child extends Parent {
    override async done(): Promise<void> {}
  }

  expect(metadataOf(Parent).publisherMethods).toHaveLength(1)
  expect(metadataOf(Child).publisherMethods).toEqual([])
})

test('a decorator on a static method is a fault', () => {
  class Things {
    static seen(): void {}
    seen(): void {}
  }
  decorate(Listener(Seen), Things, 'seen')
  decorate(Publisher(Done), Things, 'seen')

  const { faults } = metadataOf(Things)

  expectCodes(faults, 'STATIC_METHOD', 'STATIC_METHOD')
  expect(faults[0]?.message).toContain('@Listener stands on the static method Things.seen')
  expect(faults[1]?.message).toContain('@Publisher')
})

test('a decorator on a field or an accessor is a fault', () => {
  class Things {
    readonly field = (): void => {}
    get accessor(): () => void {
      throw new Error('nobody reads this while the app starts')
    }
  }
  decorate(Listener(Seen), Things.prototype, 'field')
  decorate(RawListener('warehouse'), Things.prototype, 'accessor')

  const { faults } = metadataOf(Things)

  expectCodes(faults, 'NOT_A_METHOD', 'NOT_A_METHOD')
  expect(faults.map(({ message }) => message).join()).toMatch(/@Listener stands on Things\.field.*@RawListener stands on Things\.accessor/)
})

test('@Publisher on a class or on a parameter of a method is a fault', () => {
  class Things {
    seen(_id: string): void {}
  }
  decorate(Publisher(Done), Things)
  decorate(Publisher(Done), Things.prototype, 'seen', 0)

  const { faults } = metadataOf(Things)

  expectCodes(faults, 'PUBLISHER_PLACE', 'PUBLISHER_PLACE')
  expect(faults.map(({ message }) => message).join()).toMatch(/stands on Things;.*stands on Things\.seen;/)
})

test('decorators that a compiler calls in the TC39 way are faults that name the options of the compiler', () => {
  class Things {
    seen(): void {}
  }
  decorate(Service('things'), Things, { kind: 'class', name: 'Things' })
  decorate(Listener(Seen), Things.prototype.seen, { kind: 'method', name: 'seen' })

  const { faults, service } = metadataOf(Things)

  expect(service).toBeUndefined()
  expectCodes(faults, 'STANDARD_DECORATORS', 'STANDARD_DECORATORS')
  for (const { message } of faults) expect(message).toMatch(/"experimentalDecorators": true and "emitDecoratorMetadata": true/)
})

test('decorators never throw, whatever they are put on', () => {
  for (const target of [undefined, null, 5, 'text', {}, () => undefined, Object.create(null)]) {
    for (const decorator of [Service('a'), Listener(Seen), RawListener('a'), Publisher(Done)]) {
      for (const rest of [[], ['key'], ['key', {}], [undefined, 0], ['key', 0], [{ kind: 'field', name: 'a' }]]) decorate(decorator, target, ...rest)
    }
  }
})

test('reading a value that is no class finds nothing', () => {
  for (const value of [undefined, null, 5, {}, () => undefined]) expect(metadataOf(value)).toMatchObject({ service: undefined, listeners: [], publisherParameters: [] })
})

test('a decorated method keeps its name and its length', () => {
  class Things {
    @Publisher(Done) async done(_a: string, _b: string): Promise<void> {}
  }

  expect(Things.prototype.done.name).toBe('done')
  expect(Things.prototype.done.length).toBe(2)
})
