// SPDX-License-Identifier: Apache-2.0
// node's test events as the TAP that prove reads: its own reporter writes YAML
// that Perl's parser does not know.
export default async function* tap(events) {
    let count = 0;
    for await (const { type, data } of events) {
        if ((type !== 'test:pass' && type !== 'test:fail') || data.nesting > 0) {
            continue;
        }
        count += 1;
        yield `${type === 'test:pass' ? 'ok' : 'not ok'} ${count} - ${data.name.replace(/#/g, '\\#')}\n`;
        if (type === 'test:fail') {
            const { cause } = data.details.error;
            // prove shows standard error.
            process.stderr.write(`${data.name}: ${cause?.stack ?? cause ?? data.details.error}`.replace(/^/gm, '# ') + '\n');
        }
    }
    yield `1..${count}\n`;
}
