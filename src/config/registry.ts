// Finds the factory of an extension by its typed_config's type URL, and says what is wrong where there is none.
import type { TypedConfig } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from './errors.ts'
import { messageSchema } from './schema.ts'
import { suggest } from './suggestions.ts'

/** What every extension declares; each category adds its own create function beside its engine. */
export interface ExtensionFactory {
  /** Envoy's category, such as `envoy.filters.http`. */
  readonly category: string
  /** Envoy's name, such as `envoy.filters.http.router`. */
  readonly name: string
  /** Full names of the messages that configure it, without `type.googleapis.com/`. */
  readonly typeUrls: readonly string[]
  /** Types that typed_per_filter_config may hold for it. */
  readonly routeTypeUrls?: readonly string[]
}

/** A place of the configuration that names an extension: TypedExtensionConfig, a filter, a transport socket... */
export interface ExtensionView {
  readonly name: string
  readonly typedConfig?: TypedConfig | undefined
}

interface Category {
  byName: Map<string, ExtensionFactory>
  byType: Map<string, ExtensionFactory>
  byRouteType: Map<string, ExtensionFactory>
}

export class ExtensionRegistry {
  #categories = new Map<string, Category>()

  /** Throws where the category has the name or one of the types already: that is a mistake in the list of extensions. */
  register(factory: ExtensionFactory): void {
    const category = this.#category(factory.category)
    if (category.byName.has(factory.name)) throw new Error(`Double registration for name: '${factory.name}'`)
    category.byName.set(factory.name, factory)
    addTypes(category.byType, factory.typeUrls, factory)
    addTypes(category.byRouteType, factory.routeTypeUrls ?? [], factory)
  }

  /** Every factory, in the order of registration within the categories. */
  factories(): ExtensionFactory[] {
    return [...this.#categories.values()].flatMap((category) => [...category.byName.values()])
  }

  /** The factories of one category. */
  inCategory<Factory extends ExtensionFactory>(category: Factory['category']): Factory[] {
    return [...this.#category(category).byName.values()] as Factory[]
  }

  /**
   * The factory for a typed_config, by its type alone: as in Envoy the name does not matter. Where there is none, an
   * error is reported, or with `isOptional` a warning, and undefined returned.
   */
  lookup<Factory extends ExtensionFactory>(
    category: Factory['category'],
    extension: ExtensionView,
    errors: ConfigErrors,
    isOptional = false,
  ): Factory | undefined {
    const typeUrl = extension.typedConfig?.typeUrl ?? ''
    const found = this.byType<Factory>(category, typeUrl)
    if (found !== undefined) return found
    const field = extension.typedConfig === undefined ? 'name' : 'typedConfig'
    if (isOptional) {
      errors.warn(
        extension,
        field,
        `Didn't find a registered factory for the optional extension ${extension.name}: it is left out`,
      )
      return undefined
    }
    const { message, expected, suggestion } = this.#explain(category, extension.name, typeUrl)
    errors.add(extension, field, message, suggestion === undefined ? { expected } : { expected, suggestion })
    return undefined
  }

  /** The factory of a type, for those who say themselves what is wrong where there is none. */
  byType<Factory extends ExtensionFactory>(category: Factory['category'], typeUrl: string): Factory | undefined {
    return this.#category(category).byType.get(typeUrl) as Factory | undefined
  }

  /** The factory whose per-route settings a typed_per_filter_config entry holds; undefined where there is none. */
  lookupRouteType<Factory extends ExtensionFactory>(
    category: Factory['category'],
    typeUrl: string,
  ): Factory | undefined {
    return this.#category(category).byRouteType.get(typeUrl) as Factory | undefined
  }

  /** By Envoy's name: for defaults that the proxy itself chooses, never for what a configuration says. */
  byName<Factory extends ExtensionFactory>(category: Factory['category'], name: string): Factory | undefined {
    return this.#category(category).byName.get(name) as Factory | undefined
  }

  #category(name: string): Category {
    let category = this.#categories.get(name)
    if (category === undefined) {
      category = { byName: new Map(), byType: new Map(), byRouteType: new Map() }
      this.#categories.set(name, category)
    }
    return category
  }

  #explain(
    categoryName: string,
    name: string,
    typeUrl: string,
  ): { message: string; expected: string; suggestion?: string } {
    const supported = [...this.#category(categoryName).byType.keys()].sort()
    const expected =
      supported.length === 0
        ? `nothing: no extension of ${categoryName} is supported`
        : `one of ${supported.join(', ')}`
    const message = `Didn't find a registered implementation for '${name}' with type URL: '${typeUrl}'`
    if (typeUrl === '') {
      const byName = this.#category(categoryName).byName.get(name)?.typeUrls[0]
      const hint = `${message} (typed_config with an "@type" is needed)`
      return byName === undefined
        ? { message: hint, expected }
        : { message: hint, expected, suggestion: `type.googleapis.com/${byName}` }
    }
    if (supported.length > 0 && messageSchema(typeUrl) === undefined) {
      const suggestion = suggest(typeUrl, supported)
      if (suggestion !== undefined) return { message, expected, suggestion }
    }
    return {
      message: `${message}${absenceNote(typeUrl)}`,
      expected,
    }
  }
}

/** What is said of a type that Envoy has, and no factory here. */
export function absenceNote(typeUrl: string): string {
  return isEnvoyExtension(typeUrl) ? ' (Envoy has this extension, Nuncio does not)' : ''
}

function isEnvoyExtension(typeUrl: string): boolean {
  return /^envoy\.(extensions|config\.(trace|metrics))\./.test(typeUrl) && messageSchema(typeUrl) !== undefined
}

function addTypes(table: Map<string, ExtensionFactory>, typeUrls: readonly string[], factory: ExtensionFactory): void {
  for (const typeUrl of typeUrls) {
    const other = table.get(typeUrl)
    if (other !== undefined)
      throw new Error(`Double registration for type: '${typeUrl}' by '${factory.name}' and '${other.name}'`)
    table.set(typeUrl, factory)
  }
}
