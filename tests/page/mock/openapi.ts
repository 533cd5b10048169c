/** Holds requests and answers to `openapi.yaml`, word for word. */

import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

interface Reference {
  readonly $ref?: string;
}
interface Body extends Reference {
  readonly content?: Record<string, { schema: object }>;
  readonly required?: boolean;
}
interface Parameter extends Reference {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: object;
}
interface Operation {
  readonly parameters?: Parameter[];
  readonly requestBody?: Body;
  readonly responses: Record<string, Body>;
}
type Path = Record<string, Operation> & { readonly parameters?: Parameter[] };
interface Document {
  readonly paths: Record<string, Path>;
}

const ID = 'https://openapi.invalid/people';

export class Contract {
  private readonly document: Document;
  private readonly ajv: Ajv2020;
  private readonly compiled = new Map<object, ValidateFunction>();

  constructor(file: string) {
    this.document = parse(readFileSync(file, 'utf8')) as Document;
    this.ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.ajv);
    this.ajv.addSchema({ $id: ID, ...this.document });
  }

  private resolved<T extends Reference>(thing: T): T {
    if (thing.$ref === undefined) return thing;
    const parts = thing.$ref.replace('#/', '').split('/');
    return parts.reduce<unknown>((now, part) => (now as Record<string, unknown>)[part], this.document) as T;
  }

  private operation(method: string, path: string): { operation: Operation; parameters: Parameter[] } | null {
    for (const [template, methods] of Object.entries(this.document.paths)) {
      const expression = new RegExp(`^${template.replace(/\{(\w+)\}/g, '[^/]+')}$`);
      const operation = methods[method.toLowerCase()];
      if (!expression.test(path) || operation === undefined) continue;
      const parameters = [...(methods.parameters ?? []), ...(operation.parameters ?? [])];
      return { operation, parameters: parameters.map((parameter) => this.resolved(parameter)) };
    }
    return null;
  }

  private faults(schema: object, value: unknown): string[] {
    let validate = this.compiled.get(schema);
    if (validate === undefined) {
      const based = JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', `"$ref":"${ID}#/`)) as object;
      validate = this.ajv.compile(based);
      this.compiled.set(schema, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
  }

  /** What is wrong with a request; empty where nothing is. */
  request(method: string, path: string, query: URLSearchParams, headers: Record<string, unknown>, body: unknown): string[] {
    const found = this.operation(method, path);
    if (found === null) return [`no operation ${method} ${path}`];
    const faults: string[] = [];
    const known = new Set(found.parameters.filter((one) => one.in === 'query').map(({ name }) => name));
    for (const name of query.keys()) if (!known.has(name)) faults.push(`unknown parameter ${name}`);
    for (const { name, in: where, schema } of found.parameters) {
      const raw = where === 'query' ? query.get(name) : where === 'header' ? headers[name.toLowerCase()] : undefined;
      if (raw === null || raw === undefined) continue;
      const isNumber = (schema as { type?: string }).type === 'integer';
      faults.push(...this.faults(schema, isNumber ? Number(raw) : raw).map((text) => `${name}${text}`));
    }
    const wanted = found.operation.requestBody;
    const schema = wanted?.content?.['application/json']?.schema;
    if (body === undefined) return wanted?.required === true ? [...faults, 'no body'] : faults;
    if (schema === undefined) return [...faults, 'a body that nobody asked for'];
    return [...faults, ...this.faults(schema, body)];
  }

  /** What is wrong with an answer of the mock's own. */
  answer(method: string, path: string, status: number, body: unknown): string[] {
    const found = this.operation(method, path);
    const answer = found?.operation.responses[String(status)];
    if (answer === undefined) return [`${method} ${path} has no answer ${status}`];
    const schema = this.resolved(answer).content?.['application/json']?.schema;
    return schema === undefined ? [`${status} has no JSON`] : this.faults(schema, body);
  }
}
