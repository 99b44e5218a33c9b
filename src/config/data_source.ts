// The bytes behind a DataSource: a file, the configuration itself, or an environment variable.
import { readFileSync, realpathSync, statSync } from 'node:fs'
import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from './errors.ts'

export type DataSource = envoy.config.core.v3.DataSource

export interface DataSourceOptions {
  /** An empty file, string or variable is right too. */
  allowEmpty?: boolean
  /** Longer data is refused; 0 or absent for no limit. */
  limitBytes?: number
}

/** Undefined where the data cannot be had: then the reason is in `errors`. */
export function readDataSource(
  source: DataSource,
  errors: ConfigErrors,
  options: DataSourceOptions = {},
): Buffer | undefined {
  const data = readSpecified(source, errors)
  if (data === undefined) return undefined
  const field = source.specifier
  if (data.length === 0 && options.allowEmpty !== true) {
    errors.add(
      source,
      field,
      source.specifier === 'filename' ? `file ${source.filename} is empty` : 'DataSource cannot be empty',
    )
    return undefined
  }
  const limit = options.limitBytes ?? 0
  if (limit > 0 && data.length > limit) {
    const what = source.specifier === 'filename' ? `file ${source.filename} size` : 'length'
    errors.add(source, field, `${what} is ${data.length} bytes; maximum is ${limit}`)
    return undefined
  }
  return data
}

function readSpecified(source: DataSource, errors: ConfigErrors): Buffer | undefined {
  switch (source.specifier) {
    case 'filename':
      return readRegularFile(source, source.filename!, errors)
    case 'inlineBytes':
      return Buffer.from(source.inlineBytes!)
    case 'inlineString':
      return Buffer.from(source.inlineString!)
    case 'environmentVariable': {
      const value = process.env[source.environmentVariable!]
      if (value !== undefined) return Buffer.from(value)
      errors.add(source, 'environmentVariable', `Environment variable doesn't exist: ${source.environmentVariable}`)
      return undefined
    }
    default:
      errors.add(source, undefined, 'Unexpected DataSource::specifier_case(): nothing is set')
      return undefined
  }
}

const systemFolders = /^\/(dev|proc|sys)(\/|$)/

function readRegularFile(source: DataSource, path: string, errors: ConfigErrors): Buffer | undefined {
  try {
    // A descriptor that a starting script has left open may be a pipe.
    if (path.startsWith('/dev/fd/')) return readFileSync(path)
    if (!statSync(path).isFile() || systemFolders.test(realpathSync(path))) {
      const expected = 'a regular file outside of /dev, /proc and /sys'
      errors.add(source, 'filename', `Invalid path: ${path}`, { expected })
      return undefined
    }
    return readFileSync(path)
  } catch (error) {
    errors.add(source, 'filename', `Invalid path: ${path}: ${(error as Error).message}`)
    return undefined
  }
}
