// Text with `${name}` in it, for what is to be filled in.

/** The template is wrong; `message` says where. */
export class TemplateError extends Error {}

/** Texts stand as they are, all other values as JSON, which is YAML, too. */
export function renderTemplate(template: string, values: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(/\$\{(\w+)\}/g, (whole, name: string, position: number) => {
    if (Object.hasOwn(values, name)) return textOf(values[name])
    const line = template.slice(0, position).split('\n').length
    throw new TemplateError(`line ${line}: nothing is known of ${whole}; there are ${Object.keys(values).join(', ')}`)
  })
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
