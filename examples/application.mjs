// SPDX-License-Identifier: Apache-2.0
// An application behind httpd.  It trusts the headers that httpd sets and, as
// most applications do, keeps a session of its own for each browser.
//
//   node examples/application.mjs 9000
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const sessions = new Set();

function sessionOf(request, response) {
    const [, known] = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
    if (sessions.has(known)) {
        return 'going on';
    }
    const id = randomUUID();
    sessions.add(id);
    response.setHeader('Set-Cookie', `session=${id}; Path=/; HttpOnly; Secure; SameSite=Lax`);
    return 'new';
}

// httpd sends UTF-8, but Node.js decodes headers as ISO 8859-1.
function text(header) {
    return Buffer.from(header, 'latin1').toString('utf8');
}

createServer((request, response) => {
    const told = Object.entries(request.headers).filter(([name]) => name.startsWith('x-'));
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    response.end([`The application, at ${request.url}`, `session: ${sessionOf(request, response)}`,
        ...told.map(([name, value]) => `${name}: ${text(value)}`), ''].join('\n'));
}).listen(Number(process.argv[2] ?? 9000), '127.0.0.1');
