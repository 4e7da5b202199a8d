// Prometheus for the suites: the programs of Debian's packages. Each suite runs one of its own, so nothing is started here.
import { has, installPackages } from './machine.mjs'

const programs = ['prometheus', 'promtool', 'amtool']

export const prometheus = {
  name: 'prometheus',
  title: 'Prometheus',
  async install() {
    const lacks = async () => (await Promise.all(programs.map((program) => has(program, '--version')))).includes(false)
    if (await lacks()) await installPackages('Prometheus', ['prometheus', 'prometheus-alertmanager'])

    return 'Prometheus, one for each suite'
  },
}
