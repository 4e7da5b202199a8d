import { BrokerRefused } from '@waybill/core'
import { sentenceOf } from '../broker-error.js'

export type Library = typeof import('@platformatic/kafka')
export type MetadataResponse = Awaited<ReturnType<Library['metadataV12']['api']['async']>>

/** It is there only where the user installed it. */
export async function loadLibrary(load: () => Promise<Library> = () => import('@platformatic/kafka')): Promise<Library> {
  try {
    return await load()
  } catch (cause) {
    throw new BrokerRefused(
      'DRIVER_MISSING',
      `kafka() was given the driver platformatic(), whose package "@platformatic/kafka" was expected and could not be loaded: ${sentenceOf(cause)}. Run "npm install @platformatic/kafka@1", or leave the driver out to use kafkajs.`,
      { cause },
    )
  }
}
