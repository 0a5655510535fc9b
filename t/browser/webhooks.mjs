// SPDX-License-Identifier: Apache-2.0
// A webhook's receiver for t/86-relay.t: node webhooks.mjs PORT SECRET FILE.
// It checks signatures with the library of Standard Webhooks and writes each
// request as a line of JSON.  An event that sets the title "refuse N" is refused N
// times.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const [port, secret, file] = process.argv.slice(2);
const attempts = new Map();

function verified(body, headers) {
    try {
        new Webhook(secret).verify(body, headers);
        return true;
    } catch {
        return false;
    }
}

createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    const event = JSON.parse(body);
    const attempt = (attempts.get(event.sequence) ?? 0) + 1;
    const [, refusals = 0] = /^refuse (\d+)$/.exec(event.data?.after?.title) ?? [];
    const status = attempt <= refusals ? 503 : 204;
    attempts.set(event.sequence, attempt);
    appendFileSync(file, `${JSON.stringify({ event, status, id: request.headers['webhook-id'], type: request.headers['content-type'],
        verified: verified(body, request.headers) })}\n`);
    response.writeHead(status).end();
}).listen(Number(port), '127.0.0.1');
