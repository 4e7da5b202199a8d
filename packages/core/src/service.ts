import { nameOf } from './found.js'
import { withoutParentheses } from './misplaced.js'
import { addFault, markService } from './metadata.js'

/** Makes the class injectable. The name is the group that its listeners share, wherever the class runs. */
export function Service(name?: string): (target: new (...args: never[]) => object) => void {
  // Without its parentheses it is given the class, and would put a function in the place of that.
  if (typeof name === 'function') {
    markService(name, undefined)

    return addFault(name, withoutParentheses('@Service', nameOf(name), "@Service('orders')")) as never
  }

  return (target, place?: unknown) => markService(target, name, place)
}
