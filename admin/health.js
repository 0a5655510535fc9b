// SPDX-License-Identifier: Apache-2.0
// How provisioning is doing: the last request and change of each token, how much
// was changed, refused and lost in the last days, and the wait for the first request.
import { api, countText, h, numberText, t, table, time } from './kit.js';

// Seconds between two looks at whether the identity provider has connected.
const POLL = 5;

const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

// "3 minutes ago", with the time itself for those who point at it.
function ago(text) {
    const seconds = Math.min(0, (new Date(text) - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, size]) => -seconds >= size) ?? ['second', 1];
    const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'auto' });
    return h('time', { datetime: text, title: time(text) }, words.format(Math.round(seconds / length), unit));
}

// What is counted, in the order of the bars from below.
const counted = () => [
    ['changes', t('changes'), '#/activity'],
    ['warnings', t('warnings'), '#/activity?kind=warning'],
    ['refusals', t('refused requests'), '#/activity?kind=refused'],
];

const sum = (spans, name) => spans.reduce((total, span) => total + span[name], 0);

function svg(tag, attributes, ...children) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
}

// A bar for each of the spans of time.  One request more than none must be seen.
function bars(spans, label) {
    const most = Math.max(1, ...spans.map(span => counted().reduce((total, [name]) => total + span[name], 0)));
    const parts = spans.flatMap((span, i) => {
        let top = 100;
        return counted().filter(([name]) => span[name]).map(([name]) => {
            const height = Math.max(4, 100 * span[name] / most);
            top -= height;
            return svg('rect', { class: name, x: i * 10 + 1, y: Math.max(0, top), width: 8, height });
        });
    });
    return svg('svg', { class: 'bars', role: 'img', 'aria-label': label, viewBox: `0 0 ${spans.length * 10} 100`, preserveAspectRatio: 'none' }, ...parts);
}

// The counts of some time, with its bars and, for those who want each number, a table.
function figure(title, spans, timeOf, heading) {
    const totals = counted().map(([name, text, href]) => [name, text, href, numberText(sum(spans, name))]);
    const busy = spans.filter(span => counted().some(([name]) => span[name]));
    return h('div', { class: 'figure' },
        h('h3', {}, title),
        bars(spans, `${title}: ${totals.map(([, text, , number]) => `${text} ${number}`).join(', ')}`),
        h('ul', { class: 'counts' },
            totals.map(([name, text, href, number]) => h('li', { class: `of-${name}` }, h('a', { href }, text), ' ', h('b', {}, number))),
            h('li', {}, t('all requests'), ' ', h('b', {}, numberText(sum(spans, 'requests'))))),
        busy.length ? h('details', {}, h('summary', {}, t('Show the numbers')),
            table('spans', title, [heading, ...totals.map(([, text]) => text)],
                busy.map(span => [timeOf(span), ...counted().map(([name]) => numberText(span[name]))]))) : null);
}

function tokenTable(tokens) {
    return table('uses', t('Tokens and their last use'), [t('Token'), t('Last request'), t('Last change'), t('Expires')], tokens.map(token => [
        token.name, token.lastRequest ? ago(token.lastRequest) : t('never'), token.lastChange ? ago(token.lastChange) : t('never'),
        token.expires ? time(token.expires) : t('never'),
    ]));
}

function neverTouched({ neverTouched: number, moreNeverTouched: isMore }) {
    return number ? h('p', {}, h('a', { href: '#/members?drift=never' },
        t('Accounts that provisioning has never touched: {count}', { count: countText(number, isMore) }))) : null;
}

// isInVain: a token is used although it has ended; stop: what makes it all that was, and
// nothing that goes on (stopOf).
function doing(health, { isInVain, stop }) {
    const last = (text, use) => h('li', {}, text, ' ', h('b', {}, ago(use.at)), ` (${use.token})`);
    return [
        stop ? h('p', { class: stop[0] }, stop[1]) : null,
        h('ul', { class: 'counts' },
            health.lastRequest ? last(t('Last request'), health.lastRequest) : null,
            health.lastChange ? last(t('Last change'), health.lastChange) : null),
        h('div', { class: 'figures' },
            figure(t('The last 24 hours'), health.hours, span => time(span.hour), t('From')),
            figure(t('The last 7 days'), health.days, span => time(span.from), t('From'))),
        isInVain ? h('p', { class: 'soft' }, t('Requests with a token that has ended or was deleted are refused, and not counted here.')) : null,
        health.tokens.length > 1 ? h('details', {}, h('summary', {}, t('Each token')), tokenTable(health.tokens)) : null,
        neverTouched(health),
    ].filter(Boolean);
}

// The section, which fills itself.  isExpected: whether a first request can come; then
// the page waits for it; isInVain and stop: see above.  Once there were requests,
// connected(health) is called.
function healthSection({ isExpected, ...known }, connected) {
    const content = h('div', {});
    const section = h('section', { class: 'health', hidden: true }, h('h2', {}, t('How provisioning is doing')), content);
    const status = h('p', { role: 'status' });
    let hasWaited = false;

    async function look() {
        const health = await api('health');
        section.hidden = false;
        if (health.waiting) {
            content.replaceChildren(status);
            status.className = isExpected ? 'warn waiting' : 'soft';
            status.textContent = isExpected ? t('Waiting for the first request of your identity provider…') : t('There has been no request yet.');
            hasWaited = isExpected;
            return isExpected;
        }
        if (hasWaited) {
            status.className = 'good';
            status.textContent = t('Your identity provider has connected.');
        }
        connected(health);
        content.replaceChildren(...hasWaited ? [status] : [], ...doing(health, known));
        return false;
    }

    // A page that nobody sees does not ask; what failed is asked again, but not
    // after the sign-in has ended.
    async function wait(goesOn = section.isConnected) {
        if (goesOn && (document.hidden || await look().catch(problem => hasWaited && problem.status !== 401))) {
            setTimeout(wait, POLL * 1000);
        }
    }

    wait(true);
    return section;
}

export { healthSection };
