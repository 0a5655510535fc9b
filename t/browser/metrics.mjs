// SPDX-License-Identifier: Apache-2.0
// Metrics on standard input, as a parser of Prometheus reads them, in JSON; for
// t/lib/Scim/Metrics.pm.
import { stdin, stdout } from 'node:process';
import parse from 'parse-prometheus-text-format';

const text = (await stdin.toArray()).join('');
stdout.write(JSON.stringify(parse(text)));
