import { Event, Listener, type Module, Publisher, Query, Service, type Ask, type Publish } from '@waybill/core'
import { ContainerModule, inject, LazyServiceIdentifier, named, optional, postConstruct } from 'inversify'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { buildContainer, type ServiceContainer } from '../../packages/core/src/container.js'
import { definitionOf } from '../../packages/core/src/message.js'
import { expectCodes, expectFault } from './fault-list.js'

class Seen extends Event('thing.seen', { payload: z.object({ id: z.string() }) }) {}
class GetThing extends Query('thing.get', { payload: z.object({ id: z.string() }), reply: z.object({ name: z.string() }) }) {}

class Pool {
  isOpen = true

  close(): void {
    this.isOpen = false
  }
}

@Service()
class Repository {
  constructor(readonly pool: Pool) {}
}

@Service('things')
class Things {
  constructor(
    readonly repository: Repository,
    @Publisher(Seen) readonly seen: Publish<Seen>,
    @Publisher(GetThing) readonly get: Ask<GetThing>,
  ) {}
}

@Service('others')
class Others {
  constructor(readonly repository: Repository) {}
}

const pools = (): ContainerModule => new ContainerModule(({ bind }) => void bind(Pool).toSelf().inSingletonScope())

interface Built {
  readonly container: ServiceContainer
  readonly created: object[]
}

/** A container whose publishers are the texts of what they would publish. */
async function build(services: unknown, ...modules: readonly Module[]): Promise<Built> {
  const created: object[] = []
  const container = await buildContainer({
    services,
    modules,
    publisherFor: (type, label) => `${definitionOf(type)?.name} for ${label}`,
    onCreate: (instance) => void created.push(instance),
  })

  return { container, created }
}

test('a service gets other services, publishers and what the modules bind', async () => {
  const { container } = await build([Things], pools())
  const things = (await container.create()).get(Things) as Things

  expect(container.faults).toEqual([])
  expect(things.repository).toBeInstanceOf(Repository)
  expect(things.repository.pool).toBeInstanceOf(Pool)
  expect([things.seen, things.get]).toEqual(['thing.seen for The event "thing.seen" of Things', 'thing.get for The query "thing.get" of Things'])
})

test('every service is made once, also one that is not listed', async () => {
  const { container, created } = await build([Things, Others], pools())
  const made = await container.create()

  expect((made.get(Things) as Things).repository).toBe((made.get(Others) as Others).repository)
  expect(container.get(Repository)).toBe((made.get(Things) as Things).repository)
  expect([...made.keys()]).toEqual([Things, Others])
  expect(created.filter((instance) => instance instanceof Repository)).toHaveLength(1)
})

test('each instance is shown to its app before anybody uses it, what a module makes included', async () => {
  const { container, created } = await build([Things], pools())

  await container.create()

  expect(created.map((instance) => instance.constructor.name)).toEqual(['Pool', 'Repository', 'Things'])
})

test('no instance is made while the container is built', async () => {
  const { created } = await build([Things, Others], pools())

  expect(created).toEqual([])
})

test('D2 two apps in one process share no instance', async () => {
  const one = await build([Things], pools())
  const two = await build([Things], pools())

  const first = (await one.container.create()).get(Things) as Things
  const second = (await two.container.create()).get(Things) as Things

  expect(first).not.toBe(second)
  expect(first.repository.pool).not.toBe(second.repository.pool)
  await one.container.close()
  expect(two.container.get(Things)).toBe(second)
})

test('a service can be asked for that nobody listed', async () => {
  const { container } = await build([], pools())

  expect(container.get(Others).repository).toBe(container.get(Repository))
})

test('asking for what nobody bound says what to do', async () => {
  const { container } = await build([])

  expect(() => container.get(Pool)).toThrow('Pool is neither marked @Service nor bound in `modules`')
  expect(() => container.get(Repository)).toThrow('Parameter 1 of the constructor of Repository asks for Pool')
})

test('a parameter that nobody binds is found before anything is made', async () => {
  const { container, created } = await build([Things])

  expectCodes(container.faults, 'UNBOUND')
  expectFault(container.faults, 'UNBOUND', 'Parameter 1 of the constructor of Repository asks for Pool', 'Mark it @Service(), or bind it')
  expect(created).toEqual([])
})

test('a parameter that is an interface, a text or a token says what to do', async () => {
  @Service()
  class Settings {
    constructor(
      readonly shape: { readonly size: number },
      readonly text: string,
      @inject('url') readonly url: string,
    ) {}
  }
  const { container } = await build([Settings])

  expectCodes(container.faults, 'UNBOUND', 'UNBOUND', 'UNBOUND')
  const [shape, text, url] = container.faults.map(({ message }) => message)
  expect(shape).toContain('Object, which is all that is left of an interface')
  expect(text).toContain('a String, which nobody can bind')
  expect(url).toContain('the token "url", which no module binds')
})

test('tokens, names and optional parameters of inversify are honoured', async () => {
  @Service()
  class Settings {
    constructor(
      @inject('url') readonly url: string,
      @inject('size') @named('large') readonly size: number,
      @inject('missing') @optional() readonly missing: string | undefined,
    ) {}
  }
  const module = new ContainerModule(({ bind }) => {
    bind('url').toConstantValue('amqp://here')
    bind('size').toConstantValue(1).whenNamed('small')
    bind('size').toConstantValue(9).whenNamed('large')
  })
  const { container } = await build([Settings], module)
  await container.create()

  expect(container.faults).toEqual([])
  expect(container.get(Settings)).toMatchObject({ url: 'amqp://here', size: 9, missing: undefined })
})

test('a constructor whose every parameter has @Publisher or @inject needs no metadata', async () => {
  @Service()
  class Sizes {
    constructor(@inject('size') @optional() readonly size = 3) {}
  }
  @Service()
  class Front {
    constructor(
      @inject(Sizes) readonly sizes: Sizes,
      @Publisher(Seen) readonly seen: Publish<Seen>,
    ) {}
  }
  for (const type of [Sizes, Front]) Reflect.deleteMetadata('design:paramtypes', type)
  const { container } = await build([Front], new ContainerModule(({ bind }) => void bind('size').toConstantValue(9)))
  await container.create()

  expect(container.faults).toEqual([])
  expect(container.get(Front)).toMatchObject({ sizes: { size: 9 }, seen: 'thing.seen for The event "thing.seen" of Front' })
})

test('a class takes over what the constructor of the one it extends asks for', async () => {
  class Settings {
    constructor(@inject('url') readonly url: string) {}
  }
  @Service()
  class OwnSettings extends Settings {}
  const { container } = await build([OwnSettings], new ContainerModule(({ bind }) => void bind('url').toConstantValue('amqp://here')))
  await container.create()

  expect(container.faults).toEqual([])
  expect(container.get(OwnSettings).url).toBe('amqp://here')
})

test('what is made late asks for metadata too', async () => {
  @Service()
  class Late {
    readonly pool: Pool
    constructor(pool: Pool) {
      this.pool = pool
    }
  }
  Reflect.deleteMetadata('design:paramtypes', Late)
  const { container } = await build([], pools())

  expect(() => container.get(Late)).toThrow(expect.objectContaining({ code: 'NO_METADATA' }))
})

test('what a module makes asynchronously is there when a service is made', async () => {
  const module = new ContainerModule(async ({ bind }) => {
    await Promise.resolve()
    bind(Pool)
      .toDynamicValue(async () => new Pool())
      .inSingletonScope()
  })
  const { container } = await build([Others], module)
  await container.create()

  expect(container.get(Others).repository.pool.isOpen).toBe(true)
})

test('closing lets the modules close what they opened', async () => {
  const module = new ContainerModule(({ bind }) => {
    bind(Pool)
      .toSelf()
      .inSingletonScope()
      .onDeactivation((pool) => pool.close())
  })
  const { container } = await build([Others], module)
  await container.create()
  const { pool } = container.get(Others).repository

  await container.close()

  expect(pool.isOpen).toBe(false)
})

test('services that need each other are found before anything is made', async () => {
  @Service()
  class Hen {
    constructor(@inject(new LazyServiceIdentifier(() => Egg)) readonly egg: object) {}
  }
  @Service()
  class Egg {
    constructor(readonly hen: Hen) {}
  }
  const { container, created } = await build([Egg])

  expectFault(container.faults, 'CYCLE', 'Egg → Hen → Egg')
  expect(created).toEqual([])
})

test('services that need each other through a module end in a sentence, not in a dead process', async () => {
  @Service()
  class Egg {
    constructor(@inject('hen') readonly hen: object) {}
  }
  const module = new ContainerModule(({ bind }) => void bind('hen').toDynamicValue((context) => ({ egg: context.get(Egg) })))
  const { container } = await build([Egg], module)

  await expect(container.create()).rejects.toMatchObject({ code: 'CYCLE', message: expect.stringContaining('Egg → Egg') })
})

test('D1 a service that a module binds too is refused', async () => {
  const { container } = await build([Others], pools(), new ContainerModule(({ bind }) => void bind(Repository).toDynamicValue((context) => new Repository(context.get(Pool)))))

  expectCodes(container.faults, 'BOUND_TWICE')
  expectFault(container.faults, 'BOUND_TWICE', 'Repository is marked @Service and also bound in `modules`', 'Remove the binding')
})

test('a module that throws is named', async () => {
  const { container } = await build(
    [],
    new ContainerModule(() => {
      throw new Error('no file')
    }),
  )

  expectFault(container.faults, 'MODULE', '`modules[0]` threw while it was loaded: no file')
})

test('what inversify would call or fill beside the constructor is refused', async () => {
  @Service()
  class Late {
    @inject('url') readonly url: string = ''
    @postConstruct() open(): void {}
  }
  const { container } = await build([Late])

  expectCodes(container.faults, 'INJECTION_PLACE', 'INJECTION_PLACE')
  expect(container.faults.map(({ message }) => message).join()).toMatch(/Late\.url has a decorator of inversify.*Late\.open/)
})

test('a constructor that throws is named, its error kept', async () => {
  @Service()
  class Broken {
    constructor() {
      throw new RangeError('too small')
    }
  }
  const { container } = await build([Broken])

  await expect(container.create()).rejects.toMatchObject({ code: 'CONSTRUCTOR', message: 'The constructor of Broken threw: too small', cause: expect.any(RangeError) })
})

test('D1 a class with listeners that is not in services is not given out, as they would not run', async () => {
  @Service('silent')
  class Silent {
    @Listener(Seen) onSeen(): void {}
  }
  @Service()
  class Front {
    constructor(readonly silent: Silent) {}
  }
  const { container } = await build([Things], pools())
  await container.create()
  const refusal = { code: 'LISTENER_NOT_LISTED', message: expect.stringContaining('Add Silent to `services`') }

  expect(() => container.get(Silent)).toThrow(expect.objectContaining(refusal))
  expect(() => container.get(Front)).toThrow(expect.objectContaining(refusal))
})
