import { z } from 'zod'

/** For scenarios that check what they get: the same for all contenders. */
export const orderSchema = z.object({
  id: z.number(),
  at: z.number(),
  customer: z.string(),
  lines: z.array(z.object({ sku: z.string(), quantity: z.number(), price: z.number() })),
})
