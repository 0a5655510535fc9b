// An application behind httpd: it believes the headers that httpd sets.
//
//   node examples/application.mjs 9000
import { createServer } from 'node:http';

createServer((request, response) => {
    const told = Object.entries(request.headers).filter(([name]) => name.startsWith('x-'));
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.setHeader('Cache-Control', 'no-store');
    response.end([`The application, at ${request.url}`, ...told.map(([name, value]) => `${name}: ${value}`), ''].join('\n'));
}).listen(Number(process.argv[2] ?? 9000), '127.0.0.1');
