import { WaybillError } from '@waybill/core'

export function codeOf(error: unknown): string {
  return error instanceof WaybillError ? error.code : 'ERROR'
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
