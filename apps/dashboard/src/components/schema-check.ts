/** The part of JSON Schema that blueprints and modules use for their values. */
export interface FieldSchema {
  type?: string;
  format?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: readonly unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** What is wrong with a value: a key of texts (schema.json), with what the text tells. */
export interface FieldFault {
  key: string;
  limit?: number;
}

const HOSTNAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;

/** A first look while somebody types; the server looks again and has the last word. Empty is fine: it means the default. */
export function faultOf(schema: FieldSchema, value: unknown): FieldFault | undefined {
  if (value === undefined || value === '') return undefined;
  if (schema.type === 'integer' || schema.type === 'number') {
    if (typeof value !== 'number' || (schema.type === 'integer' && !Number.isInteger(value))) return { key: 'number' };
    if (schema.minimum !== undefined && value < schema.minimum) return { key: 'minimum', limit: schema.minimum };
    if (schema.maximum !== undefined && value > schema.maximum) return { key: 'maximum', limit: schema.maximum };
    return undefined;
  }
  if (typeof value !== 'string') return undefined;
  if (schema.format === 'hostname' && !HOSTNAME.test(value)) return { key: 'hostname' };
  if (schema.format === 'email' && !EMAIL.test(value)) return { key: 'email' };
  if (schema.minLength !== undefined && value.length < schema.minLength)
    return { key: 'minLength', limit: schema.minLength };
  if (schema.maxLength !== undefined && value.length > schema.maxLength)
    return { key: 'maxLength', limit: schema.maxLength };
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) return { key: 'pattern' };
  return undefined;
}

/** A default as the form may show it: templates are filled by the server, except the site's domain, which is known here. */
export function shownDefault(schema: FieldSchema, site: { domain: string } | undefined): string | undefined {
  if (schema.default === undefined || typeof schema.default === 'object') return undefined;
  const text = String(schema.default).replace(/\{\{\s*site\.domain\s*\}\}/g, site?.domain ?? '{{ site.domain }}');
  return text.includes('{{') ? undefined : text;
}
