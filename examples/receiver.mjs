// SPDX-License-Identifier: Apache-2.0
// Receives what scimctl relay sends.  As a program it prints the events:
//
//   node examples/receiver.mjs 9100 /etc/mod_scim/relay.secret
//
// An event comes until it is answered with 2xx, so it may come twice: what has
// the id of one that is done already is thrown away.  Whatever keeps more than
// a printout remembers the ids for longer than this process.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

function isGenuine(key, headers, body) {
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature = '' } = headers;
    const wanted = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`);
    return Math.abs(Date.now() / 1000 - time) < 300
        && signature.split(' ').map(one => Buffer.from(one))
            .some(one => one.length === wanted.length && timingSafeEqual(one, wanted));
}

// Calls handle(event) for each event, once.  If it throws, the event comes again.
export function receive(port, secretFile, handle) {
    const key = Buffer.from(readFileSync(secretFile, 'utf8').trim().replace(/^whsec_/, ''), 'base64');
    const done = new Set();
    return createServer(async (request, response) => {
        const body = (await request.toArray()).join('');
        if (!isGenuine(key, request.headers, body)) {
            response.writeHead(401).end();
            return;
        }
        const event = JSON.parse(body);
        try {
            if (!done.has(event.id)) {
                await handle(event);
                done.add(event.id);
            }
            response.writeHead(204).end();
        } catch (error) {
            console.error(error);
            response.writeHead(500).end();
        }
    }).listen(Number(port), '127.0.0.1');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const [port, secretFile] = process.argv.slice(2);
    receive(port, secretFile, event => console.log(event.sequence, event.kind, event.userName));
}
