// SPDX-License-Identifier: Apache-2.0
// Holds answers to docs/openapi.json for t/64-openapi.t: node openapi.mjs FILE.
// Each line of FILE is {"at": [names that lead to a schema], "value": ...}; for each
// it prints a line, the errors or "[]".  The first line is about the document itself.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
const { errors = [] } = await new Validator().validate(structuredClone(document));
console.log(JSON.stringify(errors));

// Clients must bear new members of answers; this test must not.
(function close(node) {
    if (node.properties && node.type === 'object') {
        node.additionalProperties = false;
    }
    Object.values(node).filter(value => value && typeof value === 'object').forEach(close);
})(document);

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, 'openapi');
const pointer = names => names.map(name => '/' + encodeURIComponent(String(name).replace(/~/g, '~0').replace(/\//g, '~1'))).join('');
for (const line of readFileSync(process.argv[2], 'utf8').trimEnd().split('\n')) {
    const { at, value } = JSON.parse(line);
    const validate = ajv.getSchema(`openapi#${pointer(at)}`);
    validate(value);
    console.log(JSON.stringify((validate.errors ?? []).map(({ instancePath, message, params }) => ({ instancePath, message, params }))));
}
