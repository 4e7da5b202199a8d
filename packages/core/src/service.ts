import { markService } from './metadata.js'

/** Makes the class injectable. The name is the group that its listeners share, wherever the class runs. */
export function Service(name?: string): (target: new (...args: never[]) => object) => void {
  return (target, place?: unknown) => markService(target, name, place)
}
