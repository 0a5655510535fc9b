// SPDX-License-Identifier: Apache-2.0
// Receives what scimctl relay sends, and prints it.
//
//   node examples/receiver.mjs 9100 /etc/mod_scim/relay.secret
//
// An event comes until it is answered with 2xx, so it may come twice: what has
// the id of one that is done already is thrown away.  Whatever keeps more than
// a printout remembers the ids for longer than this process.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, secretFile] = process.argv.slice(2);
const key = Buffer.from(readFileSync(secretFile, 'utf8').trim().replace(/^whsec_/, ''), 'base64');
const done = new Set();

function isGenuine(headers, body) {
    const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature = '' } = headers;
    const wanted = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`);
    return Math.abs(Date.now() / 1000 - time) < 300
        && signature.split(' ').map(one => Buffer.from(one))
            .some(one => one.length === wanted.length && timingSafeEqual(one, wanted));
}

createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    if (!isGenuine(request.headers, body)) {
        response.writeHead(401).end();
        return;
    }
    const event = JSON.parse(body);
    if (!done.has(event.id)) {
        console.log(event.sequence, event.kind, event.userName);
        done.add(event.id);
    }
    response.writeHead(204).end();
}).listen(Number(port), '127.0.0.1');
