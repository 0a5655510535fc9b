// SPDX-License-Identifier: Apache-2.0
// Requests: what the identity provider has sent, without any value.
import {
    address, addressState, api, badge, button, filters, guarded, h, numberText, query, select, setAddressState, t, table, time,
} from './kit.js';

const PERIODS = { hour: 3_600_000, day: 86_400_000 };

function answered(request) {
    if (request.outcome === 'refused') {
        return badge(t('Refused ({status})', request), 'bad');
    }
    return request.outcome === 'changed' ? badge(t('Changed'), 'good')
        : request.method === 'GET' || request.filter ? badge(t('Read')) : badge(t('No change'));
}

// Names of the enterprise schema's attributes are long.
function shortened(text) {
    return text.replace(/urn:ietf:params:scim:schemas:[\w:.]*:2\.0:User:/g, '');
}

function asked(request) {
    const lines = [request.filter ? h('code', {}, shortened(request.filter)) : null,
        ...request.operations.map(line => h('code', {}, shortened(line)))].filter(Boolean);
    return lines.length ? h('ul', { class: 'changes' }, lines.map(line => h('li', {}, line))) : '';
}

function subjectOf(request) {
    const link = to => h('a', { href: `#/${to}/${request.resourceId}` }, address(request.userName ?? t('Group')));
    return request.userName ? link('members') : request.resourceType === 'Group' && request.resourceId ? link('groups') : null;
}

// The path without the organization and /v2, which are the same in all.
function pathOf(request) {
    const subject = subjectOf(request);
    return [h('code', {}, `${request.method} ${request.path.replace(/^\/[^/]*\/v2(?=\/)/, '')}`),
        request.count > 1 ? [' ', badge(t('{count} times', { count: numberText(request.count) }))] : [],
        subject ? [h('br'), subject] : []].flat();
}

function durationText({ duration }) {
    const milliseconds = duration / 1000;
    return t('{count} ms', { count: numberText(milliseconds < 10 ? Math.round(milliseconds * 10) / 10 : Math.round(milliseconds)) });
}

function requestsTable(entries) {
    return table('requests', t('Requests'), [t('Time'), t('Request'), t('What it asked for'), t('Outcome'), t('Duration'), t('Token')],
        entries.map(request => [time(request.at), pathOf(request), asked(request),
            [answered(request), request.warnings ? [' ', badge(t('Partly ignored'), 'warn')] : []].flat(),
            durationText(request), request.token]));
}

// The requests that the filters select, older ones on demand.
async function requestList({ period, ...chosen }) {
    const since = PERIODS[period] ? new Date(Date.now() - PERIODS[period]).toISOString() : '';
    const result = h('div', {});
    let entries = [];

    async function more(before) {
        const page = await api(`requests${query({ ...chosen, since, before })}`);
        entries = [...entries, ...page.entries];
        const isFiltered = Object.values({ ...chosen, since }).some(Boolean);
        result.replaceChildren(
            entries.length ? requestsTable(entries)
                : h('p', {}, isFiltered ? t('No requests found.')
                    : t('Your identity provider has not sent any request within seven days. Check the SCIM URL and the token there, and whether its provisioning is started.')),
            page.next ? button(t('Older requests'), () => guarded(() => more(page.next))) : '');
    }

    await more();
    return result;
}

async function requestsPage() {
    const result = h('div', {});
    // They are of the tables of the newer version.
    const { tokens } = await api('health').catch(() => ({ tokens: [] }));
    let chosen = addressState();
    let latest = 0;

    async function list() {
        const mine = ++latest;
        const found = await requestList(chosen);
        if (mine === latest) {
            setAddressState('#/requests', chosen);
            result.replaceChildren(found);
        }
    }

    const names = [...new Set([...tokens.map(token => token.name), chosen.token].filter(Boolean))];
    const form = filters([
        select('outcome', t('Outcome'), [['', t('all')], ['changed', t('changed')], ['refused', t('refused')],
            ['read', t('read, or no change')]], chosen.outcome),
        select('period', t('Period'), [['', t('seven days')], ['day', t('a day')], ['hour', t('an hour')]], chosen.period),
        select('token', t('Token'), [['', t('all')], ...names.map(name => [name, name])], chosen.token),
    ], data => {
        chosen = Object.fromEntries(data);
        guarded(list);
    });
    await list();
    return [
        h('h1', { tabindex: -1 }, t('Requests')),
        h('section', {},
            h('p', { class: 'soft' }, t('What your identity provider has sent with a valid token: about the latest 5000 requests of seven days, a few seconds after they came. GET reads, POST creates, PUT and PATCH change, DELETE deletes. Values are not stored: “…” stands for them. Requests that are the same, within a second, are one line with their number.')),
            form, result),
    ];
}

export { requestsPage };
