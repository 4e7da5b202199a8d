import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gracefulEnds, killers, type ProcessSubject, sudden } from './processes.js'

const kept: ProcessSubject = { broker: 'journal', remove: (namespace) => rmSync(join(tmpdir(), namespace), { recursive: true, force: true }) }

gracefulEnds({ broker: 'memory' })
gracefulEnds(kept)
sudden(kept, 'C1')
killers(kept)
