/**
 * The API schema as a router and as parameter definitions. Facts come from schema-table.ts (Proxmox VE 9.2); everything is
 * parsed on first use, so a lab starts without reading 660 methods.
 */
import { FORMAT_TABLE, METHOD_TABLE, PROPERTY_TABLE } from './schema-table.js';

export type PropertyType = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';

/** One parameter, or one key of a property string (`keys` is set where the value is such a string). */
export interface Property {
  readonly type?: PropertyType;
  readonly optional?: 1;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly requires?: string;
  readonly alias?: string;
  readonly keyAlias?: string;
  readonly defaultKey?: 1;
  readonly typeProperty?: string;
  readonly instanceTypes?: readonly string[];
  readonly keys?: Readonly<Record<string, Property>>;
  readonly items?: Property;
  readonly oneOf?: readonly Property[];
}

/** Nested permission test, Proxmox's own form: `['perm', '/vms/{vmid}', ['VM.Audit'], 'any', 1]`, `['or', …]`. */
export type PermissionTest = readonly unknown[];

export interface ApiMethod {
  /** Method and path, as handlers are listed. */
  readonly key: string;
  readonly method: string;
  /** Template: `/nodes/{node}/qemu/{vmid}`. */
  readonly path: string;
  readonly parameters: ReadonlyMap<string, Property>;
  readonly additional: boolean;
  readonly user?: string;
  readonly check?: PermissionTest;
  readonly tokensAllowed: boolean;
  readonly protected: boolean;
  /** Name of the parameter that says which node answers; none where the asked one answers itself. */
  readonly proxy?: string;
}

interface MethodLine {
  method: string;
  path: string;
  parameters: Record<string, number>;
  additional?: 1;
  user?: string;
  check?: PermissionTest;
  noToken?: 1;
  protected?: 1;
  proxy?: string | null;
}

interface RouteNode {
  readonly fixed: Map<string, RouteNode>;
  parameter?: { readonly name: string; readonly node: RouteNode };
  readonly methods: Map<string, MethodLine>;
}

const properties = new Map<number, Property>();
function property(index: number): Property {
  let found = properties.get(index);
  if (!found) {
    found = JSON.parse(PROPERTY_TABLE[index] ?? '{}') as Property;
    properties.set(index, found);
  }
  return found;
}

let formats: Map<string, Readonly<Record<string, Property>>> | undefined;
/** Keys of a named property-string format (`pve-qm-ipconfig`), or undefined where the format is a plain check. */
export function formatKeys(name: string): Readonly<Record<string, Property>> | undefined {
  formats ??= new Map(FORMAT_TABLE.map((line) => JSON.parse(line) as [string, Record<string, Property>]));
  return formats.get(name);
}

/** Not passed on as a request, but these reach for the node in other ways and find it just as dead. */
const REACHES_OUT = /^\/nodes\/\{node\}\/.*(upload|termproxy|vncproxy|vncshell|mtunnel|wakeonlan)$/;

const parsed = new Map<MethodLine, ApiMethod>();
function complete(line: MethodLine): ApiMethod {
  let found = parsed.get(line);
  if (!found) {
    found = {
      key: `${line.method} ${line.path}`,
      method: line.method,
      path: line.path,
      parameters: new Map(Object.entries(line.parameters).map(([name, index]) => [name, property(index)])),
      additional: line.additional === 1,
      ...(line.user ? { user: line.user } : {}),
      ...(line.check ? { check: line.check } : {}),
      tokensAllowed: !line.noToken,
      protected: line.protected === 1,
      ...(line.proxy ? { proxy: line.proxy } : REACHES_OUT.test(line.path) ? { proxy: 'node' } : {}),
    };
    parsed.set(line, found);
  }
  return found;
}

/** The API's own description begins below it. */
const TOP: MethodLine = { method: 'GET', path: '/', parameters: {}, user: 'all' };

let root: RouteNode | undefined;
function routes(): RouteNode {
  if (root) return root;
  root = { fixed: new Map(), methods: new Map([['GET', TOP]]) };
  for (const text of METHOD_TABLE) {
    const line = JSON.parse(text) as MethodLine;
    let node = root;
    for (const part of line.path.split('/').slice(1)) {
      if (part.startsWith('{')) {
        node.parameter ??= { name: part.slice(1, -1), node: { fixed: new Map(), methods: new Map() } };
        node = node.parameter.node;
      } else {
        let next = node.fixed.get(part);
        if (!next) {
          next = { fixed: new Map(), methods: new Map() };
          node.fixed.set(part, next);
        }
        node = next;
      }
    }
    node.methods.set(line.method, line);
  }
  return root;
}

/** A volume id and a network have slashes, and Proxmox takes the rest of the path for them, encoded or not. */
const REST_OF_PATH = new Set(['volume', 'cidr']);

export interface Route {
  readonly api: ApiMethod;
  readonly pathParameters: Readonly<Record<string, string>>;
}

/** Finds the method for a decoded path (`/nodes/pve1/qemu/100`). Undefined is Proxmox's 501. */
export function findRoute(method: string, path: string): Route | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const pathParameters: Record<string, string> = {};
  let node = routes();
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index] as string;
    const fixed = node.fixed.get(part);
    if (fixed) {
      node = fixed;
    } else if (node.parameter) {
      const { name, node: next } = node.parameter;
      node = next;
      if (REST_OF_PATH.has(name)) {
        pathParameters[name] = parts.slice(index).join('/');
        break;
      }
      pathParameters[name] = part;
    } else return undefined;
  }
  const line = node.methods.get(method);
  return line && { api: complete(line), pathParameters };
}

/** Every method of the schema, for tests and for the list of what the lab answers. */
export function allMethods(): readonly { readonly method: string; readonly path: string }[] {
  return METHOD_TABLE.map((text) => JSON.parse(text) as MethodLine);
}

/** The definition of one method by its template, for callers that print or read property strings. */
export function methodOf(method: string, path: string): ApiMethod {
  const text = METHOD_TABLE.find((line) => line.startsWith(`{"method":"${method}","path":"${path}",`));
  if (!text) throw new Error(`no such API method: ${method} ${path}`);
  return complete(JSON.parse(text) as MethodLine);
}
