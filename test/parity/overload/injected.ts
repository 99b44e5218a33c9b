/** Overload managers whose pressures stand in files: each action and load shed point has a resource of its own, in a file of its name. */
import type { Preparation } from '../case.ts'

const INJECTED = 'type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig'

export type Reaction = {
  kind: 'overload_actions' | 'load_shed_points'
  /** In flow style, without braces. */
  trigger: string
  /** `typed_config` in flow style. */
  config?: string
}

/** Fields of the bootstrap, and of the overload manager where there are more. */
export function overloadManager(reactions: Readonly<Record<string, Reaction>>, more = ''): string {
  const names = Object.keys(reactions)
  const monitors = names.map(
    (name) => `  - { name: r.${name}, typed_config: { "@type": ${INJECTED}, filename: "{{dir}}/${name}" } }`,
  )
  const listed = (kind: Reaction['kind']) =>
    names
      .filter((name) => reactions[name].kind === kind)
      .map((name) => {
        const { trigger, config } = reactions[name]
        const settings = config === undefined ? '' : `, typed_config: ${config}`
        return `  - { name: envoy.${kind}.${name}, triggers: [ { name: r.${name}, ${trigger} } ]${settings} }`
      })
  return `overload_manager:
  refresh_interval: 0.03s
  ${more}
  resource_monitors:
${monitors.join('\n')}
  actions:
${listed('overload_actions').join('\n')}
  loadshed_points:
${listed('load_shed_points').join('\n')}`
}

/** Brings all resources to rest but one, and waits until the scales are as they then should be. */
export function pressures(reactions: Readonly<Record<string, Reaction>>) {
  const names = Object.keys(reactions)
  return (name: string, pressure: string, percent: number): Preparation[] => [
    ...names.map((each) => ({ replaceFile: each, text: each === name ? pressure : '0' })),
    ...names.map((each) => ({
      waitStat: `overload.envoy.${reactions[each].kind}.${each}.scale_percent`,
      value: each === name ? percent : 0,
    })),
  ]
}
