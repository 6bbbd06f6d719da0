// usage: openapi.mjs FILE
// FILE holds {"document", "exchanges": [{"method", "path", "request", "status", "type", "body"}]}: an OpenAPI document and
// what a server did. Prints {"problems": [...], "exercised", "documented"}: where the document is not valid, where an
// exchange is not what it says, and which answers it promises that no exchange shows.

import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const { document, exchanges } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const problems = [];

const validated = await new Validator({ strict: false }).validate(structuredClone(document));
if (!validated.valid) problems.push(`the document is not valid: ${JSON.stringify(validated.errors)}`);

// Strict: a keyword that does not exist is a mistake, too.
const ajv = addFormats(new Ajv2020.default({ strict: true, strictRequired: false, strictTypes: false, allErrors: true }));
ajv.addVocabulary(['components']);
ajv.addSchema({ $id: 'https://flyhook.example/', components: { schemas: document.components.schemas } });
const compiled = new Map();
function errorsOf(schema, value) {
  const key = JSON.stringify(schema);
  if (!compiled.has(key))
    compiled.set(key, ajv.compile({ ...schema, ...(schema.$ref && { $ref: `https://flyhook.example/${schema.$ref}` }) }));
  const validate = compiled.get(key);
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

const templates = Object.keys(document.paths).map((template) => ({
  template,
  pattern: new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
}));
const missing = new Set();
for (const [template, path] of Object.entries(document.paths))
  for (const [method, operation] of Object.entries(path))
    if (operation.operationId)
      for (const status of Object.keys(operation.responses)) missing.add(`${operation.operationId} ${status} (${method} ${template})`);
const documented = missing.size;

for (const { method, path, request, status, type, body } of exchanges) {
  const where = `${method} ${path}: ${status}`;
  const template = templates.find(({ pattern }) => pattern.test(path.split('?')[0]))?.template;
  const operation = document.paths[template]?.[method.toLowerCase()];
  if (!operation) {
    problems.push(`${where}: the document has no such operation`);
    continue;
  }
  missing.delete(`${operation.operationId} ${status} (${method.toLowerCase()} ${template})`);
  const answer = operation.responses[status];
  if (!answer) {
    problems.push(`${where}: the document has no such answer`);
    continue;
  }
  if (!answer.content) {
    if (body !== '') problems.push(`${where}: a body where there should be none`);
  } else {
    const media = answer.content[type.split(';')[0]];
    if (!media) {
      problems.push(`${where}: the document does not have the type ${type}`);
      continue;
    }
    const errors = errorsOf(media.schema, type.includes('json') ? JSON.parse(body) : body);
    if (errors) problems.push(`${where}: ${errors}: ${body}`);
  }
  if (status < 300 && request && operation.requestBody) {
    const errors = errorsOf(operation.requestBody.content['application/json'].schema, JSON.parse(request));
    if (errors) problems.push(`${where}: the server took what the document refuses: ${errors}: ${request}`);
  }
}
for (const answer of missing) problems.push(`no exchange shows ${answer}`);
console.log(JSON.stringify({ problems, exercised: documented - missing.size, documented }));
