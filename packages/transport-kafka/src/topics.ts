import type { Logger, Runtime } from '@waybill/core'
import { BrokerRefused, countOf } from '@waybill/core'
import { causesOf, codeOf, isAnswer, sentenceOf, verdictOf } from './broker-error.js'
import type { ClusterAdmin, TopicShape } from './driver.js'
import type { Declare } from './options.js'
import { pause } from './pause.js'

const patienceMs = 10_000
const pauseMs = 50

/** One topic as this app wants it. `partitions` undefined: as many as it has, 1 where it must be made. */
export interface WantedTopic {
  readonly topic: string
  /** What it is for, in words. */
  readonly of: string
  readonly partitions: number | undefined
  readonly replication: number | undefined
  readonly settings: Readonly<Record<string, string>>
  /**
   * `foreign`: somebody else's, used as it is. `stated`: the app says what it looks like. `own`: Waybill's, which grows with its channel.
   * `optional`: the same, and where it is missing long waits stay in the process.
   */
  readonly origin: 'foreign' | 'stated' | 'own' | 'optional'
}

export interface TopicTools {
  readonly admin: ClusterAdmin
  readonly runtime: Runtime
  readonly log: Logger
  readonly declare: Declare
  /** How long topics are waited for that somebody else makes, and those that are made here where that is longer than usual. */
  readonly awaitTopicsMs: number
}

/** Makes what is missing, waits for what others make, and compares what was there. Resolves with how many partitions each has. */
export async function declareTopics(tools: TopicTools, wanted: readonly WantedTopic[]): Promise<ReadonlyMap<string, number>> {
  const existing = await metadataOf(tools.admin, namesOf(wanted))
  const missing = wanted.filter(({ topic }) => !existing.has(topic))
  const made = tools.declare === 'create' ? missing.filter(({ origin }) => origin !== 'foreign') : []
  if (made.length > 0) await createTopics(tools.admin, made)
  const needed = wanted.filter((topic) => topic.origin !== 'optional' || existing.has(topic.topic) || made.includes(topic))
  const found = missing.length === 0 ? existing : await describe(tools, needed, made)
  await compareTopics(
    tools,
    needed.filter((topic) => !made.includes(topic)),
    found,
  )

  return countsOf(found)
}

/** How many partitions each topic has; those that do not exist are absent. */
export async function partitionCounts(admin: ClusterAdmin, topics: readonly string[]): Promise<Map<string, number>> {
  return countsOf(await metadataOf(admin, topics))
}

function countsOf(found: ReadonlyMap<string, TopicShape>): Map<string, number> {
  return new Map([...found].map(([name, { partitions }]) => [name, partitions]))
}

/** The largest batch that a topic takes. Where the user may not ask, the broker says it of each that is larger. */
export async function largestBatch(admin: ClusterAdmin, topic: string): Promise<number> {
  try {
    const settings = await admin.settings(topic, ['max.message.bytes'])

    return Number(settings.get('max.message.bytes')) || Number.POSITIVE_INFINITY
  } catch (error) {
    if (verdictOf(error) !== 'refused') throw error

    return Number.POSITIVE_INFINITY
  }
}

/** Asked by name, one that is missing would fail all; so they are looked for among those that there are, in one request. */
async function metadataOf(admin: ClusterAdmin, topics: readonly string[]): Promise<Map<string, TopicShape>> {
  const asked = new Set(topics)
  const all = await admin.topics()

  return new Map(all.filter(({ name }) => asked.has(name)).map((topic) => [topic.name, topic]))
}

function namesOf(wanted: readonly WantedTopic[]): readonly string[] {
  return wanted.map(({ topic }) => topic)
}

/** A topic that was just made, by us or by somebody else, is not known to every broker at once. */
async function describe({ admin, runtime, awaitTopicsMs }: TopicTools, wanted: readonly WantedTopic[], made: readonly WantedTopic[]): Promise<Map<string, TopicShape>> {
  const since = runtime.elapsed()
  for (;;) {
    const found = await knownOf(admin, wanted)
    const missing = wanted.filter(({ topic }) => !found.has(topic))
    if (missing.length === 0) return found
    const waitedMs = runtime.elapsed() - since
    const patience = missing.every((topic) => made.includes(topic)) ? Math.max(patienceMs, awaitTopicsMs) : awaitTopicsMs
    if (waitedMs > patience) throw missingTopics(missing, patience)
    await pause(runtime, pauseMs)
  }
}

async function knownOf(admin: ClusterAdmin, wanted: readonly WantedTopic[]): Promise<Map<string, TopicShape>> {
  try {
    return await metadataOf(admin, namesOf(wanted))
  } catch (error) {
    if (verdictOf(error) !== 'not-yet') throw error

    return new Map()
  }
}

async function createTopics(admin: ClusterAdmin, wanted: readonly WantedTopic[]): Promise<void> {
  const topics = wanted.map(({ topic, partitions, replication, settings }) => ({
    topic,
    partitions: partitions ?? 1,
    replication: replication ?? -1,
    settings,
  }))
  try {
    await admin.createTopics(topics)
  } catch (error) {
    const refused = causesOf(error).filter((cause) => codeOf(cause) !== 'TOPIC_ALREADY_EXISTS')
    if (refused.length === 0) return
    if (!refused.every(isAnswer)) throw error
    throw new BrokerRefused('TOPIC_REFUSED', `${refused.map(refusalOf).join('; ')}. Make them by hand, or give this user the right to.`, { cause: error })
  }
}

function refusalOf(cause: unknown): string {
  const topic = cause instanceof Error && 'topic' in cause ? String(cause.topic) : 'of this app'

  return `The topic "${topic}" could not be made: ${sentenceOf(cause)}`
}

/** All that differs, in one error. */
async function compareTopics(tools: TopicTools, wanted: readonly WantedTopic[], found: ReadonlyMap<string, TopicShape>): Promise<void> {
  const differences: string[] = []
  for (const topic of wanted) {
    const shape = found.get(topic.topic)
    if (topic.origin === 'own' || topic.origin === 'optional') await grow(tools, topic, shape?.partitions ?? 0)
    else differences.push(...differencesOf(topic, shape), ...(await settingsThatDiffer(tools, topic)))
  }
  if (differences.length > 0) throw new BrokerRefused('TOPIC_DIFFERS', differences.join('\n'))
}

function differencesOf({ topic, partitions, replication }: WantedTopic, found: TopicShape | undefined): string[] {
  const has = found?.partitions ?? 0
  const replicas = found?.replicas
  const differences: string[] = []
  if (partitions !== undefined && has !== partitions)
    differences.push(
      `The topic "${topic}" was expected with ${countOf(partitions, 'partition')} and has ${has}. ` +
        `State "partitions: ${has}" for its channel, or give the topic ${partitions} (Kafka only ever adds partitions, and keys move when it does).`,
    )
  if (replication !== undefined && replicas !== undefined && replicas !== replication)
    differences.push(
      `The topic "${topic}" was expected with ${countOf(replication, 'replica')} and has ${replicas}. State "log.replication: ${replicas}" for its channel, or reassign the topic's partitions.`,
    )

  return differences
}

async function settingsThatDiffer({ admin, log }: TopicTools, { topic, settings }: WantedTopic): Promise<string[]> {
  const configNames = Object.keys(settings)
  if (configNames.length === 0) return []
  let found: ReadonlyMap<string, string>
  try {
    found = await admin.settings(topic, configNames)
  } catch (error) {
    if (verdictOf(error) !== 'refused') throw error
    log.warn(`kafka: the settings of the topic "${topic}" could not be compared: ${sentenceOf(error)}`)

    return []
  }

  return configNames
    .filter((name) => found.get(name) !== settings[name])
    .map(
      (name) =>
        `The topic "${topic}" was expected with ${name}=${settings[name]} and has ${found.has(name) ? `${name}=${found.get(name)}` : 'no such setting'}. ` +
        'State what it has under "log.settings" of its channel, or change the topic.',
    )
}

/** The channel has more partitions than when these topics were made. */
async function grow({ admin, declare }: TopicTools, { topic, partitions, origin }: WantedTopic, found: number): Promise<void> {
  if (partitions === undefined || found >= partitions || origin === 'optional') return
  if (declare !== 'create')
    throw new BrokerRefused('TOPIC_DIFFERS', `The topic "${topic}" was expected with ${countOf(partitions, 'partition')} and has ${found}. Give it ${partitions}.`)
  await admin.growTopic(topic, partitions)
}

function missingTopics(missing: readonly WantedTopic[], waitedMs: number): BrokerRefused {
  const names = missing.map(({ topic, of, origin }) => `"${topic}" (${origin === 'foreign' ? `the existing topic of ${of}` : of})`).join(', ')

  return new BrokerRefused(
    'TOPIC_MISSING',
    `${missing.length === 1 ? 'A topic was' : 'Topics were'} expected and not there after ${waitedMs} ms: ${names}. Make ${missing.length === 1 ? 'it' : 'them'}, wait longer by "awaitTopics", or let Waybill make its own with "declare: 'create'".`,
  )
}
