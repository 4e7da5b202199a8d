/** With a full stop, where somebody else's text has no end of its own. */
export function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}
