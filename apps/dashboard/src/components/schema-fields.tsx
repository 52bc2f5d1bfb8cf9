import { NumberInput, Select, Switch, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from './clean-text.js';
import { type FieldSchema, faultOf, shownDefault } from './schema-check.js';

/** A form's fields from their schemas. `errors` are the server's findings by name; they win over the first look here. */
export function SchemaFields(given: {
  fields: readonly { name: string; schema: FieldSchema }[];
  values: Readonly<Record<string, unknown>>;
  errors?: Readonly<Record<string, ReactNode>>;
  /** What is worth knowing about an answer that is no fault. */
  notes?: Readonly<Record<string, string>>;
  site?: { domain: string } | undefined;
  onChange: (name: string, value: unknown) => void;
}) {
  const { t } = useTranslation('schema');
  return given.fields.map(({ name, schema }) => {
    const value = given.values[name];
    const fault = faultOf(schema, value);
    const preset = shownDefault(schema, given.site);
    const common = {
      label: cleanText(schema.title ?? name),
      description: given.notes?.[name] ?? (schema.description ? cleanText(schema.description) : undefined),
      error: given.errors?.[name] ?? (fault ? t(`fault.${fault.key}`, { limit: fault.limit }) : undefined),
    };
    const placeholder = preset ?? (schema.default === undefined ? undefined : t('fromSite'));
    if (schema.enum)
      return (
        <Select
          key={name}
          {...common}
          data={schema.enum.map(String)}
          value={value === undefined ? (preset ?? null) : String(value)}
          onChange={(chosen) =>
            given.onChange(
              name,
              schema.enum?.find((one) => String(one) === chosen),
            )
          }
        />
      );
    if (schema.type === 'boolean')
      return (
        <Switch
          key={name}
          {...common}
          checked={value === undefined ? schema.default === true : value === true}
          onChange={(event) => given.onChange(name, event.currentTarget.checked)}
        />
      );
    if (schema.type === 'integer' || schema.type === 'number')
      return (
        <NumberInput
          key={name}
          {...common}
          {...(schema.minimum === undefined ? {} : { min: schema.minimum })}
          {...(schema.maximum === undefined ? {} : { max: schema.maximum })}
          clampBehavior="none"
          allowDecimal={schema.type === 'number'}
          placeholder={placeholder}
          value={typeof value === 'number' ? value : ''}
          onChange={(typed) => given.onChange(name, typed === '' ? undefined : Number(typed))}
        />
      );
    return (
      <TextInput
        key={name}
        {...common}
        type={schema.format === 'email' ? 'email' : 'text'}
        placeholder={placeholder}
        value={typeof value === 'string' ? value : ''}
        onChange={(event) => given.onChange(name, event.currentTarget.value || undefined)}
      />
    );
  });
}
