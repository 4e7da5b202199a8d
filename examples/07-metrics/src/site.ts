/** A server of your own, with metrics and probes among its routes. */
export interface Site {
  get(path: string): Promise<Response>
  close(): Promise<void>
}
