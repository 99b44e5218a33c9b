// What a run prints: each figure of a scenario as ratios to Envoy, with spread, and as what was measured.

import { type Figure, goalText, numberText, ratioToEnvoy, reachesGoal, spreadOf, spreadText } from './figure.ts'
import { type ProxyName, proxyNames } from './processes.ts'

/** Several lines without a final line end. */
export function renderScenario(title: string, figures: readonly Figure[]): string {
  return [title, ...figures.flatMap(renderFigure)].join('\n')
}

function renderFigure(figure: Figure): string[] {
  const reached = reachesGoal(figure)
  const verdict = reached === undefined ? '' : `; wanted ${goalText(figure)}: ${reached ? 'reached' : 'MISSED'}`
  const measured = proxyNames.filter((name) => (figure.samples[name]?.length ?? 0) > 0)
  return [`  ${figure.name}${verdict}`, ...measured.map((name) => renderProxy(figure, name))]
}

function renderProxy(figure: Figure, name: ProxyName): string {
  const own = `${numberText(spreadOf(figure.samples[name] ?? []).median)} ${figure.unit}`.trimEnd()
  const ratio = name === 'envoy' ? undefined : ratioToEnvoy(figure, name)
  const text = ratio === undefined ? '' : `${spreadText(ratio)} x Envoy's`
  return `    ${name.padEnd(8)} ${own.padStart(12)}   ${text}`.trimEnd()
}
