import request from 'supertest';

import { startServer } from '../support/server.js';
import { codeIn, readDocument, sectionOf, tableOf } from '../unit/docs/markdown.js';

interface Operation {
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
}

interface Schema {
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** What both documents say of a call. */
interface Call {
  readonly fields: readonly string[];
  readonly needsToken: boolean;
}

/** What `/docs` shows. */
async function shownCalls(): Promise<{ calls: Map<string, Call>; summaries: (string | undefined)[] }> {
  const server = await startServer({ nodeEnv: 'development' });
  const { body } = await request(server.http).get('/docs-json').expect(200);
  const { paths, components } = body as OpenApi;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  );
  const fieldsOf = ({ requestBody }: Operation): string[] => {
    const { $ref = '' } = requestBody?.content['application/json'].schema ?? {};
    const { properties = {}, required = [] } = components.schemas[$ref.replace(/^.*\//, '')] ?? {};
    return Object.keys(properties).map((name) => (required.includes(name) ? name : `${name}?`));
  };
  const calls = operations.map(([name, operation]): [string, Call] => [
    name,
    { fields: fieldsOf(operation).toSorted(), needsToken: operation.security !== undefined },
  ]);
  return { calls: new Map(calls), summaries: operations.map(([, { summary }]) => summary) };
}

/** What the table of a README says. */
function listedCalls(): [string, Call][] {
  const rows = tableOf(sectionOf(readDocument('README.md'), '## REST'));
  return rows.map(([call = '', needs]) => {
    const [, fields] = /`\{([^}]+)\}`/.exec(call) ?? [];
    return [codeIn(call) ?? '', { fields: fields?.split(', ').toSorted() ?? [], needsToken: needs !== '–' }];
  });
}

describe('the REST calls', () => {
  it('are the same in README.md and in /docs, with the fields of their bodies and whether they need a token', async () => {
    const { calls } = await shownCalls();
    const listed = listedCalls();
    expect(new Map(listed)).toStrictEqual(calls);
    expect(listed).toHaveLength(calls.size);
  });

  it('each say in /docs what they do', async () => {
    const { summaries } = await shownCalls();
    expect(summaries.filter((summary) => !/\w+ \w+/.test(summary ?? ''))).toStrictEqual([]);
  });
});
