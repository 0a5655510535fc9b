// SPDX-License-Identifier: Apache-2.0
// An application behind httpd.  It trusts the headers that httpd sets and, as
// most applications do, keeps a session of its own for each browser.
//
//   node examples/application.mjs 9000 [9100 /etc/mod_scim/relay.secret]
//
// With the port and the secret of a relay it ends the sessions of people who are
// deactivated; what is open then, such as /stream, is closed.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { endSessions } from './end-sessions.mjs';

const [port = 9000, relayPort, secretFile] = process.argv.slice(2);
const sessions = new Map();

function sessionOf(request, response) {
    const [, known] = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
    const account = request.headers['x-account-id'];
    if (sessions.get(known)?.account === account && sessions.has(known)) {
        return ['going on', sessions.get(known)];
    }
    const id = randomUUID();
    sessions.set(id, { account, sockets: new Set() });
    response.setHeader('Set-Cookie', `session=${id}; Path=/; HttpOnly; Secure; SameSite=Lax`);
    return ['new', sessions.get(id)];
}

// httpd sends UTF-8, but Node.js decodes headers as ISO 8859-1.
function text(header) {
    return Buffer.from(header, 'latin1').toString('utf8');
}

createServer((request, response) => {
    const [state, session] = sessionOf(request, response);
    const told = Object.entries(request.headers).filter(([name]) => name.startsWith('x-'));
    const page = [`The application, at ${request.url}`, `session: ${state}`,
        ...told.map(([name, value]) => `${name}: ${text(value)}`), ''].join('\n');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    if (request.url.endsWith('/stream')) {
        session.sockets.add(request.socket);
        request.socket.on('close', () => session.sockets.delete(request.socket));
        response.write(page);
        return;
    }
    response.end(page);
}).listen(Number(port), '127.0.0.1');

if (relayPort) {
    endSessions(sessions, relayPort, secretFile);
}
