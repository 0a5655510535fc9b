// SPDX-License-Identifier: Apache-2.0
// Requests over HTTP/2, for t/lib/Scim/Http2.pm: reads two lines for each request, JSON
// and the body in base64, and writes two such lines with its answer.
//
//   node t/http2.mjs https://127.0.0.1:8443 ca.crt
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import readline from 'node:readline';

const [origin, ca] = process.argv.slice(2);
let session;

function connected() {
    if (!session || session.closed || session.destroyed) {
        session = http2.connect(origin, ca ? { ca: readFileSync(ca) } : {});
        session.on('error', () => {});
        session.on('goaway', () => { session = undefined; });
    }
    return session;
}

// Each piece in a DATA frame of its own, until the server accepts no more.
async function send(stream, pieces, pause, end) {
    for (const piece of pieces) {
        if (stream.destroyed || stream.closed) {
            return;
        }
        await new Promise(done => setTimeout(done, 1000 * pause));
        await new Promise(done => stream.write(piece, done));
    }
    if (end === 'end') {
        stream.end();
    }
    if (end === 'cancel') {
        stream.close(http2.constants.NGHTTP2_CANCEL);
    }
}

function cut(body, lengths) {
    let at = 0;
    return lengths.map(length => body.subarray(at, at += length));
}

function request({ headers, lengths, pause, end }, body) {
    const pieces = cut(body, lengths);
    const named = {};
    for (const [name, value] of headers) {
        named[name] = value;
    }
    return new Promise(resolve => {
        const parts = [];
        const answer = { headers: {} };
        let stream;
        try {
            stream = connected().request(named, { endStream: pieces.length === 0 && end === 'end' });
        } catch (error) {
            resolve([{ error: `not sent: ${error.message}` }, Buffer.alloc(0)]);
            return;
        }
        stream.on('response', head => {
            answer.status = head[':status'];
            for (const name of Object.keys(head).filter(name => !name.startsWith(':'))) {
                answer.headers[name] = String(head[name]);
            }
        });
        stream.on('data', part => parts.push(part));
        stream.on('error', error => { answer.error = `${error.code ?? ''} ${error.message}`; });
        stream.on('aborted', () => {
            if (end === 'end') {
                answer.error = 'the stream was reset before the request was sent';
            }
        });
        stream.on('close', () => {
            if (!answer.status) {
                answer.error ??= `no answer, reset ${stream.rstCode}`;
            }
            resolve([answer, Buffer.concat(parts)]);
        });
        if (pieces.length > 0 || end !== 'end') {
            send(stream, pieces, pause, end);
        }
    });
}

let given;
for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!given) {
        given = JSON.parse(line);
        continue;
    }
    const [answer, content] = await request(given, Buffer.from(line, 'base64'));
    process.stdout.write(`${JSON.stringify(answer)}\n${content.toString('base64')}\n`);
    given = undefined;
}
session?.destroy();
