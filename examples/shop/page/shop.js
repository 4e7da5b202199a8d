const byId = (id) => document.getElementById(id)

const element = (tag, className, ...children) => {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.append(...children)
  return made
}

const away = 'The shop does not answer; trying again …'
let nextOrderId = crypto.randomUUID()
let refreshing = false
let stale = false
let unanswered = false

byId('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const lines = [...document.querySelectorAll('#items input')].map((input) => ({ sku: input.name, quantity: Number(input.value) })).filter(({ quantity }) => quantity > 0)
  const order = { orderId: nextOrderId, customer: byId('customer').value, lines }
  complain('')
  if (lines.length === 0) return complain('Choose at least one item.')
  await place(order)
})
byId('form').addEventListener('input', () => complain(''))

const changes = new EventSource('/changes')
changes.onopen = refresh
changes.onmessage = refresh
changes.onerror = () => {
  byId('state').textContent = away
}
// The page shows what there is at once; the stream only says when to look again.
await refresh()

async function place(order) {
  const response = await fetch('/orders', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) }).catch(() => undefined)
  const answer = await response?.json().catch(() => undefined)
  // The same id again is the same order, so a click that got no answer can be repeated; a new order needs a new one.
  if (!answer || answer.type === '/problems/closed') return complain('The shop does not answer. Place the order again when it does: it counts once.', true)
  if (!response.ok) return complain(answer.detail)

  nextOrderId = crypto.randomUUID()
  for (const input of document.querySelectorAll('#items input')) input.value = '0'
  await refresh()
}

function complain(text, isUnanswered = false) {
  byId('problem').textContent = text
  unanswered = isUnanswered
}

async function refresh() {
  stale = true
  if (refreshing) return
  refreshing = true
  try {
    while (stale) {
      stale = false
      const response = await fetch('/state')
      if (!response.ok) throw new Error(`found status ${response.status}`)
      show(await response.json())
    }
  } catch {
    byId('state').textContent = away
  } finally {
    refreshing = false
  }
}

function show({ items, orders, ready }) {
  if (ready && unanswered) complain('')
  byId('state').textContent = ready ? 'Open: every service is attached.' : 'Not ready: a service or the broker is away. Orders wait.'
  byId('items').childElementCount === 0 ? byId('items').append(...items.map(itemRow)) : items.forEach(updateItem)
  byId('orders').replaceChildren(...orders.map(orderRow))
  byId('empty').hidden = orders.length > 0
}

function itemRow({ sku, name, price, quantity }) {
  const label = element('label', '', name, element('small', '', ''))
  label.htmlFor = `item-${sku}`
  const input = element('input')
  Object.assign(input, { id: `item-${sku}`, name: sku, type: 'number', min: '0', max: '999', value: sku === 'lamp' ? '1' : '0' })
  const row = element('div', 'item', label, input)
  row.querySelector('small').textContent = `${price} each, ${quantity} left`
  return row
}

function updateItem({ sku, price, quantity }) {
  document.querySelector(`label[for="item-${CSS.escape(sku)}"] small`).textContent = `${price} each, ${quantity} left`
}

function orderRow({ customer, lines, total, status, story }) {
  const what = lines.map(({ name, quantity }) => `${quantity} × ${name}`).join(', ')
  const title = element('h3', '', `${customer}: ${what}, ${total}`, element('span', `status ${status}`, status))
  const chapters = story.map(({ at, message, payload }) =>
    element('li', '', `${at.slice(11, 23)} ${message} `, element('span', 'why', payload.reason ?? payload.text ?? payload.charge ?? '')),
  )
  return element('li', 'order', title, element('ol', 'story', ...chapters))
}
