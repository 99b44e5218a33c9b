// Fields of messages that many places share: data sources, formats, metadata.
import { type FieldTable, words } from './field_table.ts'

export const commonFields: FieldTable = {
  // A file is read once; Envoy alone reads it again when the directory changes.
  'envoy.config.core.v3.DataSource': {
    acts: words('filename inline_bytes inline_string environment_variable'),
    harmless: ['watched_directory'],
  },
  'envoy.config.core.v3.JsonFormatOptions': { acts: [], harmless: ['sort_properties'] },
  // Typed metadata is of no use to anything but the extension that it is for.
  'envoy.config.core.v3.Metadata': { acts: words('filter_metadata typed_filter_metadata') },
  'envoy.config.core.v3.SubstitutionFormatString': {
    acts: words(`text_format json_format text_format_source omit_empty_values content_type formatters
      json_format_options`),
  },
}
