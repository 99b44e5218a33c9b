// Which of protobuf's own messages JSON writes in a form of their own.

const prefix = 'google.protobuf.'
const wrappers = new Set(
  'DoubleValue FloatValue Int64Value UInt64Value Int32Value UInt32Value BoolValue StringValue BytesValue'
    .split(' ')
    .map((name) => prefix + name),
)

/** Messages of one field, `value`, which stand for its value. */
export function isWrapper(fullName: string): boolean {
  return wrappers.has(fullName)
}

/** Messages that JSON may write as a scalar. */
export function hasTextForm(fullName: string): boolean {
  if (!fullName.startsWith(prefix)) return false
  switch (fullName) {
    case 'google.protobuf.Timestamp':
    case 'google.protobuf.Duration':
    case 'google.protobuf.FieldMask':
    case 'google.protobuf.Value':
      return true
    default:
      return isWrapper(fullName)
  }
}

/** Messages that JSON writes otherwise than as an object of their fields. */
export function hasOwnForm(fullName: string): boolean {
  switch (fullName) {
    case 'google.protobuf.Any':
    case 'google.protobuf.Struct':
    case 'google.protobuf.ListValue':
      return true
    default:
      return hasTextForm(fullName)
  }
}

const urlPrefix = 'type.googleapis.com/'

/** Whether the URL of an Any is of the one form that is understood. */
export function isTypeUrl(url: string): boolean {
  return url.startsWith(urlPrefix)
}

/** The complaint about an Any whose type nobody has declared. */
export function unknownTypeUrl(url: string): string {
  if (isTypeUrl(url)) return `Invalid type URL, unknown type: ${url.slice(urlPrefix.length)}`
  return `Invalid type URL, type URLs must be of the form '${urlPrefix}<typename>', got: ${url}`
}
