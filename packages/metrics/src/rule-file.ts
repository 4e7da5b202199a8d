import { type AlertOptions, resolveAlertOptions } from './alert-options.js'
import { type Rule, rulesOf } from './rules.js'

/**
 * The rules of {@link alerts} as a rule file for Prometheus, with your limits. The package ships the one with the defaults.
 * Throws a ConfigError where the options are wrong.
 */
export function prometheusRules(options: AlertOptions = {}): string {
  const { limits, everyMs } = resolveAlertOptions(options)

  return `${['groups:', '  - name: waybill', `    interval: ${everyMs / 1_000}s`, '    rules:', ...rulesOf(limits).flatMap(linesOf)].join('\n')}\n`
}

function linesOf({ name, severity, limit, forMs, expression, summary, advice }: Rule): readonly string[] {
  return [
    `      - alert: ${name}`,
    `        expr: ${quoted(`${expression} > ${limit}`)}`,
    ...(forMs > 0 ? [`        for: ${forMs / 1_000}s`] : []),
    // What swings around its limit is told once.
    '        keep_firing_for: 5m',
    '        labels:',
    `          severity: ${severity}`,
    '        annotations:',
    `          summary: ${quoted(summary)}`,
    `          description: ${quoted(advice)}`,
  ]
}

/** A scalar of YAML in which nothing has a meaning but the quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
