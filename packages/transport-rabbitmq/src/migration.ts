import type { MigrationParts } from '@waybill/core'
import { hasOtherArguments } from './difference.js'
import type { Survey } from './management.js'
import { Move } from './move.js'
import type { MovingParts } from './moving.js'
import { movingNames, spreadingNames } from './moving-names.js'
import { Repartition } from './repartition.js'
import { changeIn, partitionsIn, type ShareChange } from './share-marks.js'
import { keyedQueuesOf, type QueuePlan, type SharePlan } from './topology.js'
import type { UnusedParts } from './unused.js'

/** What has to be known of a vhost, and done in it. */
export interface MigrationScene extends Omit<MovingParts, 'survey' | 'patienceMs'> {
  /** What the app states and the broker has. */
  readonly found: UnusedParts
  readonly parts: MigrationParts
}

/** Moves what differs, one after another: what was cut off before, then groups with another number of partitions, then queues with other arguments. Resolves with what was moved. */
export async function migrated(scene: MigrationScene): Promise<readonly string[]> {
  const moved: string[] = []
  for (const share of scene.found.plan.shares) if (await spreadAnew(scene, share)) moved.push(`partitions of queue "${share.queue}"`)
  const survey = moved.length > 0 ? await scene.look() : scene.found.survey
  for (const plan of scene.found.plan.queues) {
    if (!isInMove(plan, survey) && !hasOtherArguments(plan, survey)) continue
    await moveOf(scene, plan, survey)
    moved.push(`queue "${plan.name}"`)
  }

  return moved
}

async function spreadAnew(scene: MigrationScene, share: SharePlan): Promise<boolean> {
  let hasSpread = false
  for (let survey = scene.found.survey; ; survey = await scene.look()) {
    const change = changeUnderWay(share, survey) ?? changeWanted(share, survey)
    if (!change) return hasSpread
    await repartitioned(scene, share, { change, survey })
    hasSpread = true
  }
}

/** One that was cut off is ended, whatever the number is that this app wants. */
function changeUnderWay({ name }: SharePlan, { exchanges }: Survey): ShareChange | undefined {
  return changeIn(exchanges.get(spreadingNames(name).change)?.arguments['alternate-exchange'])
}

function changeWanted({ name, partitions }: SharePlan, { exchanges }: Survey): ShareChange | undefined {
  const from = partitionsIn(exchanges.get(name)?.arguments['alternate-exchange'])

  return from === undefined || from === partitions ? undefined : { from, to: partitions }
}

async function repartitioned(scene: MigrationScene, share: SharePlan, { change, survey }: { readonly change: ShareChange; readonly survey: Survey }): Promise<void> {
  const { found, parts } = scene
  const { names, plan, topology } = found
  const former = keyedQueuesOf(topology, names, share, change.from)
  const planned = keyedQueuesOf(topology, names, share, change.to)
  const isUnderWay = changeUnderWay(share, survey) !== undefined
  const cutOff = isUnderWay ? [] : former.filter((queue) => isInMove(queue, survey))
  for (const queue of cutOff) await moveOf(scene, queue, survey)
  const type = plan.exchanges.find(({ name }) => planned.some(({ bindings }) => bindings.some(({ exchange }) => exchange === name)))?.type ?? 'direct'
  const tell =
    (thing: string) =>
    (step: string, waiting = 0) =>
      parts.told({ thing, step, waiting })
  await new Repartition({ ...movingOf(scene, cutOff.length > 0 ? await scene.look() : survey), share, type, former, planned, tell }).run()
}

function moveOf(scene: MigrationScene, plan: QueuePlan, survey: Survey): Promise<void> {
  const thing = `queue "${plan.name}"`

  return new Move({ ...movingOf(scene, survey), plan, told: (step, waiting = 0) => scene.parts.told({ thing, step, waiting }) }).run()
}

function movingOf({ holders, look, model, parts, runtime }: MigrationScene, survey: Survey): MovingParts {
  return { holders, look, model, runtime, survey, patienceMs: parts.patienceMs }
}

function isInMove({ name }: QueuePlan, { exchanges }: Survey): boolean {
  return exchanges.has(movingNames(name).entry)
}
