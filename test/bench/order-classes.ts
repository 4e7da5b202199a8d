/** So many names of messages; orders go to them in turn. */
export function typesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `order.placed-${at}`)
}
